//! Elasticsearch and OpenSearch.

use std::collections::BTreeMap;

use async_trait::async_trait;
use claw_core::http::{Client, ClientConfig, HttpError, Response};
use claw_core::tool::ToolContext;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{LogAnswer, LogLine, LogQuery, LogSource};
use crate::source::{Detail, SourceError};

const SERVICE: &str = "elasticsearch";

/// Where Elasticsearch is, which indices hold logs, and what their fields are called.
///
/// ```
/// use claw_metrics::logs::elasticsearch::ElasticsearchConfig;
/// let config: ElasticsearchConfig = serde_json::from_value(serde_json::json!({
///     "http": { "base_url": "https://logs.example.com:9200", "headers": { "Authorization": "ApiKey abc" } },
///     "index": "kubernetes-*",
///     "fields": { "namespace": "kubernetes.namespace_name", "message": "log" },
/// }))?;
/// assert_eq!(config.fields.time, "@timestamp");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ElasticsearchConfig {
    /// Address, credentials, limits of time and bytes.
    pub http: ClientConfig,
    /// Indices, aliases and data streams to search, separated by commas, with `*` for any text. Default `logs-*`.
    pub index: String,
    /// Names of fields.
    pub fields: Fields,
}

impl ElasticsearchConfig {
    /// The defaults for the server at `base_url`.
    pub fn at(base_url: impl Into<String>) -> Self {
        Self {
            http: ClientConfig::at(base_url),
            ..Self::default()
        }
    }
}

impl Default for ElasticsearchConfig {
    fn default() -> Self {
        Self {
            http: ClientConfig::default(),
            index: "logs-*".to_owned(),
            fields: Fields::ecs(),
        }
    }
}

/// Names of fields, nested ones with dots.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fields {
    /// Time of the line.
    pub time: String,
    /// The line itself.
    pub message: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Name of the container.
    pub container: String,
    /// Name of the node.
    pub node: String,
    /// What the names of the pod's labels are appended to, with a dot in between.
    pub labels: String,
}

impl Fields {
    /// The Elastic Common Schema, as Filebeat and Elastic Agent write it. The default.
    pub fn ecs() -> Self {
        Self {
            time: "@timestamp".to_owned(),
            message: "message".to_owned(),
            namespace: "kubernetes.namespace".to_owned(),
            pod: "kubernetes.pod.name".to_owned(),
            container: "kubernetes.container.name".to_owned(),
            node: "kubernetes.node.name".to_owned(),
            labels: "kubernetes.labels".to_owned(),
        }
    }

    /// What the Kubernetes filters of Fluentd and Fluent Bit write.
    pub fn fluent() -> Self {
        Self {
            time: "@timestamp".to_owned(),
            message: "log".to_owned(),
            namespace: "kubernetes.namespace_name".to_owned(),
            pod: "kubernetes.pod_name".to_owned(),
            container: "kubernetes.container_name".to_owned(),
            node: "kubernetes.host".to_owned(),
            labels: "kubernetes.labels".to_owned(),
        }
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self::ecs()
    }
}

/// A client of the search API. Clones share their connections.
///
/// Text is found by whole words there: `contains` finds `connection refused`, and not `nection ref`.
#[derive(Clone, Debug)]
pub struct Elasticsearch {
    client: Client,
    path: String,
    fields: Fields,
}

impl Elasticsearch {
    /// A client as described by `config`. Nothing is connected yet.
    pub fn new(config: ElasticsearchConfig) -> Result<Self, HttpError> {
        let allowed =
            |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.' | '*' | ',' | '+');
        if config.index.is_empty()
            || !config.index.chars().all(allowed)
            || config.index.starts_with(['_', '.', '+'])
        {
            return Err(HttpError::InvalidConfig {
                reason: format!(
                    "index: {:?} does not name indices; write for example logs-*",
                    config.index
                ),
            });
        }
        Ok(Self {
            client: Client::new(config.http)?,
            path: format!("{}/_search", config.index),
            fields: config.fields,
        })
    }

    fn body(&self, cx: &ToolContext, query: &LogQuery) -> Value {
        let fields = &self.fields;
        let range = json!({ "gte": query.window.start.to_string(), "lte": query.window.end.to_string() });
        let mut filter = vec![json!({ "range": { &fields.time: range } })];
        filter.extend(
            self.terms(query)
                .into_iter()
                .map(|(field, value)| exactly(&field, &value)),
        );
        if let Some(text) = &query.contains {
            filter.push(json!({ "match_phrase": { &fields.message: text } }));
        }
        let sources = [
            &fields.time,
            &fields.message,
            &fields.namespace,
            &fields.pod,
            &fields.container,
            &fields.node,
        ];
        let mut sources: Vec<String> = sources.iter().map(|field| (*field).clone()).collect();
        sources.push(format!("{}.*", fields.labels));
        json!({
            "size": query.limit,
            "track_total_hits": false,
            "timeout": format!("{}ms", cx.remaining().as_millis().max(1)),
            "sort": [{ &fields.time: { "order": "desc", "unmapped_type": "date" } }],
            "query": { "bool": { "filter": filter } },
            "_source": sources,
        })
    }

