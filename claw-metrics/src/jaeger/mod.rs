//! Jaeger: which service calls which, as traces have it.
//!
//! <https://www.jaegertracing.io/docs/latest/architecture/apis/#service-dependencies-graph-internal>
//!
//! Tempo and the OpenTelemetry Collector write the same as metrics (`traces_service_graph_request_total`), which
//! [`families`](crate::families) read from Prometheus.

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::entity::EntityRef;
use claw_core::http::{Client, ClientConfig, HttpError};
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use claw_core::topology::{CallEdge, CallGraph, CallGraphQuery};
use serde::Deserialize;

use crate::source::SourceError;

const SERVICE: &str = "jaeger";
/// How far back traces count, in hours.
const LOOKBACK_HOURS: u32 = 24;

/// Where Jaeger's query service is.
///
/// ```
/// use claw_metrics::jaeger::JaegerConfig;
/// let config: JaegerConfig = serde_json::from_value(serde_json::json!({
///     "http": { "base_url": "http://jaeger-query.observability:16686" },
/// }))?;
/// assert_eq!(config.lookback_hours, 24);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JaegerConfig {
    /// Address, credentials, limits of time and bytes. The address is the one that `/api` is appended to, with the base path
    /// of the query service where it has one.
    pub http: ClientConfig,
    /// How far back traces count, in hours: 24 if left out.
    pub lookback_hours: u32,
}

impl Default for JaegerConfig {
    fn default() -> Self {
        Self {
            http: ClientConfig::default(),
            lookback_hours: LOOKBACK_HOURS,
        }
    }
}

impl JaegerConfig {
    /// The defaults for the server at `base_url`.
    pub fn at(base_url: impl Into<String>) -> Self {
        Self {
            http: ClientConfig::at(base_url),
            ..Self::default()
        }
    }
}

/// Lists who calls whom, as traces have it. Names are those of OpenTelemetry's `service.name`; a mesh adds the namespace
/// (`cart.shop`).
#[derive(Clone, Debug)]
pub struct JaegerDependencies {
    client: Client,
    lookback_hours: u32,
}

impl JaegerDependencies {
    /// A tool as described by `config`. Nothing is connected yet.
    ///
    /// # Errors
    /// If the address or the credentials cannot be used, or the time to look back is zero.
    pub fn new(config: JaegerConfig) -> Result<Self, HttpError> {
        if config.lookback_hours == 0 {
            return Err(HttpError::InvalidConfig {
                reason: "lookback_hours is 0: no trace is that young; leave it out for 24".to_owned(),
            });
        }
        Ok(Self {
            client: Client::new(config.http)?,
            lookback_hours: config.lookback_hours,
        })
    }

    async fn read(&self, cx: &ToolContext) -> Result<Vec<Link>, SourceError> {
        let lookback = u64::from(self.lookback_hours) * 3_600_000;
        let response = self
            .client
            .get("api/dependencies")
            .query("endTs", cx.clock.now().as_millisecond().to_string())
            .query("lookback", lookback.to_string())
            .send(cx)
            .await
            .map_err(|error| SourceError::of_call(SERVICE, error))?;
        let body: Body = serde_json::from_slice(response.body())
            .map_err(|error| SourceError::unreadable(SERVICE, &error))?;
        Ok(body.data.unwrap_or_default())
    }
}

#[derive(Deserialize)]
struct Body {
    /// `null` where there are none.
    data: Option<Vec<Link>>,
}

#[derive(Deserialize)]
struct Link {
    parent: String,
    child: String,
}

impl Link {
    /// The edge; `None` of a service that only calls itself, and of names that are empty.
    fn edge(self) -> Option<CallEdge> {
        let (from, to) = (entity(&self.parent)?, entity(&self.child)?);
        (from != to).then_some(CallEdge {
            from,
            to,
            protocol: None,
        })
    }
}

/// The service of a name, with its namespace where that is part of it: proxies of a mesh are called `cart.shop`, and
/// `service.name` with `service.namespace` is often written `shop/cart`.
fn entity(name: &str) -> Option<EntityRef> {
    let name = name.trim();
    if name.is_empty() {
        return None;
    }
    let label = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let parts = |separator| {
        let (one, two): (&str, &str) = name.split_once(separator)?;
        (label(one) && label(two)).then_some((one, two))
    };
    if let Some((namespace, service)) = parts('/') {
        return Some(EntityRef::namespaced("Service", namespace, service));
    }
    if let Some((service, namespace)) = parts('.') {
        return Some(EntityRef::namespaced("Service", namespace, service));
    }
    Some(EntityRef::cluster("Service", name))
}

#[async_trait]
impl Tool for JaegerDependencies {
    const NAME: &'static str = "query_topology";
    const EFFECT: Effect = Effect::Read;
    type Input = CallGraphQuery;
    type Output = CallGraph;

    fn description(&self) -> &str {
        "Which service calls which, as traces have it"
    }

    fn access(&self) -> Access {
        Access::none().service(SERVICE)
    }

    async fn call(&self, cx: &ToolContext, input: CallGraphQuery) -> Result<CallGraph, ToolError> {
        let links = self.read(cx).await?;
        let mut edges: Vec<CallEdge> = links
            .into_iter()
            .filter_map(Link::edge)
            .filter(|edge| input.admits(edge))
            .collect();
        edges.sort();
        edges.dedup();
        Ok(CallGraph { edges })
    }
}

#[cfg(test)]
mod tests;
