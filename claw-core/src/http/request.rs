use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Url};
use serde::Serialize;

use super::auth::authorization;
use super::client::Client;
use super::error::HttpError;
use super::response::Response;
use super::retry;
use crate::tool::ToolContext;

/// How many redirects in a row are followed.
const MAX_REDIRECTS: usize = 5;
/// What is set aside for an answer because it says that it is so long, in bytes.
const LARGEST_RESERVATION: usize = 1024 * 1024;

/// A request that has not been sent yet.
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    client: Client,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Option<Bytes>,
    repeatable: bool,
    once: bool,
    timeout: Option<Duration>,
    max_bytes: Option<usize>,
    error: Option<HttpError>,
}

impl Request {
    pub(super) fn new(client: Client, method: Method, path: String, repeatable: bool) -> Self {
        Self {
            client,
            method,
            path,
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            repeatable,
            once: false,
            timeout: None,
            max_bytes: None,
            error: None,
        }
    }

    /// Adds a query parameter.
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds query parameters.
    pub fn queries<N: Into<String>, V: Into<String>>(
        mut self,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.query
            .extend(pairs.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Sets a header. Its value is treated as a secret.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                self.headers.insert(name, value);
            }
            _ => self.refuse(format!(
                "the header {name:?} has a name or a value that is not allowed in HTTP"
            )),
        }
        self
    }

    /// Sends `value` as JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(text) => self.set_body("application/json", text),
            Err(error) => self.refuse(format!("its body cannot be written as JSON: {error}")),
        }
        self
    }

    /// Sends `pairs` as a form.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        // Forms and queries are encoded alike; a URL is at hand to do it.
        if let Ok(mut url) = Url::parse("http://form/") {
            url.query_pairs_mut().extend_pairs(pairs);
            let text = url.query().unwrap_or_default().as_bytes().to_vec();
            self.set_body("application/x-www-form-urlencoded", text);
        }
        self
    }

    /// Sends `body` as it is.
    pub fn body(mut self, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        self.set_body(content_type, body.into());
        self
    }

    /// Says that sending it twice does no harm: it only reads, or the second time changes nothing.
    pub fn idempotent(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Sends it once, whatever comes of it: it is not tried again, also not when the service turned it away, and no redirect
    /// is followed. For what has an effect, where who asked has to know of each request that was made.
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Another time limit for one attempt than the client's.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Another size limit for the answer than the client's, in bytes.
    pub fn max_bytes(mut self, limit: usize) -> Self {
        self.max_bytes = Some(limit);
        self
    }

    /// Sends it. An answer that is not one of success is [`HttpError::Status`].
    pub async fn send(self, cx: &ToolContext) -> Result<Response, HttpError> {
        self.send_any(cx).await?.of_success()
    }

    /// Sends it, and returns the answer whatever its status is, for services that explain their errors in the body.
    ///
    /// It is tried again when that can help and does no harm: a bounded number of times, with growing pauses or those
    /// that the service asks for, and never beyond the deadline.
    pub async fn send_any(self, cx: &ToolContext) -> Result<Response, HttpError> {
        let mut request = self;
        if let Some(error) = request.error.take() {
            return Err(error);
        }
        let mut url = request.client.resolve(&request.path)?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let host = host_of(&url);
        let budget = cx.remaining();
        if budget.is_zero() {
            // A timeout of zero would still send the request before it looks at the time.
            return Err(HttpError::Timeout { host, after: budget });
        }
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => Err(HttpError::Cancelled),
            answer = tokio::time::timeout(budget, request.attempts(cx, url, &host)) => {
                answer.unwrap_or(Err(HttpError::Timeout { host, after: budget }))
            }
        }
    }

    async fn attempts(&self, cx: &ToolContext, url: Url, host: &str) -> Result<Response, HttpError> {
        let mut attempt = 0_u32;
        loop {
            let answer = self.attempt(cx, url.clone(), host).await;
            let (error, response) = match answer {
                Ok(response) if response.is_success() => return Ok(response),
                Ok(response) => (response.status_error(), Some(response)),
                Err(error) => (error, None),
            };
            let pause = match &error {
                HttpError::Status {
                    retry_after: Some(asked),
                    ..
                } => retry::pause(attempt).max(*asked),
                _ => retry::pause(attempt),
            };
            let give_up = self.once
                || attempt >= self.client.inner.config.max_retries
                || !retry::worth_repeating(&error, self.repeatable)
                || pause >= cx.remaining();
            if give_up {
                return response.ok_or(error);
            }
            tracing::debug!(host, attempt, %error, ?pause, "asking again");
            cx.clock.sleep(pause).await;
            attempt = attempt.saturating_add(1);
        }
    }

    /// One attempt, redirects included.
    async fn attempt(&self, cx: &ToolContext, mut url: Url, host: &str) -> Result<Response, HttpError> {
        let limit = self
            .timeout
            .unwrap_or(self.client.inner.config.request_timeout)
            .min(cx.remaining());
        let exchange = async {
            for _ in 0..=MAX_REDIRECTS {
                let response = self.exchange(cx, url.clone(), host).await?;
                match self.redirect(&response, &url) {
                    None => return Ok(response),
                    Some(next) if !self.once && self.client.may_ask(&next, &url) => url = next,
                    Some(_) => break,
                }
            }
            Err(HttpError::Redirected {
                host: host.to_owned(),
            })
        };
        tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| {
            Err(HttpError::Timeout {
                host: host.to_owned(),
                after: limit,
            })
        })
    }

    /// Where the answer sends a request like this one. Only what keeps method and body is followed with a body.
    fn redirect(&self, response: &Response, url: &Url) -> Option<Url> {
        let follow = match response.status() {
            301..=303 => self.method == Method::GET,
            307 | 308 => true,
            _ => false,
        };
        let location = response.header(LOCATION.as_str()).filter(|_| follow)?;
        url.join(location).ok()
    }

    async fn exchange(&self, cx: &ToolContext, url: Url, host: &str) -> Result<Response, HttpError> {
        let inner = &self.client.inner;
        let mut request = inner
            .http
            .request(self.method.clone(), url)
            .headers(self.headers.clone());
        if !self.headers.contains_key(AUTHORIZATION)
            && let Some(value) = authorization(&inner.config.auth).await?
        {
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        let mut response = request.send().await.map_err(|error| failure(error, host))?;
        let limit = self.max_bytes.unwrap_or(inner.config.max_response_bytes);
        let too_large = || HttpError::TooLarge {
            host: host.to_owned(),
            limit,
        };
        let announced = response
            .content_length()
            .and_then(|length| usize::try_from(length).ok())
            .unwrap_or(0);
        if announced > limit {
            return Err(too_large());
        }
        let mut body = BytesMut::with_capacity(announced.min(LARGEST_RESERVATION));
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(error, host))? {
            if chunk.len() > limit.saturating_sub(body.len()) {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response {
            host: host.to_owned(),
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: body.freeze(),
            received: cx.clock.now(),
        })
    }

    fn set_body(&mut self, content_type: &'static str, body: Vec<u8>) {
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = Some(Bytes::from(body));
    }

    fn refuse(&mut self, reason: String) {
        self.error.get_or_insert(HttpError::InvalidRequest { reason });
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method.as_str())
            .field("path", &self.path.split('?').next())
            .finish_non_exhaustive()
    }
}

/// `host:port` as people write it.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The address is taken out of the error: its query may hold what nobody should read.
fn failure(error: reqwest::Error, host: &str) -> HttpError {
    let host = host.to_owned();
    let error = error.without_url();
    if error.is_timeout() {
        // Only the connection has a time limit of its own inside the client.
        return HttpError::Connect {
            host,
            source: Box::new(error),
        };
    }
    if super::tls::is_tls_error(&error) {
        return HttpError::Tls {
            host,
            source: Box::new(error),
        };
    }
    if error.is_connect() {
        return HttpError::Connect {
            host,
            source: Box::new(error),
        };
    }
    if error.is_builder() {
        return HttpError::InvalidRequest {
            reason: "its address or headers are not valid".to_owned(),
        };
    }
    HttpError::Interrupted {
        host,
        source: Box::new(error),
    }
}
