//! Ways to the cluster and to the other sources.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use claw_core::http::{Auth, ClientConfig};
use claw_k8s::cluster::{Cluster, Connection, KubeCluster, Limits, Proxies};
use claw_metrics::grafana::{FindDashboards, GrafanaAnnotations, GrafanaConfig};
use claw_metrics::jaeger::{JaegerConfig, JaegerDependencies};
use claw_metrics::logs::LogSource;
use claw_metrics::logs::elasticsearch::{Elasticsearch, ElasticsearchConfig};
use claw_metrics::logs::loki::{Loki, LokiConfig};
use claw_metrics::prometheus::{Prometheus, PrometheusConfig};
use claw_metrics::source::MetricSource;
use claw_workflows::assemble::Sources;
use kube::config::Kubeconfig;

use crate::args::{ClusterArguments, SourceArguments};
use crate::failure::Failure;
use crate::files;

/// A cluster, and what it is called.
#[derive(Debug)]
pub(crate) struct Connected {
    /// The context of the kubeconfig, or `in-cluster`.
    pub(crate) name: String,
    /// Namespace of what is named without one.
    pub(crate) namespace: String,
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// How it was reached.
    pub(crate) connection: Connection,
}

/// Reads the credentials. `token_path` is the one of a definition; the argument goes before it.
pub(crate) async fn cluster(
    given: &ClusterArguments,
    token_path: Option<&str>,
) -> Result<Connected, Failure> {
    let files = match &given.kubeconfig {
        Some(paths) => split(paths.as_os_str()),
        None => existing(split(&variable("KUBECONFIG").unwrap_or_default())),
    };
    let merged = kubeconfig(&files, given.context.is_some())?;
    let (name, mut connection) = match merged {
        Some(config) => {
            let name = given.context.clone().or(config.current_context);
            let context = given.context.clone();
            let connection = Connection::Kubeconfig { files, context };
            (name.unwrap_or_else(|| "default".to_owned()), connection)
        }
        None => ("in-cluster".to_owned(), Connection::Default),
    };
    if let Some(path) = given.token_path.as_deref().or(token_path.map(Path::new)) {
        files::secret(path, "service account token")?;
        connection = Connection::WithToken {
            server_of: Box::new(connection),
            token_file: path.to_owned(),
        };
    }
    let reader = KubeCluster::connect_through(connection.clone(), proxies(), Limits::default()).await?;
    Ok(Connected {
        connection,
        name,
        namespace: reader.default_namespace().to_owned(),
        cluster: Cluster::new(Arc::new(reader)),
    })
}

fn split(paths: &OsStr) -> Vec<PathBuf> {
    std::env::split_paths(paths)
        .filter(|path| !path.as_os_str().is_empty())
        .collect()
}

/// As kubectl does it: a file that the variable lists need not be there, one that was asked for must.
fn existing(files: Vec<PathBuf>) -> Vec<PathBuf> {
    files.into_iter().filter(|file| file.exists()).collect()
}

/// As the environment has them.
pub(crate) fn proxies() -> Proxies {
    let either = |upper: &str, lower: &str| {
        let text = |name| Some(variable(name)?.to_string_lossy().into_owned());
        let is_set = |value: &String| !value.trim().is_empty();
        text(upper).filter(is_set).or_else(|| text(lower))
    };
    Proxies {
        https: either("HTTPS_PROXY", "https_proxy"),
        none_for: either("NO_PROXY", "no_proxy"),
    }
}

#[allow(clippy::disallowed_methods)] // where the environment is read
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The kubeconfig that kubectl would use; `None` where there is none, as in a pod.
fn kubeconfig(files: &[PathBuf], wanted: bool) -> Result<Option<Kubeconfig>, Failure> {
    let unusable = |error| {
        Failure::new(
            "the kubeconfig cannot be used",
            "check the file; `kubectl config view` reads the same",
        )
        .because(error)
    };
    let mut merged: Option<Kubeconfig> = None;
    for file in files {
        let next = Kubeconfig::read_from(file).map_err(unusable)?;
        merged = Some(match merged {
            Some(merged) => merged.merge(next).map_err(unusable)?,
            None => next,
        });
    }
    match merged {
        Some(merged) => Ok(Some(merged)),
        None => match Kubeconfig::read() {
            Ok(config) => Ok(Some(config)),
            Err(error) if wanted => Err(unusable(error)),
            Err(_) => Ok(None),
        },
    }
}

/// The cluster with the other sources that were given.
pub(crate) fn sources(given: &SourceArguments, cluster: Cluster) -> Result<Sources, Failure> {
    let mut sources = Sources::new().cluster(cluster);
    if let Some(metrics) = metrics(given)? {
        sources = sources.metrics(metrics);
    }
    if let Some(logs) = logs(given)? {
        sources = sources.logs(logs);
    }
    if let Some(url) = &given.grafana {
        let grafana = grafana(url, given)?;
        sources = sources
            .tool(Arc::new(GrafanaAnnotations::new(grafana.clone())?))
            .tool(Arc::new(FindDashboards::new(grafana)?));
    }
    if let Some(url) = &given.jaeger {
        sources = sources.tool(Arc::new(JaegerDependencies::new(JaegerConfig::at(url))?));
    }
    Ok(sources)
}

fn grafana(url: &str, given: &SourceArguments) -> Result<GrafanaConfig, Failure> {
    let mut http = ClientConfig::at(url);
    if let Some(path) = &given.grafana_token_file {
        files::secret(path, "token for Grafana")?;
        http = http.with_auth(Auth::BearerFile(path.clone()));
    }
    Ok(GrafanaConfig {
        http,
        tags: given.grafana_tags.clone(),
        public_url: given.grafana_public_url.clone(),
    })
}

/// Where metrics are, if that was given.
pub(crate) fn metrics(given: &SourceArguments) -> Result<Option<Arc<dyn MetricSource>>, Failure> {
    let Some(url) = &given.prometheus else {
        return Ok(None);
    };
    let mut http = tenant(ClientConfig::at(url), given);
    if let Some(path) = &given.prometheus_token_file {
        files::secret(path, "token for Prometheus")?;
        http = http.with_auth(Auth::BearerFile(path.clone()));
    }
    let config = PrometheusConfig {
        http,
        ..PrometheusConfig::default()
    };
    Ok(Some(Arc::new(Prometheus::new(config)?)))
}

fn logs(given: &SourceArguments) -> Result<Option<Arc<dyn LogSource>>, Failure> {
    if let Some(url) = &given.loki {
        let config = LokiConfig {
            http: tenant(ClientConfig::at(url), given),
            ..LokiConfig::default()
        };
        return Ok(Some(Arc::new(Loki::new(config)?)));
    }
    let Some(url) = &given.elasticsearch else {
        return Ok(None);
    };
    let config = ElasticsearchConfig {
        http: ClientConfig::at(url),
        index: given.elasticsearch_index.clone(),
        ..ElasticsearchConfig::default()
    };
    Ok(Some(Arc::new(Elasticsearch::new(config)?)))
}

fn tenant(http: ClientConfig, given: &SourceArguments) -> ClientConfig {
    match &given.tenant {
        Some(tenant) => http.with_header("X-Scope-OrgID", tenant.clone()),
        None => http,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_the_variable_lists_need_not_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("config");
        std::fs::write(&there, "").unwrap();
        let absent = folder.path().join("absent");
        let list = std::env::join_paths([absent.as_path(), Path::new(""), &there]).unwrap();
        assert_eq!(existing(split(&list)), [there]);
        // What was named by hand must be.
        assert!(kubeconfig(&[absent], false).is_err());
    }
}
