//! The cluster over the network.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use claw_core::requests::Requests;
use claw_core::tool::ToolContext;
use http::HeaderValue;
use kube::Client;
use kube::client::Body;
use serde_json::Value;

use super::body::{self, Keep};
use super::credentials::Credentials;
use super::list::SMALLEST_PAGE;
use super::review::{self, Review};
use super::warning::warnings;
use super::wire::{self, Prepared};
use super::write::{WriteAnswer, WriteRequest};
use super::{
    AccessQuestion, ClusterError, ClusterReader, Connection, Discovery, GetRequest, ListRequest, LogBytes,
    LogRequest, Proxies, Resource, ServerVersion, retry,
};

/// Bounds on what one request may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest time to read credentials, together with the programs that give them.
    pub credentials: Duration,
    /// Longest time in which nothing comes: until an answer begins, and until it goes on. A large answer over a slow link
    /// may take six times as long in all, but where it is a page, no more than half of the time that is left: then a
    /// smaller one is asked for.
    pub attempt: Duration,
    /// The same for logs. The API server asks the kubelet for them, and waits for one that is down.
    pub log_attempt: Duration,
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
    /// Thirty seconds for credentials, ten until something comes, five for logs, three attempts, 64 MiB an answer (500 large
    /// pods are 10), 8 MiB a log.
    fn default() -> Self {
        Self {
            credentials: Duration::from_secs(30),
            attempt: Duration::from_secs(10),
            log_attempt: Duration::from_secs(5),
            attempts: 3,
            backoff: Duration::from_millis(200),
            response_bytes: 64 << 20,
            log_bytes: 8 << 20,
        }
    }
}

/// How long to wait for something to come and for all of it, and whether to ask the same again when it does not.
#[derive(Clone, Copy, Debug)]
struct Patience {
    idle: Duration,
    total: Duration,
    again: bool,
}

/// An answer, and by which the server's audit log has it.
#[derive(Debug)]
struct Answer {
    read: LogBytes,
    audit_id: Option<String>,
    warnings: Vec<String>,
}

/// The header that names a request as the server's audit log does. The server takes it over from the request, and chooses one
/// itself where there is none.
const AUDIT_ID: &str = "audit-id";

/// How much longer a whole answer may take than its parts.
const PARTS: u32 = 6;

/// So long before the deadline a request is given up, so that what is known of it is told: who waits for it knows only that
/// time is over.
const NOTICE: Duration = Duration::from_millis(10);

/// Error answers are read up to here.
const ERROR_BYTES: usize = 64 << 10;

/// A cluster over the network.
///
/// Every request ends by the deadline of its context. Overload and outages are tried again, a bounded number of times,
/// and never longer than the deadline allows. A page that does not come in time, or is too large, is asked for again with
/// fewer objects. When credentials run out they are read anew, once a request.
///
/// Each request is sent under the id that [`ToolContext::requests`] gives it, and the server's audit log has it under that.
pub struct KubeCluster {
    namespace: String,
    credentials: Credentials,
    limits: Limits,
}

