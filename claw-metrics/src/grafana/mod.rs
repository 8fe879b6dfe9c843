//! Grafana: annotations, by which pipelines and people mark on dashboards what they changed, and the dashboards themselves.
//!
//! <https://grafana.com/docs/grafana/latest/developers/http_api/annotations/>

mod address;
mod annotation;
mod dashboards;
mod fitting;
mod template;

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::change::{ChangeList, ChangeQuery};
use claw_core::http::{Client, ClientConfig, HttpError};
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use serde::Deserialize;

use crate::source::SourceError;
use annotation::Annotation;
pub use dashboards::{DashboardList, DashboardQuery, FindDashboards};

const SERVICE: &str = "grafana";
/// Annotations of one answer. The newest come first.
const LIMIT: usize = 500;

/// Where Grafana is, and which of its annotations tell of changes.
///
/// ```
/// use claw_metrics::grafana::GrafanaConfig;
/// let config: GrafanaConfig = serde_json::from_value(serde_json::json!({
///     "http": { "base_url": "https://grafana.example.com", "auth": { "bearer_file": "/var/run/secrets/grafana" } },
///     "tags": ["deploy"],
/// }))?;
/// assert_eq!(config.tags, ["deploy"]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrafanaConfig {
    /// Address, credentials, limits of time and bytes. The address is the one that `/api` is appended to; the account needs
    /// the permissions `annotations:read` and `dashboards:read`.
    pub http: ClientConfig,
    /// The address under which people open it, with its scheme, where that is another one. Links to dashboards begin with it.
    pub public_url: Option<String>,
    /// Tags that an annotation has all of; annotations with any tags when empty.
    pub tags: Vec<String>,
}

impl GrafanaConfig {
    /// The defaults for the server at `base_url`.
    pub fn at(base_url: impl Into<String>) -> Self {
        Self {
            http: ClientConfig::at(base_url),
            ..Self::default()
        }
    }
}

/// Lists what was changed, as annotations in Grafana have it. What alert rules write there is left out.
///
/// Which service an annotation is about stands in its tags: `service:cart`, `app=cart`, `deployment:cart`, with
/// `namespace:shop` where that is needed to tell it from others. One without such a tag is about the tag that names no kind of
/// change, if there is just one (`deploy`, `cart`); otherwise about the dashboard on which it stands. An investigation matches
/// the names with those of workloads.
#[derive(Clone, Debug)]
pub struct GrafanaAnnotations {
    client: Client,
    tags: Vec<String>,
}

impl GrafanaAnnotations {
    /// A tool as described by `config`. Nothing is connected yet.
    ///
    /// # Errors
    /// If the address or the credentials cannot be used.
    pub fn new(config: GrafanaConfig) -> Result<Self, HttpError> {
        Ok(Self {
            client: Client::new(config.http)?,
            tags: config.tags,
        })
    }

    async fn read(&self, cx: &ToolContext, input: &ChangeQuery) -> Result<Vec<Annotation>, SourceError> {
        let mut request = self
            .client
            .get("api/annotations")
            .query("type", "annotation")
            .query("limit", LIMIT.to_string())
            .queries(self.tags.iter().map(|tag| ("tags", tag.clone())));
        // Without both the server answers with the newest of all times.
        let end = input.end.unwrap_or_else(|| cx.clock.now());
        let start = input.start.map_or(0, |start| start.as_millisecond());
        request = request
            .query("from", start.to_string())
            .query("to", end.as_millisecond().to_string());
        let response = request
            .send(cx)
            .await
            .map_err(|error| SourceError::of_call(SERVICE, error))?;
        serde_json::from_slice(response.body()).map_err(|error| SourceError::unreadable(SERVICE, &error))
    }
}

#[async_trait]
impl Tool for GrafanaAnnotations {
    const NAME: &'static str = "query_changes";
    const EFFECT: Effect = Effect::Read;
    type Input = ChangeQuery;
    type Output = ChangeList;

    fn description(&self) -> &str {
        "Deployments, configuration changes and other events that were marked by annotations in Grafana"
    }

    fn access(&self) -> Access {
        Access::none().service(SERVICE)
    }

    async fn call(&self, cx: &ToolContext, input: ChangeQuery) -> Result<ChangeList, ToolError> {
        let annotations = self.read(cx, &input).await?;
        let mut changes: Vec<_> = annotations
            .into_iter()
            .filter_map(Annotation::change)
            .filter(|change| input.admits(change))
            .collect();
        changes.sort_by(|a, b| (a.time, &a.reference).cmp(&(b.time, &b.reference)));
        Ok(ChangeList { changes })
    }
}

#[cfg(test)]
mod tests;
