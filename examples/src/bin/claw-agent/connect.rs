//! Ways to the cluster and to the sources of metrics and logs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use claw_core::http::{Auth, ClientConfig};
use claw_k8s::cluster::{Cluster, Connection, KubeCluster, Limits};
use claw_metrics::logs::LogSource;
use claw_metrics::logs::elasticsearch::{Elasticsearch, ElasticsearchConfig};
use claw_metrics::logs::loki::{Loki, LokiConfig};
use claw_metrics::prometheus::{Prometheus, PrometheusConfig};
use claw_metrics::source::MetricSource;
use claw_workflows::assemble::Sources;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};

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
}

/// Reads the credentials. `token_path` is the one of a definition; the argument goes before it.
pub(crate) async fn cluster(
    given: &ClusterArguments,
    token_path: Option<&str>,
) -> Result<Connected, Failure> {
    let files: Vec<PathBuf> = given
        .kubeconfig
        .as_ref()
        .map(|paths| {
            std::env::split_paths(paths)
                .filter(|path| !path.as_os_str().is_empty())
                .collect()
        })
        .unwrap_or_default();
    let merged = kubeconfig(&files, given.context.is_some())?;
    let named = |name: &str| name.to_owned();
    let (name, namespace) = match &merged {
        Some(config) => {
            let name = given.context.clone().or_else(|| config.current_context.clone());
            let name = name.unwrap_or_else(|| named("default"));
            let context = config.contexts.iter().find(|context| context.name == name);
            let namespace = context.and_then(|context| context.context.as_ref()?.namespace.clone());
            (name, namespace.unwrap_or_else(|| named("default")))
        }
        None => (named("in-cluster"), named("default")),
    };
    let connection = match &merged {
        Some(_) => Connection::Kubeconfig {
            files,
            context: given.context.clone(),
        },
        None => Connection::Default,
    };
    let token = given.token_path.as_deref().or(token_path.map(Path::new));
    let reader = match token {
        None => KubeCluster::connect(connection, Limits::default()).await?,
        Some(path) => with_token(merged, given.context.clone(), path).await?,
    };
    Ok(Connected {
        name,
        namespace,
        cluster: Cluster::new(Arc::new(reader)),
    })
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

/// The server of the kubeconfig, or of the pod, with the token in a file, which is read again when it changes.
async fn with_token(
    merged: Option<Kubeconfig>,
    context: Option<String>,
    path: &Path,
) -> Result<KubeCluster, Failure> {
    files::secret(path, "service account token")?;
    let options = KubeConfigOptions {
        context,
        ..KubeConfigOptions::default()
    };
    let unusable = "the way to the cluster cannot be read";
    let mut config = match merged {
        Some(merged) => kube::Config::from_custom_kubeconfig(merged, &options)
            .await
            .map_err(|error| Failure::new(unusable, "check the kubeconfig and the context").because(error))?,
        None => kube::Config::incluster().map_err(|error| {
            Failure::new(
                unusable,
                "give a kubeconfig that names the server, or run in a pod",
            )
            .because(error)
        })?,
    };
    config.auth_info = AuthInfo {
        token_file: Some(path.to_string_lossy().into_owned()),
        ..AuthInfo::default()
    };
    config.connect_timeout = Some(std::time::Duration::from_secs(5));
    // Deadlines are put around every request; retries of the client's own would not know them.
    config.default_retry = false;
    let client = kube::Client::try_from(config)
        .map_err(|error| Failure::new(unusable, "check the certificate of the server").because(error))?;
    Ok(KubeCluster::with_client(client, Limits::default()))
}

/// The cluster with the sources of metrics and logs that were given.
pub(crate) fn sources(given: &SourceArguments, cluster: Cluster) -> Result<Sources, Failure> {
    let mut sources = Sources::new().cluster(cluster);
    if let Some(metrics) = metrics(given)? {
        sources = sources.metrics(metrics);
    }
    if let Some(logs) = logs(given)? {
        sources = sources.logs(logs);
    }
    Ok(sources)
}

fn metrics(given: &SourceArguments) -> Result<Option<Arc<dyn MetricSource>>, Failure> {
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
