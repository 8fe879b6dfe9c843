//! The cluster over the network.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use claw_core::tool::ToolContext;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use kube::client::Body;
use tokio::sync::RwLock;

use super::wire::{self, Prepared};
use super::{
    AccessQuestion, ClusterError, ClusterReader, Connection, Discovery, GetRequest, ListRequest, LogBytes,
    LogRequest, ServerVersion, Source,
};

/// Bounds on what one request may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest time of one attempt.
    pub attempt: Duration,
    /// Most attempts, the first one included.
    pub attempts: u32,
    /// Wait before the second attempt; doubles with each further one. What the server asks for wins.
    pub backoff: Duration,
    /// Largest answer in bytes.
    pub response_bytes: usize,
    /// Most bytes of a log that are read to find its end.
    pub log_bytes: usize,
}

impl Default for Limits {
    /// Ten seconds an attempt, three attempts, 64 MiB an answer (500 large pods are 10), 8 MiB a log.
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(10),
            attempts: 3,
            backoff: Duration::from_millis(200),
            response_bytes: 64 << 20,
            log_bytes: 8 << 20,
        }
    }
}

/// Error answers are read up to here.
const ERROR_BYTES: usize = 64 << 10;

/// A cluster over the network.
///
/// Every request ends by the deadline of its context. Overload and outages are tried again, a bounded number of times,
/// and never longer than the deadline allows. When credentials run out they are read anew, once a request.
pub struct KubeCluster {
    connection: Option<Connection>,
    client: RwLock<Arc<Connected>>,
    limits: Limits,
}

struct Connected {
    client: kube::Client,
}

