use std::fmt;
use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{ClientBuilder, Method, NoProxy, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};

use super::config::{Auth, ClientConfig, Proxy};
use super::error::HttpError;
use super::request::Request;
use super::tls;

/// A client for one service. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) http: reqwest::Client,
    pub(super) base: Option<Url>,
    pub(super) config: ClientConfig,
}

impl Client {
    /// A client as described by `config`. Certificate files are read here; nothing is connected yet.
    ///
    /// [`HttpError::InvalidConfig`] says which field is wrong.
    pub fn new(mut config: ClientConfig) -> Result<Self, HttpError> {
        tls::install_crypto_provider();
        let base = match config.base_url.take() {
            Some(text) => Some(base_url(&text, &mut config.auth)?),
            None => None,
        };
        config.base_url = base.as_ref().map(Url::to_string);
        let plain = base.as_ref().is_some_and(|url| url.scheme() == "http")
            && !matches!(&config.proxy, Proxy::Url(url) if url.starts_with("https:"));
        let build = |plain| -> Result<_, HttpError> {
            let builder = builder(&config, base.as_ref())?;
            Ok(tls::configure(builder, &config, plain)?.build())
        };
        let http = match build(plain)? {
            Err(error) if config.ca.is_none() && config.identity.is_none() && !plain => {
                // No certificate authority is installed here. Plain services can be reached all the same;
                // connections to others will fail, and say so.
                tracing::warn!(%error, "no system certificate authorities");
                build(true)?
            }
            built => built,
        };
        let http = http.map_err(|error| invalid(cause(&error)))?;
        Ok(Self {
            inner: Arc::new(Inner { http, base, config }),
        })
    }

    /// A request that reads. `path` is added to the base URL, or is a whole URL where there is none.
    pub fn get(&self, path: impl Into<String>) -> Request {
        Request::new(self.clone(), Method::GET, path.into(), true)
    }

    /// A request that may change something, and so is not repeated once it may have been carried out, unless it is
    /// said to be [`idempotent`](Request::idempotent).
    pub fn post(&self, path: impl Into<String>) -> Request {
        Request::new(self.clone(), Method::POST, path.into(), false)
    }

    /// A request that puts something in its place. Doing it twice is doing it once.
    pub fn put(&self, path: impl Into<String>) -> Request {
        Request::new(self.clone(), Method::PUT, path.into(), true)
    }

    /// The base URL, without user and password.
    pub fn base_url(&self) -> Option<&str> {
        self.inner.base.as_ref().map(Url::as_str)
    }

    /// The URL of `path`: below the base URL, and nowhere else, because credentials go with it.
    pub(super) fn resolve(&self, path: &str) -> Result<Url, HttpError> {
        let refuse = |reason: &str| HttpError::InvalidRequest {
            reason: reason.to_owned(),
        };
        let Some(base) = &self.inner.base else {
            let url = Url::parse(path)
                .map_err(|_| refuse("it needs a whole URL, because the client has no base URL"))?;
            return match url.scheme() {
                "http" | "https" => Ok(url),
                _ => Err(refuse("the URL must begin with http:// or https://")),
            };
        };
        let outside = || refuse("its path leads outside of the base URL; write it relative to the base URL");
        let relative = match Url::parse(path) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
            // The dot keeps a colon in the first segment from being read as a scheme.
            _ => base.join(&format!("./{}", path.trim_start_matches('/'))),
        };
        let url = relative.map_err(|_| outside())?;
        if is_below(base, &url) {
            Ok(url)
        } else {
            Err(outside())
        }
    }

    /// Whether a redirect of `from` to `next` may be followed: below the base URL, or else on the same server.
    pub(super) fn may_ask(&self, next: &Url, from: &Url) -> bool {
        match &self.inner.base {
            Some(base) => is_below(base, next),
            None => next.origin() == from.origin(),
        }
    }
}

fn is_below(base: &Url, url: &Url) -> bool {
    url.origin() == base.origin() && url.path().starts_with(base.path())
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("config", &self.inner.config)
            .finish()
    }
}

#[allow(clippy::disallowed_methods)] // the one place that makes clients
fn builder(config: &ClientConfig, base: Option<&Url>) -> Result<ClientBuilder, HttpError> {
    let agent = HeaderValue::from_str(&config.user_agent)
        .map_err(|_| invalid("user_agent: only visible ASCII characters".to_owned()))?;
    let mut builder = reqwest::Client::builder()
        .user_agent(agent)
        .default_headers(headers(config)?)
        .connect_timeout(config.connect_timeout)
        .referer(false)
        // Both are done by `Request::send`, which knows deadlines and what may be repeated.
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never());
    let loopback = base.is_some_and(is_loopback);
    match &config.proxy {
        Proxy::System if !loopback => {}
        Proxy::System | Proxy::Direct => builder = builder.no_proxy(),
        Proxy::Url(url) => {
            let proxy = reqwest::Proxy::all(url)
                .map_err(|_| invalid("proxy: not a URL such as http://proxy:3128".to_owned()))?
                .no_proxy(NoProxy::from_string("localhost,127.0.0.0/8,::1"));
            builder = builder.proxy(proxy);
        }
    }
    Ok(builder)
}

fn headers(config: &ClientConfig) -> Result<HeaderMap, HeaderError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let error = || HeaderError { name: name.clone() };
        let key = HeaderName::try_from(name.as_str()).map_err(|_| error())?;
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| error())?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

struct HeaderError {
    name: String,
}

impl From<HeaderError> for HttpError {
    fn from(error: HeaderError) -> Self {
        invalid(format!(
            "headers: {:?} has a name or a value that is not allowed in HTTP",
            error.name
        ))
    }
}

/// The URL with a path that ends in `/`, so that paths can be joined to it. A user and password move to `auth`.
fn base_url(text: &str, auth: &mut Auth) -> Result<Url, HttpError> {
    let wrong = || invalid("base_url: not a URL such as http://prometheus.monitoring:9090".to_owned());
    let mut url = Url::parse(text.trim()).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid(
            "base_url: it must not have a query or a fragment".to_owned(),
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        if !matches!(auth, Auth::None) {
            return Err(invalid(
                "base_url: it has a user, and auth is given as well; use one".to_owned(),
            ));
        }
        *auth = Auth::Basic {
            username: decoded(url.username()),
            password: SecretString::from(decoded(url.password().unwrap_or_default())),
        };
        url.set_username("")
            .and_then(|()| url.set_password(None))
            .map_err(|()| wrong())?;
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// Undoes percent encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail
            .split_at_checked(2)
            .filter(|_| *first == b'%')
            .and_then(|(digits, after)| {
                let digits = std::str::from_utf8(digits).ok()?;
                Some((u8::from_str_radix(digits, 16).ok()?, after))
            });
        let (byte, after) = escaped.unwrap_or((*first, tail));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) fn without_user_info(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) => {
            let cleared = url.set_username("").and_then(|()| url.set_password(None));
            if cleared.is_ok() {
                url.to_string()
            } else {
                String::new()
            }
        }
        Err(_) => "(not a URL)".to_owned(),
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn invalid(reason: String) -> HttpError {
    HttpError::InvalidConfig { reason }
}

/// The innermost error's text: reqwest's own says only "builder error".
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(next) = innermost.source() {
        innermost = next;
    }
    innermost.to_string()
}
