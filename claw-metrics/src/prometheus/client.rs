use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use claw_core::http::{Client, ClientConfig, HttpError, Response};
use claw_core::report::Window;
use claw_core::tool::ToolContext;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::SERVICE;
use super::answer::{Data, Envelope, error, malformed};
use crate::series::{Labels, to_seconds};
use crate::source::{Answer, Grid, Metadata, MetricSource, Names, SourceError};

/// Where Prometheus is and how much is read from it.
///
/// ```
/// use claw_metrics::prometheus::PrometheusConfig;
/// let config: PrometheusConfig = serde_json::from_value(serde_json::json!({
///     "http": { "base_url": "http://mimir.monitoring:8080/prometheus", "headers": { "X-Scope-OrgID": "shop" } },
///     "max_series": 500,
/// }))?;
/// assert_eq!(config.max_series, 500);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrometheusConfig {
    /// Address, credentials, certificates, tenant header, limits of time and bytes. The address is the one that `/api/v1` is
    /// appended to.
    pub http: ClientConfig,
    /// Most series of one answer; the rest is cut off and counted. Default 2,000.
    pub max_series: usize,
    /// How far back the server may look for a sample, in seconds; its own setting if left out.
    pub lookback_delta: Option<u32>,
}

impl PrometheusConfig {
    /// The defaults for the server at `base_url`.
    pub fn at(base_url: impl Into<String>) -> Self {
        Self {
            http: ClientConfig::at(base_url),
            ..Self::default()
        }
    }
}

impl Default for PrometheusConfig {
    fn default() -> Self {
        Self {
            http: ClientConfig::default(),
            max_series: 2_000,
            lookback_delta: None,
        }
    }
}

/// A client of Prometheus' HTTP API. Clones share their connections.
///
/// Queries go out as forms by POST, so that their length does not matter; they only read, and are repeated when a connection
/// breaks or the server is overloaded.
#[derive(Clone, Debug)]
pub struct Prometheus {
    client: Client,
    max_series: usize,
    lookback_delta: Option<u32>,
}

impl Prometheus {
    /// A client as described by `config`. Nothing is connected yet.
    pub fn new(config: PrometheusConfig) -> Result<Self, HttpError> {
        Ok(Self {
            client: Client::new(config.http)?,
            max_series: config.max_series.max(1),
            lookback_delta: config.lookback_delta,
        })
    }

    /// The label sets of the series that `selector` matches and that have samples in `window`, in order, at most the
    /// configured number of series.
    pub async fn series(
        &self,
        cx: &ToolContext,
        selector: &str,
        window: Option<Window>,
    ) -> Result<(Vec<Labels>, Vec<String>), SourceError> {
        let mut form = vec![
            ("match[]", selector.to_owned()),
            ("limit", self.max_series.to_string()),
        ];
        form.extend(bounds(window));
        let (mut labels, warnings) = self.post::<Vec<Labels>>(cx, "api/v1/series", form).await?;
        labels.sort();
        labels.truncate(self.max_series);
        Ok((labels, warnings))
    }

    /// The values of `label`, in order, in series that `selector` matches (all if `None`).
    pub async fn label_values(
        &self,
        cx: &ToolContext,
        label: &str,
        selector: Option<&str>,
        window: Option<Window>,
    ) -> Result<(Vec<String>, Vec<String>), SourceError> {
        if label.is_empty()
            || !label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            return Err(SourceError::Call(claw_core::tool::ToolError::invalid_input(
                "a label's name has only letters, digits and underscores",
            )));
        }
        // The only endpoint of these that has no POST form.
        let mut query = bounds(window);
        query.extend(selector.map(|selector| ("match[]", selector.to_owned())));
        let response = self
            .client
            .get(format!("api/v1/label/{label}/values"))
            .queries(query)
            .send_any(cx)
            .await
            .map_err(call)?;
        let (mut values, warnings) = read::<Vec<String>>(response)?;
        values.sort();
        values.dedup();
        Ok((values, warnings))
    }

    async fn post<T: DeserializeOwned>(
        &self,
        cx: &ToolContext,
        path: &str,
        form: Vec<(&str, String)>,
    ) -> Result<(T, Vec<String>), SourceError> {
        let response = self
            .client
            .post(path)
            .form(form)
            .idempotent()
            .send_any(cx)
            .await
            .map_err(call)?;
        read(response)
    }

    async fn query(
        &self,
        cx: &ToolContext,
        path: &str,
        mut form: Vec<(&str, String)>,
    ) -> Result<Answer, SourceError> {
        // The server stops working on it when nobody waits any more.
        let budget = cx.remaining().max(Duration::from_millis(1));
        form.push(("timeout", format!("{}ms", budget.as_millis())));
        // One more than is kept, so that a cut shows. Servers that do not know the parameter send all.
        form.push(("limit", self.max_series.saturating_add(1).to_string()));
        if let Some(seconds) = self.lookback_delta {
            form.push(("lookback_delta", format!("{seconds}s")));
        }
        let response = self
            .client
            .post(path)
            .form(form)
            .idempotent()
            .send_any(cx)
            .await
            .map_err(call)?;
        envelope::<Data>(response)?.into_answer(self.max_series)
    }
}