impl fmt::Debug for KubeCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubeCluster")
            .field("connection", &self.connection)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl KubeCluster {
    /// Reads the credentials. Does not ask the server anything yet.
    pub async fn connect(connection: Connection, limits: Limits) -> Result<Self, ClusterError> {
        let client = RwLock::new(open(&connection).await?);
        Ok(Self {
            connection: Some(connection),
            client,
            limits,
        })
    }

    /// A cluster behind a client that is there already. Turn the client's own retries off: they know no deadline.
    pub fn with_client(client: kube::Client, limits: Limits) -> Self {
        Self {
            connection: None,
            client: RwLock::new(Arc::new(Connected { client })),
            limits,
        }
    }

    async fn json(&self, cx: &ToolContext, prepared: &Prepared) -> Result<Vec<u8>, ClusterError> {
        let limit = self.limits.response_bytes;
        let answer = self.send(cx, prepared, Keep::All { limit }).await?;
        Ok(answer.bytes)
    }

    /// Sends until there is an answer, attempts run out, or time does.
    async fn send(
        &self,
        cx: &ToolContext,
        prepared: &Prepared,
        keep: Keep,
    ) -> Result<LogBytes, ClusterError> {
        let mut renewed = false;
        let mut attempt = 1_u32;
        loop {
            let client = self.client(cx).await?;
            let error = match self.attempt(cx, &client, prepared, keep).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match &error {
                // Tokens, certificates and authorities are replaced while we run.
                ClusterError::Unauthorized { .. } | ClusterError::Tls { .. }
                    if !renewed && self.connection.is_some() =>
                {
                    renewed = true;
                    self.renew(&client).await?;
                    continue;
                }
                error if error.is_transient() && attempt < self.limits.attempts => {}
                _ => return Err(error),
            }
            let pause = match &error {
                ClusterError::RateLimited {
                    retry_after: Some(pause),
                    ..
                } => *pause,
                _ => self
                    .limits
                    .backoff
                    .saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))),
            };
            // No point in waiting for what would come too late.
            if pause >= cx.remaining() {
                return Err(error);
            }
            tracing::debug!(request = prepared.what, attempt, ?pause, %error, "trying again");
            tokio::select! {
                biased;
                () = cx.cancel.cancelled() => return Err(cancelled(prepared)),
                () = cx.clock.sleep(pause) => {}
            }
            attempt = attempt.saturating_add(1);
        }
    }

    async fn attempt(
        &self,
        cx: &ToolContext,
        client: &Connected,
        prepared: &Prepared,
        keep: Keep,
    ) -> Result<LogBytes, ClusterError> {
        let request = prepared.build()?.map(Body::from);
        let exchange = async {
            let response = client
                .client
                .send(request)
                .await
                .map_err(|error| connection_error(&prepared.what, error))?;
            let (parts, body) = response.into_parts();
            if parts.status.is_success() {
                return read(body, keep, &prepared.what).await;
            }
            let head = Keep::Head { limit: ERROR_BYTES };
            let said = read(body, head, &prepared.what).await.unwrap_or_default();
            let headers: HeaderMap = parts.headers;
            Err(wire::failure(
                parts.status,
                &headers,
                &said.bytes,
                &prepared.what,
                &*cx.clock,
            ))
        };
        let remaining = cx.remaining();
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => Err(cancelled(prepared)),
            answer = exchange => answer,
            // An attempt that hangs is an outage while there is time for another, and the deadline otherwise.
            () = tokio::time::sleep(remaining.min(self.limits.attempt)) => Err(if remaining <= self.limits.attempt {
                ClusterError::Timeout { request: prepared.what.clone() }
            } else {
                ClusterError::Unavailable {
                    request: prepared.what.clone(),
                    source: format!("no answer within {:?}", self.limits.attempt).into(),
                }
            }),
        }
    }

    /// The client; a new one if the credentials of the old one have run out.
    async fn client(&self, cx: &ToolContext) -> Result<Arc<Connected>, ClusterError> {
        let client = Arc::clone(&*self.client.read().await);
        match *client.client.valid_until() {
            Some(end) if is_over(end, cx) && self.connection.is_some() => self.renew(&client).await,
            _ => Ok(client),
        }
    }

    /// Reads the credentials anew, unless somebody else has done so since `old` was handed out.
    async fn renew(&self, old: &Arc<Connected>) -> Result<Arc<Connected>, ClusterError> {
        let mut current = self.client.write().await;
        if let Some(connection) = &self.connection
            && Arc::ptr_eq(&current, old)
        {
            *current = open(connection).await?;
        }
        Ok(Arc::clone(&current))
    }
}

/// Credentials are replaced this long before they run out.
const MARGIN: Duration = Duration::from_secs(60);

fn is_over(end: Timestamp, cx: &ToolContext) -> bool {
    end <= cx.clock.deadline(MARGIN)
}

async fn open(connection: &Connection) -> Result<Arc<Connected>, ClusterError> {
    let config = connection.config().await?;
    // Exec plugins are other programs, waited for.
    let client = tokio::task::spawn_blocking({
        let runtime = tokio::runtime::Handle::current();
        move || {
            let _inside = runtime.enter();
            super::connect::client(config)
        }
    })
    .await
    .map_err(|error| ClusterError::Config {
        reason: "the client could not be made".to_owned(),
        source: Some(error.into()),
    })??;
    Ok(Arc::new(Connected { client }))
}

/// Which part of an answer is wanted.
#[derive(Clone, Copy, Debug)]
enum Keep {
    /// All of it; more than `limit` bytes is an error.
    All { limit: usize },
    /// The first `limit` bytes.
    Head { limit: usize },
    /// The last `limit` bytes of the first `transfer`.
    Tail { limit: usize, transfer: usize },
}

