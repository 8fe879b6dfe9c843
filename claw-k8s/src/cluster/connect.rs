//! Ways to a cluster.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::Config;
use kube::config::{AuthInfo, ExecAuthCluster, Kubeconfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::ClusterError;
use super::proxy::{self, Proxies};

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
    /// The server of another connection, with the token in a file in place of the credentials there. The file is read again
    /// when it changes.
    WithToken {
        /// Where the server is named.
        server_of: Box<Connection>,
        /// File with the token.
        token_file: PathBuf,
    },
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
    pub(super) fn config(&self, proxies: &Proxies) -> Result<Config, ClusterError> {
        let mut config = match self {
            Self::Default => match Kubeconfig::read().map(|read| kubeconfig(read, None, proxies)) {
                Ok(Ok(config)) => config,
                Ok(Err(error)) => in_cluster().map_err(|_| error)?,
                Err(error) => in_cluster().map_err(|_| {
                    unusable(
                        "neither a kubeconfig nor a service account is usable; name one",
                        error,
                    )
                })?,
            },
            Self::Kubeconfig { files, context } => kubeconfig(merged(files)?, context.as_deref(), proxies)?,
            Self::InCluster => in_cluster()?,
            Self::Token(access) => token(access, proxies)?,
            Self::WithToken {
                server_of,
                token_file,
            } => {
                let mut config = server_of.config(proxies)?;
                config.auth_info = with_token(token_file);
                config
            }
        };
        config.connect_timeout = Some(Duration::from_secs(5));
        // A deadline is put around every request; the client's own retries would not know it.
        config.default_retry = false;
        Ok(config)
    }
}

/// The service account. The way from a pod to its own API server leads through no proxy.
fn in_cluster() -> Result<Config, ClusterError> {
    let mut config = Config::incluster()
        .map_err(|error| unusable("there is no service account; run this in a pod", error))?;
    config.default_namespace = namespace(&config.default_namespace);
    Ok(config)
}

/// A namespace as a file or a kubeconfig has it.
fn namespace(text: &str) -> String {
    match text.trim() {
        "" => "default".to_owned(),
        name => name.to_owned(),
    }
}

fn merged(files: &[PathBuf]) -> Result<Kubeconfig, ClusterError> {
    if files.is_empty() {
        return Kubeconfig::read().map_err(unreadable);
    }
    files.iter().try_fold(Kubeconfig::default(), |merged, file| {
        let next = Kubeconfig::read_from(file).map_err(unreadable)?;
        merged.merge(next).map_err(unreadable)
    })
}

/// What a context of a kubeconfig says.
///
/// [`Config::from_custom_kubeconfig`] asks the environment for proxies by itself, compares `NO_PROXY` with the proxy instead
/// of the server, and fails on a part of it that is empty. So the context is read here.
fn kubeconfig(
    kubeconfig: Kubeconfig,
    context: Option<&str>,
    proxies: &Proxies,
) -> Result<Config, ClusterError> {
    let missing = |reason: String| ClusterError::Config { reason, source: None };
    let name = context
        .map(str::to_owned)
        .or(kubeconfig.current_context)
        .filter(|name| !name.is_empty())
        .ok_or_else(|| missing("the kubeconfig has no current context; name one".to_owned()))?;
    let context = kubeconfig
        .contexts
        .into_iter()
        .find(|context| context.name == name)
        .and_then(|context| context.context)
        .ok_or_else(|| {
            missing(format!(
                "the kubeconfig has no context {name}; `kubectl config get-contexts` lists them"
            ))
        })?;
    let cluster = kubeconfig
        .clusters
        .into_iter()
        .find(|cluster| cluster.name == context.cluster)
        .and_then(|cluster| cluster.cluster)
        .ok_or_else(|| {
            missing(format!(
                "the kubeconfig has no cluster {}, which the context {name} names; correct one of them",
                context.cluster
            ))
        })?;
    let server = cluster.server.as_deref().ok_or_else(|| {
        missing(format!(
            "the cluster {} of the kubeconfig has no server; add it",
            context.cluster
        ))
    })?;
    let seen = ExecAuthCluster::try_from(&cluster).map_err(unreadable)?;
    let mut config = Config::new(url(server)?);
    config.root_cert = seen
        .certificate_authority_data
        .as_deref()
        .map(certificates)
        .transpose()?;
    config.default_namespace = namespace(context.namespace.as_deref().unwrap_or_default());
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.disable_compression = cluster.disable_compression.unwrap_or(false);
    config.proxy_url = match cluster.proxy_url.as_deref().map(str::trim) {
        None | Some("") => proxies.to(&config.cluster_url)?,
        Some(named) => Some(proxy::parse(named, "the kubeconfig")?),
    };
    config.tls_server_name = cluster.tls_server_name;
    // As in kubectl, a user that is not there is nobody.
    let mut user = kubeconfig
        .auth_infos
        .into_iter()
        .find(|user| Some(&user.name) == context.user.as_ref())
        .and_then(|user| user.auth_info)
        .unwrap_or_default();
    if let Some(exec) = user.exec.as_mut().filter(|exec| exec.provide_cluster_info) {
        exec.cluster = Some(seen);
    }
    config.auth_info = user;
    Ok(config)
}

/// The certificates of a PEM file.
fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, ClusterError> {
    CertificateDer::pem_slice_iter(pem)
        .map(|certificate| certificate.map(|certificate| certificate.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(unreadable)
}

fn url(server: &str) -> Result<http::Uri, ClusterError> {
    server
        .parse()
        .map_err(|error: http::uri::InvalidUri| unusable("the server is not a URL", error))
}

fn with_token(file: &Path) -> AuthInfo {
    // Whatever writes tokens as `kubectl create token` does ends them with a line's end, which the client library would send along.
    // Such a file is not one that a kubelet replaces: it is read again when its token is not accepted any more.
    if let Ok(text) = std::fs::read_to_string(file)
        && text.trim() != text
    {
        return AuthInfo {
            token: Some(text.trim().to_owned().into()),
            ..AuthInfo::default()
        };
    }
    AuthInfo {
        token_file: Some(file.to_string_lossy().into_owned()),
        ..AuthInfo::default()
    }
}

fn token(access: &TokenAccess, proxies: &Proxies) -> Result<Config, ClusterError> {
    let mut config = Config::new(url(&access.server)?);
    config.proxy_url = proxies.to(&config.cluster_url)?;
    config.auth_info = with_token(&access.token_file);
    config.root_cert_file = access.ca_file.clone();
    config.tls_server_name.clone_from(&access.tls_server_name);
    Ok(config)
}

/// The client of a configuration. Runs exec plugins, so it must not run where it would block others.
pub(super) fn client(config: Config) -> Result<kube::Client, ClusterError> {
    kube::Client::try_from(config).map_err(|error| match error {
        // They quote the URL of the proxy, with the password in it.
        kube::Error::ProxyProtocolUnsupported { .. } | kube::Error::ProxyProtocolDisabled { .. } => {
            ClusterError::Config {
                reason: "the proxy is of a scheme that cannot be used; name one of http, https or socks5"
                    .to_owned(),
                source: None,
            }
        }
        error => unusable(
            "the credentials cannot be used; check the certificate or exec plugin",
            error,
        ),
    })
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> ClusterError {
    unusable(
        "the kubeconfig cannot be used; check the file and the context",
        error,
    )
}

fn unusable(reason: &str, error: impl std::error::Error + Send + Sync + 'static) -> ClusterError {
    ClusterError::Config {
        reason: reason.to_owned(),
        source: Some(Box::new(error)),
    }
}