impl fmt::Debug for KubeCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubeCluster")
            .field("connection", &self.credentials.connection())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl KubeCluster {
    /// Reads the credentials. Does not ask the server anything yet. No proxy is used but one that the kubeconfig names.
    pub async fn connect(connection: Connection, limits: Limits) -> Result<Self, ClusterError> {
        Self::connect_through(connection, Proxies::default(), limits).await
    }

    /// As [`connect`](Self::connect), through the proxies of the environment where the kubeconfig names none.
    pub async fn connect_through(
        connection: Connection,
        proxies: Proxies,
        limits: Limits,
    ) -> Result<Self, ClusterError> {
        let credentials = Credentials::read(connection, proxies, limits.credentials).await?;
        let now = credentials.now().await;
        Ok(Self {
            namespace: now.default_namespace().to_owned(),
            credentials,
            limits,
        })
    }

    /// A cluster behind a client that is there already. Turn the client's own retries off: they know no deadline.
    pub fn with_client(client: Client, limits: Limits) -> Self {
        Self {
            namespace: client.default_namespace().to_owned(),
            credentials: Credentials::of(client),
            limits,
        }
    }

    /// Namespace of what is named without one: that of the context, or that of the pod that this runs in.
    pub fn default_namespace(&self) -> &str {
        &self.namespace
    }

    async fn json(&self, cx: &ToolContext, prepared: &Prepared) -> Result<Vec<u8>, ClusterError> {
        self.all(cx, prepared, true).await
    }

    async fn all(&self, cx: &ToolContext, prepared: &Prepared, again: bool) -> Result<Vec<u8>, ClusterError> {
        let keep = Keep::All {
            limit: self.limits.response_bytes,
        };
        let idle = self.limits.attempt;
        let mut total = idle.saturating_mul(PARTS);
        if !again {
            // There is a smaller page to ask for, and it has to be read too.
            total = total.min((cx.remaining() / 2).max(idle));
        }
        let patience = Patience { idle, total, again };
        Ok(self.send(cx, prepared, keep, patience).await?.bytes)
    }

    /// Sends until there is an answer, attempts run out, or time does.
    async fn send(
        &self,
        cx: &ToolContext,
        prepared: &Prepared,
        keep: Keep,
        patience: Patience,
    ) -> Result<LogBytes, ClusterError> {
        let mut renewed = false;
        let mut attempt = 1_u32;
        let mut before = None;
        loop {
            let client = within(cx, prepared, self.credentials.client(&*cx.clock)).await?;
            let exchange = self.exchange(cx, &client, prepared, keep, patience);
            let error = match (within(cx, prepared, exchange).await, before.take()) {
                (Ok(answer), _) => return Ok(answer.read),
                // That time was over says less than what came of the attempt before.
                (Err(ClusterError::Timeout { .. }), Some(failed)) => return Err(failed),
                (Err(error), _) => error,
            };
            // Tokens, certificates and authorities are replaced while we run.
            let refused = matches!(
                error,
                ClusterError::Unauthorized { .. } | ClusterError::Tls { .. }
            );
            if refused && !renewed && self.credentials.connection().is_some() {
                renewed = true;
                match within(cx, prepared, self.credentials.renew(&client)).await {
                    Ok(_) => continue,
                    Err(end @ (ClusterError::Cancelled { .. } | ClusterError::Timeout { .. })) => {
                        return Err(end);
                    }
                    Err(problem) => {
                        tracing::warn!(%problem, "credentials that were refused could not be renewed");
                        return Err(error);
                    }
                }
            }
            if matches!(error, ClusterError::Stalled { .. }) && !patience.again {
                return Err(error);
            }
            let Some(pause) = retry::pause(&self.limits, attempt, &error, cx.remaining()) else {
                return Err(error);
            };
            tracing::debug!(request = prepared.what, attempt, ?pause, %error, "trying again");
            tokio::select! {
                biased;
                () = cx.cancel.cancelled() => return Err(cancelled(prepared)),
                () = cx.clock.sleep(pause) => {}
            }
            attempt = attempt.saturating_add(1);
            before = Some(error);
        }
    }

    /// Whether these credentials have a right on one object, or on all objects of its kind where there is no name.
    pub(crate) async fn may(
        &self,
        cx: &ToolContext,
        question: &AccessQuestion,
        name: Option<&str>,
    ) -> Result<Review, ClusterError> {
        let prepared = review::question(question, name)?;
        let body = self.json(cx, &prepared).await?;
        review::answer(&body, &prepared.what)
    }

    /// The first thing that happened to an object after a version of it: an event, as watches tell them.
    pub(crate) async fn first_change(
        &self,
        cx: &ToolContext,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        version: &str,
    ) -> Result<Value, ClusterError> {
        let prepared = wire::changes(resource, namespace, name, version)?;
        let keep = Keep::Line {
            limit: self.limits.response_bytes,
        };
        let patience = Patience {
            idle: self.limits.attempt,
            total: self.limits.attempt,
            again: true,
        };
        let line = self.send(cx, &prepared, keep, patience).await?.bytes;
        serde_json::from_slice(&line).map_err(|error| wire::malformed(&prepared.what, error))
    }

    /// Sends a write, once. Only what was refused for its credentials is sent again, with new ones: it was not even looked at.
    pub(crate) async fn write_once(
        &self,
        cx: &ToolContext,
        request: &WriteRequest,
    ) -> Result<WriteAnswer, ClusterError> {
        let prepared = wire::write(request)?;
        let keep = Keep::All {
            limit: self.limits.response_bytes,
        };
        let patience = Patience {
            idle: self.limits.attempt,
            total: self.limits.attempt,
            again: false,
        };
        let mut renewed = false;
        loop {
            let client = within(cx, &prepared, self.credentials.client(&*cx.clock)).await?;
            let exchange = self.exchange(cx, &client, &prepared, keep, patience);
            match within(cx, &prepared, exchange).await {
                Ok(answer) => {
                    return Ok(WriteAnswer {
                        bytes: answer.read.bytes,
                        audit_id: answer.audit_id,
                        warnings: answer.warnings,
                    });
                }
                Err(error @ ClusterError::Unauthorized { .. })
                    if !renewed && self.credentials.connection().is_some() =>
                {
                    renewed = true;
                    if within(cx, &prepared, self.credentials.renew(&client))
                        .await
                        .is_err()
                    {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends once. Nothing for as long as `idle` ends it, and so does an answer that does not end.
    async fn exchange(
        &self,
        cx: &ToolContext,
        client: &Client,
        prepared: &Prepared,
        keep: Keep,
        patience: Patience,
    ) -> Result<Answer, ClusterError> {
        let Patience { idle, total, .. } = patience;
        let what = &*prepared.what;
        let mut request = prepared.build()?.map(Body::from);
        // A write that was permitted has its id from the record that permits it.
        let asked = match prepared.id {
            None => cx.requests.begin(),
            Some(_) => Requests::default().begin(),
        };
        let id = prepared.id.as_deref().or(asked.id());
        if let Some(id) = id.and_then(|id| HeaderValue::from_str(id).ok()) {
            request.headers_mut().insert(AUDIT_ID, id);
        }
        #[allow(clippy::disallowed_methods)] // the one place that sends requests
        let sent = client.send(request);
        let response = tokio::time::timeout(idle, sent)
            .await
            .map_err(|_| wire::stalled(what, idle))?
            .map_err(|error| wire::no_answer(what, error))?;
        let (parts, body) = response.into_parts();
        let audit_id = parts.headers.get(AUDIT_ID).and_then(|id| id.to_str().ok());
        asked.answered(audit_id);
        if parts.status.is_success() {
            let read = body::read(body, keep, idle, what);
            let read = tokio::time::timeout(total, read)
                .await
                .unwrap_or_else(|_| Err(wire::stalled(what, total)))?;
            return Ok(Answer {
                read,
                audit_id: audit_id.map(str::to_owned),
                warnings: warnings(&parts.headers),
            });
        }
        let head = Keep::Head { limit: ERROR_BYTES };
        let said = body::read(body, head, idle, what);
        let said = tokio::time::timeout(total, said).await;
        let said = said.ok().and_then(Result::ok).unwrap_or_default();
        Err(wire::failure(
            parts.status,
            &parts.headers,
            &said.bytes,
            what,
            &*cx.clock,
        ))
    }
}

/// Waits for `work` as long as its run and its deadline allow.
async fn within<T>(
    cx: &ToolContext,
    prepared: &Prepared,
    work: impl Future<Output = Result<T, ClusterError>>,
) -> Result<T, ClusterError> {
    tokio::select! {
        biased;
        () = cx.cancel.cancelled() => Err(cancelled(prepared)),
        done = work => done,
        () = tokio::time::sleep(cx.remaining().saturating_sub(NOTICE)) => {
            Err(ClusterError::Timeout { request: prepared.what.clone() })
        }
    }
}

fn cancelled(prepared: &Prepared) -> ClusterError {
    ClusterError::Cancelled {
        request: prepared.what.clone(),
    }
}

#[async_trait]
impl ClusterReader for KubeCluster {
    async fn list_page(&self, cx: &ToolContext, request: &ListRequest) -> Result<Vec<u8>, ClusterError> {
        let mut request = request.clone();
        let mut stalls = 1_u32;
        let mut stalled = None;
        loop {
            let smaller = request.limit / 2;
            let can_shrink = request.limit > SMALLEST_PAGE;
            let page = self.all(cx, &wire::list(&request)?, !can_shrink).await;
            match (page, stalled.take()) {
                (Err(ClusterError::TooLarge { .. }), _) if can_shrink => {}
                (Err(error @ ClusterError::Stalled { .. }), _)
                    if can_shrink && stalls < self.limits.attempts =>
                {
                    stalls = stalls.saturating_add(1);
                    stalled = Some(error);
                }
                // That time was over says less than that a larger page did not come.
                (Err(ClusterError::Timeout { .. }), Some(before)) => return Err(before),
                (ended, _) => return ended,
            }
            request.limit = smaller.max(SMALLEST_PAGE);
            tracing::debug!(resource = %request.resource, limit = request.limit, "asking for a smaller page");
        }
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
        let patience = Patience {
            idle: self.limits.log_attempt,
            total: self.limits.log_attempt.saturating_mul(PARTS),
            again: false,
        };
        self.send(cx, &wire::logs(request, transfer)?, keep, patience)
            .await
    }

    async fn can_i(&self, cx: &ToolContext, question: &AccessQuestion) -> Result<bool, ClusterError> {
        Ok(self.may(cx, question, None).await?.allowed)
    }

    async fn discover(&self, cx: &ToolContext) -> Result<Discovery, ClusterError> {
        let prepared = wire::groups();
        let body = self.json(cx, &prepared).await?;
        Discovery::parse(&body).map_err(|error| wire::malformed(&prepared.what, error))
    }

    async fn kinds(&self, cx: &ToolContext, api_version: &str) -> Result<Vec<Resource>, ClusterError> {
        let prepared = wire::kinds(api_version)?;
        let body = self.json(cx, &prepared).await?;
        Resource::parse_kinds(api_version, &body).map_err(|error| wire::malformed(&prepared.what, error))
    }

    async fn version(&self, cx: &ToolContext) -> Result<ServerVersion, ClusterError> {
        let prepared = wire::fixed("/version", "read the version");
        let body = self.json(cx, &prepared).await?;
        serde_json::from_slice(&body).map_err(|error| wire::malformed(&prepared.what, error))
    }
}
