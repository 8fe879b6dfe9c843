//! Ways to a cluster.

use std::path::PathBuf;
use std::time::Duration;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};

use super::ClusterError;

/// How to reach a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Connection {
    /// As kubectl and client libraries do: `$KUBECONFIG`, else `~/.kube/config`, else the pod's service account.
    Default,
    /// Kubeconfig files, earlier ones first. Exec plugins and proxies are used as they say.
    Kubeconfig {
        /// The files; as kubectl finds them where empty.
        files: Vec<PathBuf>,
        /// Context; the current one where `None`.
        context: Option<String>,
    },
    /// The service account of the pod that this runs in.
    InCluster,
    /// A server with a token from a file.
    Token(TokenAccess),
}

/// A server with a token from a file. The file is read again when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAccess {
    /// URL of the API server.
    pub server: String,
    /// File with the token.
    pub token_file: PathBuf,
    /// File with the certificate authority, PEM; the system's own where `None`.
    pub ca_file: Option<PathBuf>,
    /// Name that the server's certificate must have, where it is not the one in the URL.
    pub tls_server_name: Option<String>,
}

impl Connection {
    /// Reads what is needed to connect.
    pub(super) async fn config(&self) -> Result<Config, ClusterError> {
        let mut config = match self {
            Self::Default => Config::infer().await.map_err(|error| {
                unusable(
                    "neither a kubeconfig nor a service account is usable; name one",
                    error,
                )
            })?,
            Self::Kubeconfig { files, context } => kubeconfig(files, context.clone()).await?,
            Self::InCluster => Config::incluster()
                .map_err(|error| unusable("there is no service account; run this in a pod", error))?,
            Self::Token(access) => token(access)?,
        };
        config.connect_timeout = Some(Duration::from_secs(5));
        // A deadline is put around every request; the client's own retries would not know it.
        config.default_retry = false;
        Ok(config)
    }
}

async fn kubeconfig(files: &[PathBuf], context: Option<String>) -> Result<Config, ClusterError> {
    let options = KubeConfigOptions {
        context,
        ..KubeConfigOptions::default()
    };
    let read = |error| {
        unusable(
            "the kubeconfig cannot be used; check the file and the context",
            error,
        )
    };
    if files.is_empty() {
        return Config::from_kubeconfig(&options).await.map_err(read);
    }
    let mut merged: Option<Kubeconfig> = None;
    for file in files {
        let next = Kubeconfig::read_from(file).map_err(read)?;
        merged = Some(match merged {
            Some(merged) => merged.merge(next).map_err(read)?,
            None => next,
        });
    }
    Config::from_custom_kubeconfig(merged.unwrap_or_default(), &options)
        .await
        .map_err(read)
}

fn token(access: &TokenAccess) -> Result<Config, ClusterError> {
    let url = access
        .server
        .parse()
        .map_err(|error: http::uri::InvalidUri| unusable("the server is not a URL", error))?;
    let mut config = Config::new(url);
    config.auth_info.token_file = Some(access.token_file.to_string_lossy().into_owned());
    config.root_cert_file = access.ca_file.clone();
    config.tls_server_name.clone_from(&access.tls_server_name);
    Ok(config)
}

/// The client of a configuration. Runs exec plugins, so it must not run where it would block others.
pub(super) fn client(config: Config) -> Result<kube::Client, ClusterError> {
    kube::Client::try_from(config).map_err(|error| {
        unusable(
            "the credentials cannot be used; check the certificate or exec plugin",
            error,
        )
    })
}

fn unusable(reason: &str, error: impl std::error::Error + Send + Sync + 'static) -> ClusterError {
    ClusterError::Config {
        reason: reason.to_owned(),
        source: Some(Box::new(error)),
    }
}
