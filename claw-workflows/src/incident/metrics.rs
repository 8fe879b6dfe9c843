//! Reads the series of the namespaces in question and keeps those that moved.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::report::Window;
use claw_core::workflow::{StepContext, StepError};
use claw_metrics::classify::{Measure, classify};
use claw_metrics::series::{Labels, Series, escape};
use claw_metrics::signal::{self, DetectOptions};
use claw_metrics::tools::{ListMetrics, ListMetricsInput, QueryPrometheus, QueryPrometheusInput};
use futures::StreamExt as _;

use super::case::{Call, Case};
use super::steps::settle;
use super::window;

/// Names in one query; more would make its text long for servers and people.
const NAMES_PER_QUERY: usize = 40;
/// Names that are read at most; the most telling kinds come first.
const MAX_NAMES: usize = 160;
/// Queries under way at a time.
const CONCURRENT: usize = 4;
/// Signals that are kept, the strongest first.
const MAX_SIGNALS: usize = 2_000;

/// Adds the signals of namespaces, and the call edges that labels show.
pub(super) async fn gather(
    cx: &StepContext,
    case: &mut Case,
    namespaces: &BTreeSet<String>,
) -> Result<(), StepError> {
    let selector = namespace_selector(case, namespaces);
    let names = names(cx, case, selector.as_deref()).await?;
    if names.is_empty() {
        return Ok(());
    }
    let spans = spans(case);
    let queries: Vec<QueryPrometheusInput> = names
        .chunks(NAMES_PER_QUERY)
        .flat_map(|names| spans.iter().map(|span| raw(names, selector.as_deref(), span)))
        .collect();
    let answers: Vec<_> = futures::stream::iter(queries)
        .map(|query| cx.observe::<QueryPrometheus>(query, "which metrics moved when the trouble began"))
        .buffered(CONCURRENT)
        .collect()
        .await;
    let mut series: BTreeMap<Labels, Series> = BTreeMap::new();
    for answer in answers {
        let Some(answer) = settle::<QueryPrometheus>(cx, case, answer)? else {
            continue;
        };
        if answer.truncated {
            let reason = format!(
                "there are {} series, more than one query may return; some were left out",
                answer.total_series
            );
            case.gap(
                "query_prometheus",
                reason,
                "narrow the alert to a workload, or raise the limit of series",
            );
        }
        for warning in answer.warnings {
            case.gap(
                "query_prometheus",
                format!("the server warns: {warning}"),
                "see the server's own log",
            );
        }
        for found in answer.series {
            match series.entry(found.labels.clone()) {
                std::collections::btree_map::Entry::Vacant(slot) => {
                    slot.insert(found);
                }
                std::collections::btree_map::Entry::Occupied(mut slot) => {
                    let known = slot.get_mut();
                    let mut points = std::mem::take(&mut known.points);
                    points.extend(found.points);
                    *known = Series::new(found.labels, points);
                }
            }
        }
    }
    let series: Vec<Series> = series.into_values().collect();
    case.series_read = case.series_read.saturating_add(series.len());
    case.calls.extend(edges(&series));
    case.calls.sort();
    case.calls.dedup();
    let incident = window::incident(case);
    let mut signals = signal::detect_all(
        &series,
        &incident,
        Some(&case.baseline),
        &DetectOptions::default(),
    );
    signals.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.metric.cmp(&b.metric)));
    signals.truncate(MAX_SIGNALS);
    case.signals.extend(signals);
    case.signals.sort_by(|a, b| a.metric.cmp(&b.metric));
    case.signals.dedup();
    Ok(())
}

/// `namespace=~"a|b"`, unless all namespaces are asked for.
fn namespace_selector(case: &Case, namespaces: &BTreeSet<String>) -> Option<String> {
    // Without objects the namespaces are not known to be those of the series.
    if namespaces.is_empty()
        || case.incident.alerts.is_empty()
            && case.incident.namespaces.is_empty()
            && case.incident.subject.is_empty()
    {
        return None;
    }
    let names: Vec<String> = namespaces
        .iter()
        .map(|name| escape(name).into_owned())
        .collect();
    Some(format!("namespace=~\"{}\"", names.join("|")))
}

