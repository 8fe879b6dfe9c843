use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::promql;
use crate::series::Series;
use crate::source::{Answer, Grid, MetricSource};

/// Most moments of one range query; Prometheus itself refuses beyond 11,000.
const MAX_MOMENTS: i64 = 11_000;
/// Steps that are chosen when none is given: the range gets about this many moments.
const USUAL_MOMENTS: i64 = 120;
/// Arguments of [`QueryPrometheus`]. Without `start` and `end` the query is evaluated at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryPrometheusInput {
    /// PromQL expression.
    pub query: String,
    /// Moment to evaluate at; now if left out. Not together with `start` and `end`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// First moment of a range. Needs `end`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// Last moment of a range. Needs `start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
    /// Seconds between moments of a range; chosen to give about 120 moments if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
}

impl QueryPrometheusInput {
    /// `query` now.
    pub fn instant(query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            ..Self::default()
        }
    }

    /// `query` from `start` to `end` with a step in seconds.
    pub fn range(query: impl Into<String>, start: Timestamp, end: Timestamp, step: Option<u32>) -> Self {
        Self {
            query: query.into(),
            time: None,
            start: Some(start),
            end: Some(end),
            step,
        }
    }
}

/// Answer of [`QueryPrometheus`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryPrometheusOutput {
    /// The series, ordered by labels. An expression without series gives none: that is not a zero.
    pub series: Vec<Series>,
    /// What the server warned of. Data may be partial then.
    pub warnings: Vec<String>,
    /// Whether series were cut off.
    pub truncated: bool,
    /// How many series there were before the cut.
    pub total_series: usize,
}

/// Evaluates PromQL.
#[derive(Clone)]
pub struct QueryPrometheus {
    source: Arc<dyn MetricSource>,
}

impl QueryPrometheus {
    /// Most points of one answer; series beyond are cut off.
    pub const MAX_POINTS: usize = 200_000;

    /// The tool over `source`.
    pub fn new(source: Arc<dyn MetricSource>) -> Self {
        Self { source }
    }
}

impl fmt::Debug for QueryPrometheus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryPrometheus").finish_non_exhaustive()
    }
}

#[async_trait]
impl Tool for QueryPrometheus {
    const NAME: &'static str = "query_prometheus";
    const EFFECT: Effect = Effect::Read;
    type Input = QueryPrometheusInput;
    type Output = QueryPrometheusOutput;

    fn description(&self) -> &str {
        "Evaluate a PromQL expression at one moment or over a range of time, to see error rates, latency, saturation, \
         restarts and their course"
    }

    fn access(&self) -> Access {
        Access::none().service("prometheus")
    }

    async fn call(&self, cx: &ToolContext, input: Self::Input) -> Result<Self::Output, ToolError> {
        promql::check(&input.query)?;
        let answer = match (input.start, input.end) {
            (Some(start), Some(end)) => {
                if input.time.is_some() {
                    return Err(ToolError::invalid_input(
                        "give either time or start and end, not both",
                    ));
                }
                let range = range(start, end, input.step)?;
                self.source.range(cx, &input.query, range).await?
            }
            (None, None) => {
                if input.step.is_some() {
                    return Err(ToolError::invalid_input("step needs start and end"));
                }
                self.source.instant(cx, &input.query, input.time).await?
            }
            _ => {
                return Err(ToolError::invalid_input(
                    "start and end belong together; give both or neither",
                ));
            }
        };
        Ok(cut(answer))
    }
}

fn range(start: Timestamp, end: Timestamp, step: Option<u32>) -> Result<Grid, ToolError> {
    let seconds = end.duration_since(start).as_secs();
    if start > end {
        return Err(ToolError::invalid_input("start lies after end; swap them"));
    }
    let step = match step {
        Some(0) => return Err(ToolError::invalid_input("step must be at least 1 second")),
        Some(step) => step,
        None => u32::try_from((seconds / USUAL_MOMENTS).max(1)).unwrap_or(u32::MAX),
    };
    let moments = seconds / i64::from(step) + 1;
    if moments > MAX_MOMENTS {
        return Err(ToolError::invalid_input(format!(
            "range has {moments} moments, at most {MAX_MOMENTS} are allowed; use a step of at least {} seconds",
            seconds / (MAX_MOMENTS - 1) + 1
        )));
    }
    Ok(Grid { start, end, step })
}

/// Keeps whole series, in order, up to [`QueryPrometheus::MAX_POINTS`] points.
fn cut(mut answer: Answer) -> QueryPrometheusOutput {
    let mut points = 0usize;
    let keep = answer
        .series
        .iter()
        .take_while(|series| {
            points = points.saturating_add(series.points.len());
            points <= QueryPrometheus::MAX_POINTS
        })
        .count();
    answer.series.truncate(keep);
    QueryPrometheusOutput {
        truncated: answer.series.len() < answer.total,
        total_series: answer.total,
        series: answer.series,
        warnings: answer.warnings,
    }
}
