use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::report::Window;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::promql;
use crate::source::MetricSource;

/// Most names of one answer. Large servers have some ten thousand.
const MAX_NAMES: usize = 50_000;

/// Arguments of [`ListMetrics`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListMetricsInput {
    /// Only metrics of series that this selector matches, `{namespace="shop"}`; all if left out.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Only metrics with samples after this moment. Needs `end`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// Only metrics with samples before this moment. Needs `start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
}

/// One metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricDescription {
    /// Name.
    pub name: String,
    /// `counter`, `gauge`, `histogram`, `summary`, …, where the server knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Unit, where the server knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// Answer of [`ListMetrics`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListMetricsOutput {
    /// The metrics in order of their names.
    pub metrics: Vec<MetricDescription>,
    /// What the server warned of, and whether types and units could not be read.
    pub warnings: Vec<String>,
    /// Whether names were cut off.
    pub truncated: bool,
}

/// Lists the metrics that the server has.
#[derive(Clone)]
pub struct ListMetrics {
    source: Arc<dyn MetricSource>,
}

impl ListMetrics {
    /// The tool over `source`.
    pub fn new(source: Arc<dyn MetricSource>) -> Self {
        Self { source }
    }
}

impl fmt::Debug for ListMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListMetrics").finish_non_exhaustive()
    }
}

#[async_trait]
impl Tool for ListMetrics {
    const NAME: &'static str = "list_metrics";
    const EFFECT: Effect = Effect::Read;
    type Input = ListMetricsInput;
    type Output = ListMetricsOutput;

    fn description(&self) -> &str {
        "List the names of the metrics that the server has, with type and unit where known, before writing a query"
    }

    fn access(&self) -> Access {
        Access::none().service("prometheus")
    }

    async fn call(&self, cx: &ToolContext, input: Self::Input) -> Result<Self::Output, ToolError> {
        if let Some(selector) = &input.selector {
            promql::check_selector(selector)?;
        }
        let window = match (input.start, input.end) {
            (Some(start), Some(end)) if start <= end => Some(Window { start, end }),
            (Some(_), Some(_)) => return Err(ToolError::invalid_input("start lies after end; swap them")),
            (None, None) => None,
            _ => {
                return Err(ToolError::invalid_input(
                    "start and end belong together; give both or neither",
                ));
            }
        };
        let (names, metadata) = futures::join!(
            self.source.names(cx, input.selector.as_deref(), window),
            self.source.metadata(cx)
        );
        let mut names = names?;
        let mut warnings = std::mem::take(&mut names.warnings);
        // Names are of use without metadata, which some compatible servers do not serve.
        let metadata = metadata.unwrap_or_else(|error| {
            warnings.push(format!("types and units are unknown: {error}"));
            Default::default()
        });
        let truncated = names.names.len() > MAX_NAMES;
        let metrics = names
            .names
            .into_iter()
            .take(MAX_NAMES)
            .map(|name| {
                let known = metadata.get(&name).or_else(|| metadata.get(family(&name)));
                let text = |text: &String| (!text.is_empty()).then(|| text.clone());
                MetricDescription {
                    kind: known.and_then(|known| text(&known.kind)),
                    unit: known.and_then(|known| text(&known.unit)),
                    name,
                }
            })
            .collect();
        Ok(ListMetricsOutput {
            metrics,
            warnings,
            truncated,
        })
    }
}

/// Metadata is kept under the family's name; parts of a histogram have suffixes.
fn family(name: &str) -> &str {
    ["_bucket", "_sum", "_count", "_total", "_created"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(name)
}
