use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use super::client::without_user_info;

/// How to reach a service.
///
/// Times are read and written like `10s` or `1m 30s`. Secrets do not show in the `Debug` form.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientConfig {
    /// Where the service is, with the path that all its paths begin with. Without it, requests name whole URLs.
    ///
    /// A user and password in the URL are taken out and used as [`Auth::Basic`].
    pub base_url: Option<String>,
    /// How the client proves who it is.
    pub auth: Auth,
    /// The client's certificate where the service asks for one.
    pub identity: Option<ClientIdentity>,
    /// Certificate authorities to trust besides those of the system, in PEM.
    pub ca: Option<Pem>,
    /// Headers of every request, for example a tenant (`X-Scope-OrgID`). Their values are treated as secrets.
    pub headers: BTreeMap<String, SecretString>,
    /// Which proxy requests go through.
    pub proxy: Proxy,
    /// Longest time until a connection stands. Default 5 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub connect_timeout: Duration,
    /// Longest time for one attempt, connection and body included. Default 30 s. The run's deadline goes first.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub request_timeout: Duration,
    /// Largest answer in bytes, counted after decompression. Default 32 MiB.
    pub max_response_bytes: usize,
    /// How often a request that is safe to repeat is tried again. Default 2.
    pub max_retries: u32,
    /// Value of the `User-Agent` header.
    pub user_agent: String,
}

impl ClientConfig {
    /// The defaults for the service at `base_url`.
    pub fn at(base_url: impl Into<String>) -> Self {
        Self {
            base_url: Some(base_url.into()),
            ..Self::default()
        }
    }

    /// Sets how the client proves who it is.
    #[must_use]
    pub fn with_auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Adds a header to every request.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<SecretString>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            base_url: None,
            auth: Auth::None,
            identity: None,
            ca: None,
            headers: BTreeMap::new(),
            proxy: Proxy::System,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            max_response_bytes: 32 * 1024 * 1024,
            max_retries: 2,
            user_agent: concat!("claw/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base_url = self.base_url.as_deref().map(without_user_info);
        f.debug_struct("ClientConfig")
            .field("base_url", &base_url)
            .field("auth", &self.auth)
            .field("identity", &self.identity)
            .field("ca", &self.ca)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("proxy", &self.proxy)
            .field("connect_timeout", &self.connect_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("max_response_bytes", &self.max_response_bytes)
            .field("max_retries", &self.max_retries)
            .field("user_agent", &self.user_agent)
            .finish()
    }
}

/// How a client proves who it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// A bearer token.
    Bearer(SecretString),
    /// A bearer token in a file, read anew for every request, because mounted tokens are replaced while a pod runs.
    BearerFile(PathBuf),
    /// User and password.
    Basic {
        /// User.
        username: String,
        /// Password.
        password: SecretString,
    },
}

/// Text in PEM, or the file that holds it. Read once, when the client is made.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Pem {
    /// A file.
    File(PathBuf),
    /// The text itself.
    Text(SecretString),
}

/// A client certificate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientIdentity {
    /// The certificate, followed by those that lead to its authority.
    pub certificate: Pem,
    /// Its private key.
    pub key: Pem,
}

/// Which proxy requests go through. Requests to this machine never do.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Proxy {
    /// The one that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name, if any.
    #[default]
    System,
    /// None.
    Direct,
    /// This one.
    Url(String),
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("System"),
            Self::Direct => f.write_str("Direct"),
            Self::Url(url) => f.debug_tuple("Url").field(&without_user_info(url)).finish(),
        }
    }
}
