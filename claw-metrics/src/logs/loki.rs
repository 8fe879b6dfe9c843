//! Grafana Loki.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use claw_core::http::{Client, ClientConfig, HttpError, Response};
use claw_core::report::Window;
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
///     "namespace_label": "team_namespace",
/// }))?;
/// assert_eq!(config.container_label, None);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// What collectors call their labels differs (`namespace` by Promtail and Alloy, `k8s_namespace_name` by OpenTelemetry,
/// `kubernetes_namespace_name` by Fluent Bit). Names that are left out are found by asking the server which labels it has,
/// once for each client.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LokiConfig {
    /// Address, credentials, tenant header, limits of time and bytes. The address is the one that `/loki/api/v1` is appended to.
    pub http: ClientConfig,
    /// Label of the namespace.
    pub namespace_label: Option<String>,
    /// Label of the pod.
    pub pod_label: Option<String>,
    /// Label of the container.
    pub container_label: Option<String>,
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

/// A client of Loki's HTTP API. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Loki {
    client: Client,
    given: [Option<String>; 3],
    names: Arc<OnceLock<Names>>,
}

/// What the streams' labels are called.
#[derive(Clone, Debug)]
struct Names {
    namespace: String,
    pod: String,
    container: String,
    /// A label that lines have, for queries that name none: the server refuses an empty selector.
    any: Option<String>,
}

/// Names that collectors give to the labels of namespace, pod and container, the most usual ones first.
const ALIASES: [&[&str]; 3] = [
    &[
        "namespace",
        "k8s_namespace_name",
        "kubernetes_namespace_name",
        "namespace_name",
    ],
    &[
        "pod",
        "k8s_pod_name",
        "kubernetes_pod_name",
        "pod_name",
        "instance",
    ],
    &[
        "container",
        "k8s_container_name",
        "kubernetes_container_name",
        "container_name",
    ],
];

/// Labels that streams without a namespace are told apart by.
const OTHERS: [&str; 5] = ["service_name", "service", "app", "job", "filename"];

impl Names {
    /// The names among the labels that a server has.
    fn among(labels: &[String], given: &[Option<String>; 3]) -> Self {
        let has = |name: &str| labels.iter().any(|label| label == name);
        let [namespace, pod, container] = [0, 1, 2].map(|index| {
            let aliases = ALIASES.get(index).copied().unwrap_or_default();
            let configured = given.get(index).cloned().flatten();
            let found = aliases.iter().find(|name| has(name)).or(aliases.first());
            configured
                .or_else(|| found.map(|name| (*name).to_owned()))
                .unwrap_or_default()
        });
        let any = [namespace.as_str(), pod.as_str(), container.as_str()]
            .into_iter()
            .chain(OTHERS)
            .find(|name| has(name))
            .map(str::to_owned)
            .or_else(|| labels.iter().find(|label| !label.starts_with("__")).cloned());
        Self {
            namespace,
            pod,
            container,
            any,
        }
    }
}

impl Loki {
    /// A client as described by `config`. Nothing is connected yet.
    pub fn new(config: LokiConfig) -> Result<Self, HttpError> {
        let given = [config.namespace_label, config.pod_label, config.container_label];
        for label in given.iter().flatten() {
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
            given,
            names: Arc::new(OnceLock::new()),
        })
    }

    /// What the labels are called. A server that does not tell has the usual names, and is asked again the next time; why it
    /// does not is told besides.
    async fn names(
        &self,
        cx: &ToolContext,
        window: &Window,
    ) -> Result<(Names, Option<SourceError>), SourceError> {
        if let Some(names) = self.names.get() {
            return Ok((names.clone(), None));
        }
        let response = self
            .client
            .get("loki/api/v1/labels")
            .query("start", window.start.as_nanosecond().to_string())
            .query("end", window.end.as_nanosecond().saturating_add(1).to_string())
            .send_any(cx)
            .await
            .map_err(call)?;
        #[derive(Deserialize)]
        struct Labels {
            #[serde(default)]
            data: Vec<String>,
        }
        let (labels, failed) = match response.of_success() {
            Ok(response) => (serde_json::from_slice::<Labels>(response.body()).ok(), None),
            Err(error) => (None, Some(call(error))),
        };
        let known = labels.is_some_and(|labels| {
            let names = Names::among(&labels.data, &self.given);
            // Without any line in the window it is not known yet what the labels are called.
            names.any.is_some() && self.names.set(names).is_ok()
        });
        match self.names.get() {
            Some(names) if known => Ok((names.clone(), None)),
            _ => Ok((Names::among(&[], &self.given), failed)),
        }
    }

    /// The LogQL that selects what `query` asks for; `None` where the server has no line with a label. Values are quoted:
    /// whatever they hold, they stay values.
    fn logql(query: &LogQuery, names: &Names) -> Result<Option<String>, SourceError> {
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
        for (label, value) in [
            (&names.namespace, &query.namespace),
            (&names.pod, &query.pod),
            (&names.container, &query.container),
        ] {
            labels.extend(value.as_deref().map(|value| (label.as_str(), value)));
        }
        let mut matchers: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escape(value)))
            .collect();
        if matchers.is_empty() {
            let Some(any) = &names.any else {
                return Ok(None);
            };
            matchers.push(format!("{any}=~\".+\""));
        }
        let mut logql = format!("{{{}}}", matchers.join(","));
        if let Some(text) = &query.contains {
            let _ = write!(logql, " |= \"{}\"", escape(text));
        }
        Ok(Some(logql))
    }

    /// The stream's labels under the names that the crate uses.
    fn named(names: &Names, mut stream: BTreeMap<String, String>) -> BTreeMap<String, String> {
        for (own, name) in [
            (&names.namespace, "namespace"),
            (&names.pod, "pod"),
            (&names.container, "container"),
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
        let (names, failed) = self.names(cx, &query.window).await?;
        let Some(logql) = Self::logql(query, &names)? else {
            // Without any label there is no line, unless the server did not say which labels there are.
            return failed.map_or_else(|| Ok(LogAnswer::default()), Err);
        };
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
            let labels = Self::named(&names, stream);
            // They come the newest first, those of one time as well: a stack trace would stand upside down.
            for value in values.into_iter().rev() {
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
    SourceError::of_call(SERVICE, error)
}

fn malformed(what: String) -> SourceError {
    SourceError::Malformed {
        service: SERVICE,
        what,
    }
}
