//! Grafana Loki.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use async_trait::async_trait;
use claw_core::http::{Client, ClientConfig, HttpError, Response};
use claw_core::tool::{ToolContext, ToolError};
use jiff::Timestamp;
use serde::Deserialize;

use super::{LogAnswer, LogLine, LogQuery, LogSource};
use crate::series::escape;
use crate::source::{Detail, SourceError};

const SERVICE: &str = "loki";

/// Where Loki is, and what its streams' labels are called.
///
/// ```
/// use claw_metrics::logs::loki::LokiConfig;
/// let config: LokiConfig = serde_json::from_value(serde_json::json!({
///     "http": { "base_url": "http://loki.monitoring:3100", "headers": { "X-Scope-OrgID": "shop" } },
///     "namespace_label": "k8s_namespace_name",
///     "pod_label": "k8s_pod_name",
/// }))?;
/// assert_eq!(config.container_label, "container");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LokiConfig {
    /// Address, credentials, tenant header, limits of time and bytes. The address is the one that `/loki/api/v1` is appended to.
    pub http: ClientConfig,
    /// Label of the namespace. Default `namespace`.
    pub namespace_label: String,
    /// Label of the pod. Default `pod`.
    pub pod_label: String,
    /// Label of the container. Default `container`.
    pub container_label: String,
}

impl LokiConfig {
    /// The defaults for the server at `base_url`.
    pub fn at(base_url: impl Into<String>) -> Self {
        Self {
            http: ClientConfig::at(base_url),
            ..Self::default()
        }
    }
}

impl Default for LokiConfig {
    fn default() -> Self {
        Self {
            http: ClientConfig::default(),
            namespace_label: "namespace".to_owned(),
            pod_label: "pod".to_owned(),
            container_label: "container".to_owned(),
        }
    }
}

/// A client of Loki's HTTP API. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Loki {
    client: Client,
    namespace: String,
    pod: String,
    container: String,
}

impl Loki {
    /// A client as described by `config`. Nothing is connected yet.
    pub fn new(config: LokiConfig) -> Result<Self, HttpError> {
        for label in [
            &config.namespace_label,
            &config.pod_label,
            &config.container_label,
        ] {
            if !is_label(label) {
                return Err(HttpError::InvalidConfig {
                    reason: format!(
                        "{label:?} is not the name of a Loki label: letters, digits and underscores"
                    ),
                });
            }
        }
        Ok(Self {
            client: Client::new(config.http)?,
            namespace: config.namespace_label,
            pod: config.pod_label,
            container: config.container_label,
        })
    }

    /// The LogQL that selects what `query` asks for. Values are quoted: whatever they hold, they stay values.
    fn logql(&self, query: &LogQuery) -> Result<String, SourceError> {
        let mut labels = BTreeMap::new();
        for (label, value) in &query.labels {
            if !is_label(label) {
                return Err(SourceError::Call(ToolError::invalid_input(
                    "a label's name in Loki has only letters, digits and underscores, and no digit first; `app.kubernetes.io/name` \
                     is `app_kubernetes_io_name` there",
                )));
            }
            labels.insert(label.as_str(), value.as_str());
        }
        labels.insert(&self.namespace, &query.namespace);
        labels.extend(query.pod.as_deref().map(|pod| (self.pod.as_str(), pod)));
        labels.extend(
            query
                .container
                .as_deref()
                .map(|container| (self.container.as_str(), container)),
        );
        let matchers: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escape(value)))
            .collect();
        let mut logql = format!("{{{}}}", matchers.join(","));
        if let Some(text) = &query.contains {
            let _ = write!(logql, " |= \"{}\"", escape(text));
        }
        Ok(logql)
    }

    /// The stream's labels under the names that the crate uses.
    fn named(&self, mut stream: BTreeMap<String, String>) -> BTreeMap<String, String> {
        for (own, name) in [
            (&self.namespace, "namespace"),
            (&self.pod, "pod"),
            (&self.container, "container"),
        ] {
            if own != name
                && let Some(value) = stream.remove(own)
            {
                stream.insert(name.to_owned(), value);
            }
        }
        stream
    }
}

fn is_label(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[derive(Deserialize)]
struct Body {
    data: Data,
    #[serde(default)]
    warnings: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Streams(Vec<Stream>),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Stream {
    stream: BTreeMap<String, String>,
    values: Vec<Value>,
}

/// `["nanoseconds", "line"]`, with structured metadata as a third element since Loki 3.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Plain(String, String),
    WithMetadata(String, String, serde::de::IgnoredAny),
}

#[async_trait]
impl LogSource for Loki {
    async fn search(&self, cx: &ToolContext, query: &LogQuery) -> Result<LogAnswer, SourceError> {
        let logql = self.logql(query)?;
        // The end is exclusive there.
        let end = query.window.end.as_nanosecond().saturating_add(1);
        let response = self
            .client
            .get("loki/api/v1/query_range")
            .query("query", logql)
            .query("start", query.window.start.as_nanosecond().to_string())
            .query("end", end.to_string())
            .query("limit", query.limit.to_string())
            .query("direction", "backward")
            .send_any(cx)
            .await
            .map_err(call)?;
        let body = read(response)?;
        let Data::Streams(streams) = body.data else {
            return Err(malformed("it holds no streams".to_owned()));
        };
        let mut lines = Vec::new();
        for Stream { stream, values } in streams {
            let labels = self.named(stream);
            for value in values {
                let (Value::Plain(time, line) | Value::WithMetadata(time, line, _)) = value;
                let time = time
                    .parse()
                    .ok()
                    .and_then(|nanoseconds: i128| Timestamp::from_nanosecond(nanoseconds).ok())
                    .ok_or_else(|| malformed("a line's time is not in nanoseconds".to_owned()))?;
                lines.push(LogLine {
                    time,
                    labels: labels.clone(),
                    line,
                });
            }
        }
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let truncated = lines.len() >= limit;
        // Streams come one after the other; equal times keep the order of the stream.
        lines.sort_by(|a, b| (a.time, &a.labels).cmp(&(b.time, &b.labels)));
        Ok(LogAnswer {
            lines,
            truncated,
            warnings: body.warnings.unwrap_or_default(),
        })
    }
}

fn read(response: Response) -> Result<Body, SourceError> {
    // Loki explains refused queries in plain text.
    if response.status() == 400 {
        let detail = Detail(response.text());
        return Err(SourceError::Rejected {
            service: SERVICE,
            error_type: "bad request",
            detail,
        });
    }
    let response = response.of_success().map_err(call)?;
    serde_json::from_slice(response.body()).map_err(|error| {
        malformed(format!(
            "{:?} error at line {} column {}",
            error.classify(),
            error.line(),
            error.column()
        ))
    })
}

fn call(error: HttpError) -> SourceError {
    SourceError::Call(error.into_tool_error(SERVICE))
}

fn malformed(what: String) -> SourceError {
    SourceError::Malformed {
        service: SERVICE,
        what,
    }
}