async fn read(mut body: Body, keep: Keep, what: &str) -> Result<LogBytes, ClusterError> {
    let mut read = LogBytes::default();
    let mut total = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| connection_error(what, error))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        total = total.saturating_add(data.len());
        read.bytes.extend_from_slice(data);
        match keep {
            Keep::All { limit } if total > limit => {
                return Err(ClusterError::TooLarge {
                    request: what.to_owned(),
                    limit,
                });
            }
            Keep::Head { limit } if total > limit => {
                read.bytes.truncate(limit);
                read.cut_end = true;
                break;
            }
            // Cut in large steps: moving the kept part down costs as much as it is long.
            Keep::Tail { limit, .. } if read.bytes.len() > limit.saturating_mul(2) => {
                keep_tail(&mut read, limit);
            }
            _ => {}
        }
        if let Keep::Tail { transfer, .. } = keep
            && total >= transfer
        {
            read.cut_end = true;
            break;
        }
    }
    if let Keep::Tail { limit, .. } = keep {
        keep_tail(&mut read, limit);
    }
    Ok(read)
}

fn keep_tail(read: &mut LogBytes, limit: usize) {
    let surplus = read.bytes.len().saturating_sub(limit);
    if surplus > 0 {
        read.bytes.drain(..surplus);
        read.cut = true;
    }
}

fn cancelled(prepared: &Prepared) -> ClusterError {
    ClusterError::Cancelled {
        request: prepared.what.clone(),
    }
}

/// What a failed connection means.
fn connection_error(what: &str, error: kube::Error) -> ClusterError {
    let request = what.to_owned();
    if matches!(error, kube::Error::Auth(_)) {
        // The text of an exec plugin may hold a credential.
        return ClusterError::Unauthorized {
            request,
            source: "the credential plugin or token file failed".into(),
        };
    }
    let tls = is_tls(&error);
    let source: Source = Box::new(error);
    if tls {
        ClusterError::Tls { request, source }
    } else {
        ClusterError::Unavailable { request, source }
    }
}

/// Whether TLS is the reason, anywhere down the chain.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<rustls::Error>() {
            return true;
        }
        // An I/O error hides what it wraps from `source`.
        next = match error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

#[async_trait]
impl ClusterReader for KubeCluster {
    async fn list_page(&self, cx: &ToolContext, request: &ListRequest) -> Result<Vec<u8>, ClusterError> {
        self.json(cx, &wire::list(request)?).await
    }

    async fn get(&self, cx: &ToolContext, request: &GetRequest) -> Result<Vec<u8>, ClusterError> {
        self.json(cx, &wire::get(request)?).await
    }

    async fn pod_logs(&self, cx: &ToolContext, request: &LogRequest) -> Result<LogBytes, ClusterError> {
        let transfer = self.limits.log_bytes.max(request.limit_bytes);
        let keep = Keep::Tail {
            limit: request.limit_bytes,
            transfer,
        };
        self.send(cx, &wire::logs(request, transfer)?, keep).await
    }

    async fn can_i(&self, cx: &ToolContext, question: &AccessQuestion) -> Result<bool, ClusterError> {
        let prepared = wire::access_review(question)?;
        let body = self.json(cx, &prepared).await?;
        wire::allowed(&body, &prepared.what)
    }

    async fn discover(&self, cx: &ToolContext) -> Result<Discovery, ClusterError> {
        let prepared = wire::fixed("/apis", "list API groups");
        let body = self.json(cx, &prepared).await?;
        Discovery::parse(&body).map_err(|error| wire::malformed(&prepared.what, error))
    }

    async fn version(&self, cx: &ToolContext) -> Result<ServerVersion, ClusterError> {
        let prepared = wire::fixed("/version", "read the version");
        let body = self.json(cx, &prepared).await?;
        serde_json::from_slice(&body).map_err(|error| wire::malformed(&prepared.what, error))
    }
}

#[cfg(test)]
mod tests {
    use super::is_tls;

    #[test]
    fn finds_tls_behind_what_wraps_it() {
        let tls = || rustls::Error::General("not trusted".to_owned());
        assert!(is_tls(&kube::Error::Service(Box::new(std::io::Error::other(
            tls()
        )))));
        assert!(is_tls(&std::io::Error::other(std::io::Error::other(tls()))));
        assert!(!is_tls(&std::io::Error::other("connection reset")));
    }
}
