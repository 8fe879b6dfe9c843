//! Series that the server computes: of nodes, and of what is too large to be read sample by sample.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use claw_core::report::Window;
use claw_core::workflow::{StepContext, StepError};
use claw_metrics::classify::{Measure, Stat, Unit};
use claw_metrics::families::{Families, Query, Scope};
use claw_metrics::series::{Labels, Series};
use claw_metrics::tools::{QueryPrometheus, QueryPrometheusInput};

use super::{answered, may_ask, names, not_asked};
use crate::incident::case::Case;
use crate::incident::steps::heard;

/// Queries under way at a time.
const CONCURRENT: usize = 4;
/// Moments of one answer.
const MOMENTS: i64 = 240;
/// The quantile of latencies that is looked at.
const QUANTILE: f64 = 0.95;
/// Metrics of the node exporter that the queries about nodes rest on.
const OF_NODES: &str = "__name__=~\"node_cpu_seconds_total|node_memory_Mem(Available|Total)_bytes|\
                        node_filesystem_(avail|size)_bytes|node_netstat_Tcp_RetransSegs\"";

/// A series with the query that it answers.
#[derive(Debug)]
pub(super) struct Computed {
    pub(super) series: Series,
    pub(super) promql: String,
}

/// How the nodes were used, where a node exporter tells.
pub(super) async fn of_nodes(
    cx: &StepContext,
    case: &mut Case,
    spans: &[Window],
) -> Result<Vec<Computed>, StepError> {
    if case.objects.nodes.is_empty() {
        return Ok(Vec::new());
    }
    let known = names::list(cx, case, Some(OF_NODES)).await?;
    let queries = Families::of(known.iter().map(String::as_str)).node_saturation(&Scope::cluster());
    ask(cx, case, queries, spans).await
}

/// What matters of metrics that are too large to be read as they are: rates, shares of failures, and quantiles. Says which
/// of them no query is known for.
pub(super) async fn of_large(
    cx: &StepContext,
    case: &mut Case,
    large: &[String],
    all: &[String],
    namespaces: &BTreeSet<String>,
    spans: &[Window],
) -> Result<Vec<Computed>, StepError> {
    if large.is_empty() {
        return Ok(Vec::new());
    }
    let families = Families::of(all.iter().map(String::as_str));
    let mut scopes: Vec<Scope> = namespaces.iter().map(Scope::namespace).collect();
    if scopes.is_empty() {
        scopes.push(Scope::cluster());
    }
    let queries: Vec<Query> = scopes
        .iter()
        .flat_map(|scope| {
            let mut queries = families.request_rate(scope);
            queries.extend(families.error_ratio(scope));
            queries.extend(families.latency_quantile(scope, QUANTILE));
            queries.extend(families.cpu_usage(scope));
            queries.extend(families.memory_usage(scope));
            queries.extend(families.restarts(scope));
            queries
        })
        .filter(|query| large.iter().any(|name| query.promql.contains(name.as_str())))
        .collect();
    let answered = |name: &&String| queries.iter().any(|query| query.promql.contains(name.as_str()));
    let left: Vec<&str> = large
        .iter()
        .filter(|name| !answered(name))
        .map(String::as_str)
        .collect();
    if !left.is_empty() {
        case.series_unread = true;
        case.gap(
            "query_prometheus",
            format!(
                "more series than one answer may have; some were left out: {}",
                left.join(", ")
            ),
            "narrow the alert to a workload, or raise the limit of series",
        );
    }
    ask(cx, case, queries, spans).await
}

async fn ask(
    cx: &StepContext,
    case: &mut Case,
    queries: Vec<Query>,
    spans: &[Window],
) -> Result<Vec<Computed>, StepError> {
    let inputs = queries.into_iter().flat_map(|query| {
        spans.iter().map(move |span| {
            let seconds = span.end.duration_since(span.start).as_secs();
            let step = u32::try_from((seconds / MOMENTS).max(15)).unwrap_or(u32::MAX);
            let input = QueryPrometheusInput::range(&query.promql, span.start, span.end, Some(step));
            (query.clone(), input)
        })
    });
    let mut inputs: VecDeque<(Query, QueryPrometheusInput)> = inputs.collect();
    let mut computed: BTreeMap<Labels, Computed> = BTreeMap::new();
    let mut partial: BTreeSet<String> = BTreeSet::new();
    while !inputs.is_empty() && may_ask(cx, case) {
        let wave: Vec<_> = inputs.drain(..inputs.len().min(CONCURRENT)).collect();
        let answers = futures::future::join_all(wave.into_iter().map(|(query, input)| async {
            let why = "how heavily what is involved was used";
            (query, cx.observe::<QueryPrometheus>(input, why).await)
        }))
        .await;
        for (_, answer) in &answers {
            heard::<QueryPrometheus>(case, answer);
        }
        for (query, answer) in answers {
            let Some(answer) = answered::<QueryPrometheus>(cx, case, answer)? else {
                partial.insert(query.promql);
                continue;
            };
            for series in answer.series {
                let labels = named(&query, series.labels);
                let mut points = series.points;
                if let Some(known) = computed.remove(&labels) {
                    points.extend(known.series.points);
                }
                let series = Series::new(labels.clone(), points);
                let promql = query.promql.clone();
                computed.insert(labels, Computed { series, promql });
            }
        }
    }
    if !inputs.is_empty() {
        not_asked(
            case,
            &format!("{} queries for rates and use were not made", inputs.len()),
        );
        partial.extend(inputs.into_iter().map(|(query, _)| query.promql));
    }
    // A series would seem to end where a piece of it was not read.
    computed.retain(|_, computed| !partial.contains(&computed.promql));
    Ok(computed.into_values().collect())
}

/// The labels under the name that says what the values are.
fn named(query: &Query, mut labels: Labels) -> Labels {
    let name = match (query.measure, query.unit) {
        (Measure::Cpu, Unit::Ratio) => "node_cpu_utilization_ratio",
        (Measure::Memory, Unit::Ratio) => "node_memory_utilization_ratio",
        (Measure::Disk, Unit::Ratio) => "node_filesystem_utilization_ratio",
        (Measure::NetworkErrors, _) => "node_tcp_retransmissions_per_second",
        (Measure::Traffic, _) => "service_requests_per_second",
        (Measure::Errors, _) => "service_error_ratio",
        (Measure::Latency, Unit::Milliseconds) => "service_latency_milliseconds",
        (Measure::Latency, _) => "service_latency_seconds",
        (Measure::Cpu, _) => "container_cpu_usage_cores",
        (Measure::Memory, _) => "container_memory_working_set_bytes",
        (Measure::Restarts, _) => "container_restarts",
        _ => "value",
    };
    labels.insert("__name__".to_owned(), name.to_owned());
    if let Stat::Quantile(quantile) = query.stat {
        labels.insert("quantile".to_owned(), quantile.to_string());
    }
    labels
}