#[async_trait]
impl MetricSource for Prometheus {
    async fn instant(
        &self,
        cx: &ToolContext,
        query: &str,
        time: Option<Timestamp>,
    ) -> Result<Answer, SourceError> {
        let time = time.unwrap_or_else(|| cx.clock.now());
        let form = vec![("query", query.to_owned()), ("time", seconds(time))];
        self.query(cx, "api/v1/query", form).await
    }

    async fn range(&self, cx: &ToolContext, query: &str, grid: Grid) -> Result<Answer, SourceError> {
        let form = vec![
            ("query", query.to_owned()),
            ("start", seconds(grid.start)),
            ("end", seconds(grid.end)),
            ("step", grid.step.max(1).to_string()),
        ];
        self.query(cx, "api/v1/query_range", form).await
    }

    async fn names<'a>(
        &self,
        cx: &ToolContext,
        selector: Option<&'a str>,
        window: Option<Window>,
    ) -> Result<Names, SourceError> {
        let (names, warnings) = self.label_values(cx, "__name__", selector, window).await?;
        Ok(Names { names, warnings })
    }

    async fn metadata(&self, cx: &ToolContext) -> Result<BTreeMap<String, Metadata>, SourceError> {
        #[derive(Deserialize)]
        struct Entry {
            #[serde(default, rename = "type")]
            kind: String,
            #[serde(default)]
            unit: String,
            #[serde(default)]
            help: String,
        }
        let response = self
            .client
            .get("api/v1/metadata")
            .query("limit_per_metric", "1")
            .send_any(cx)
            .await
            .map_err(call)?;
        let (entries, _) = read::<BTreeMap<String, Vec<Entry>>>(response)?;
        Ok(entries
            .into_iter()
            .filter_map(|(name, entries)| {
                let entry = entries.into_iter().next()?;
                let kind = if entry.kind == "unknown" {
                    String::new()
                } else {
                    entry.kind
                };
                Some((
                    name,
                    Metadata {
                        kind,
                        unit: entry.unit,
                        help: entry.help,
                    },
                ))
            })
            .collect())
    }
}

fn bounds(window: Option<Window>) -> Vec<(&'static str, String)> {
    window
        .map(|window| vec![("start", seconds(window.start)), ("end", seconds(window.end))])
        .unwrap_or_default()
}

fn seconds(time: Timestamp) -> String {
    format!("{:.3}", to_seconds(time))
}

fn call(error: HttpError) -> SourceError {
    SourceError::of_call(SERVICE, error)
}

fn read<T: DeserializeOwned>(response: Response) -> Result<(T, Vec<String>), SourceError> {
    envelope::<T>(response)?.into_data()
}

/// The body of an answer. An error that Prometheus explains is told by its own kind; one that a proxy in between made up, by its
/// status.
fn envelope<T: DeserializeOwned>(response: Response) -> Result<Envelope<T>, SourceError> {
    if !response.is_success() {
        let explained = matches!(response.status(), 400 | 404 | 408 | 422 | 429 | 500 | 503);
        #[derive(Deserialize)]
        struct Explanation {
            #[serde(rename = "errorType")]
            error_type: String,
            #[serde(default)]
            error: String,
        }
        // Thanos and Mimir answer 429 and 5xx in their own words: then the status says more.
        if explained
            && !matches!(response.status(), 429)
            && let Ok(explanation) = response.json::<Explanation>()
        {
            return Err(error(&explanation.error_type, explanation.error));
        }
        return match response.of_success() {
            Err(error) => Err(call(error)),
            Ok(_) => Err(malformed("its status is not known")),
        };
    }
    serde_json::from_slice(response.body()).map_err(|error| {
        // The text of a serde error quotes what it found.
        malformed(format!(
            "{:?} error at line {} column {}",
            error.classify(),
            error.line(),
            error.column()
        ))
    })
}