async fn names(cx: &StepContext, case: &mut Case, selector: Option<&str>) -> Result<Vec<String>, StepError> {
    let ask = |selector: Option<String>, window: Window| ListMetricsInput {
        selector,
        start: Some(window.start),
        end: Some(window.end),
    };
    let why = "which metrics there are";
    let input = ask(selector.map(|selector| format!("{{{selector}}}")), case.window);
    let answer = cx.observe::<ListMetrics>(input, why).await;
    let mut answer = settle::<ListMetrics>(cx, case, answer)?;
    if selector.is_some() && answer.as_ref().is_some_and(|answer| answer.metrics.is_empty()) {
        // Metrics without a namespace label: recorded ones, or those of a service outside the cluster.
        let all = cx.observe::<ListMetrics>(ask(None, case.window), why).await;
        answer = settle::<ListMetrics>(cx, case, all)?;
    }
    let mut names: Vec<(u8, String)> = answer
        .into_iter()
        .flat_map(|answer| answer.metrics)
        .map(|metric| (rank(&metric.name), metric.name))
        .filter(|(rank, _)| *rank < 9)
        .collect();
    names.sort();
    if names.len() > MAX_NAMES {
        let reason = format!(
            "there are {} metrics; the {MAX_NAMES} most telling ones were read",
            names.len()
        );
        case.gap("query_prometheus", reason, "ask for others by hand");
        names.truncate(MAX_NAMES);
    }
    Ok(names.into_iter().map(|(_, name)| name).collect())
}

/// How telling a metric is, 0 most; 9 means nothing for an incident.
fn rank(name: &str) -> u8 {
    match classify(name, &Labels::new()).measure {
        Measure::Errors | Measure::Availability | Measure::Latency => 0,
        Measure::Traffic | Measure::Restarts | Measure::OutOfMemory => 1,
        Measure::Cpu
        | Measure::CpuThrottling
        | Measure::Memory
        | Measure::Connections
        | Measure::Queue
        | Measure::Saturation => 2,
        Measure::Network | Measure::NetworkErrors | Measure::Disk | Measure::Replicas => 3,
        Measure::Limit | Measure::Info | Measure::Time => 9,
        _ => 5,
    }
}

/// Baseline and window where they lie apart; otherwise the whole.
fn spans(case: &Case) -> Vec<Window> {
    let apart = case.baseline.end < case.window.start || case.baseline.start > case.window.end;
    if apart {
        return vec![case.baseline, case.window];
    }
    vec![Window {
        start: case.window.start.min(case.baseline.start),
        end: case.window.end.max(case.baseline.end),
    }]
}

/// Raw samples with their own times: a range query would repeat samples that are further apart than its steps.
fn raw(names: &[String], selector: Option<&str>, span: &Window) -> QueryPrometheusInput {
    let names: Vec<String> = names.iter().map(|name| escape(name).into_owned()).collect();
    let rest = selector
        .map(|selector| format!(",{selector}"))
        .unwrap_or_default();
    let seconds = span
        .end
        .duration_since(span.start)
        .as_secs()
        .max(1)
        .saturating_add(1);
    let mut input =
        QueryPrometheusInput::instant(format!("{{__name__=~\"{}\"{rest}}}[{seconds}s]", names.join("|")));
    input.time = Some(span.end);
    input
}

/// Calls that the labels of edge metrics show.
fn edges(series: &[Series]) -> Vec<Call> {
    let mut calls: Vec<Call> = series
        .iter()
        .filter_map(|series| {
            let subject = claw_metrics::classify::subject_of(&series.labels)?;
            Some(Call {
                caller: subject.entity,
                callee: subject.peer?,
                via: "metrics".to_owned(),
            })
        })
        .collect();
    calls.sort();
    calls.dedup();
    calls
}