    /// Fields that must have a value exactly.
    fn terms(&self, query: &LogQuery) -> Vec<(String, String)> {
        let fields = &self.fields;
        let mut terms: Vec<(String, String)> = query
            .namespace
            .iter()
            .map(|namespace| (fields.namespace.clone(), namespace.clone()))
            .collect();
        terms.extend(query.pod.iter().map(|pod| (fields.pod.clone(), pod.clone())));
        terms.extend(
            query
                .container
                .iter()
                .map(|container| (fields.container.clone(), container.clone())),
        );
        terms.extend(
            query
                .labels
                .iter()
                .map(|(label, value)| (format!("{}.{label}", fields.labels), value.clone())),
        );
        terms
    }

    fn line(&self, hit: &Hit) -> Option<LogLine> {
        let text = |field: &str| lookup(&hit.source, field).map(plain);
        let mut labels = BTreeMap::new();
        if let Some(Value::Object(own)) = lookup(&hit.source, &self.fields.labels) {
            labels.extend(own.iter().map(|(name, value)| (name.clone(), plain(value))));
        }
        for (name, field) in [
            ("namespace", &self.fields.namespace),
            ("pod", &self.fields.pod),
            ("container", &self.fields.container),
            ("node", &self.fields.node),
        ] {
            labels.extend(text(field).map(|value| (name.to_owned(), value)));
        }
        let time = lookup(&hit.source, &self.fields.time)
            .and_then(time)
            .or_else(|| hit.sort.first().and_then(time))?;
        Some(LogLine {
            time,
            labels,
            line: text(&self.fields.message).unwrap_or_default(),
        })
    }
}

/// A field is a keyword, or text with a keyword below it when the mapping was made by itself.
fn exactly(field: &str, value: &str) -> Value {
    let keyword = format!("{field}.keyword");
    json!({ "bool": { "minimum_should_match": 1, "should": [{ "term": { field: value } }, { "term": { keyword: value } }] } })
}

/// A field of a document, whether it is nested or its name has dots.
fn lookup<'a>(document: &'a Value, field: &str) -> Option<&'a Value> {
    if let Some(value) = document.get(field) {
        return Some(value);
    }
    field
        .match_indices('.')
        .find_map(|(index, _)| lookup(document.get(field.get(..index)?)?, field.get(index + 1..)?))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim_end_matches('\n').to_owned(),
        Value::Array(values) => values.first().map(plain).unwrap_or_default(),
        other => other.to_string(),
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(milliseconds) => Timestamp::from_millisecond(milliseconds.as_i64()?).ok(),
        Value::Array(values) => values.first().and_then(time),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    timed_out: bool,
    #[serde(default, rename = "_shards")]
    shards: Shards,
    hits: Hits,
}

#[derive(Default, Deserialize)]
struct Shards {
    #[serde(default)]
    total: u64,
    #[serde(default)]
    failed: u64,
}

#[derive(Deserialize)]
struct Hits {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    #[serde(default, rename = "_source")]
    source: Value,
    #[serde(default)]
    sort: Vec<Value>,
}

#[async_trait]
impl LogSource for Elasticsearch {
    async fn search(&self, cx: &ToolContext, query: &LogQuery) -> Result<LogAnswer, SourceError> {
        let response = self
            .client
            .post(self.path.clone())
            .query("ignore_unavailable", "true")
            .query("allow_no_indices", "true")
            .json(&self.body(cx, query))
            .idempotent()
            .send_any(cx)
            .await
            .map_err(call)?;
        let body = read(response)?;
        let hits = body.hits.hits.len();
        let mut warnings = Vec::new();
        if body.timed_out {
            warnings.push("elasticsearch ran out of time: lines may be missing".to_owned());
        }
        if body.shards.failed > 0 {
            let Shards { total, failed } = body.shards;
            warnings.push(format!(
                "{failed} of {total} shards did not answer: lines may be missing"
            ));
        }
        let terms = self.terms(query);
        let fits = |hit: &&Hit| {
            // A field of text matches by words, so `shop` finds `shop-test` too.
            terms
                .iter()
                .all(|(field, value)| lookup(&hit.source, field).is_none_or(|found| plain(found) == *value))
        };
        let mut lines: Vec<LogLine> = body
            .hits
            .hits
            .iter()
            .filter(fits)
            .filter_map(|hit| self.line(hit))
            .collect();
        lines.reverse();
        lines.sort_by_key(|line| line.time);
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        Ok(LogAnswer {
            lines,
            truncated: hits >= limit,
            warnings,
        })
    }
}

fn read(response: Response) -> Result<Body, SourceError> {
    if response.status() == 400 {
        let detail = Detail(response.text());
        return Err(SourceError::Rejected {
            service: SERVICE,
            error_type: "bad request",
            detail,
        });
    }
    let response = response.of_success().map_err(call)?;
    serde_json::from_slice(response.body()).map_err(|error| SourceError::unreadable(SERVICE, &error))
}

fn call(error: HttpError) -> SourceError {
    SourceError::of_call(SERVICE, error)
}
