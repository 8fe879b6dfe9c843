//! Records the series of the namespaces, as they were scraped.

use std::collections::BTreeSet;

use claw_core::gate::ObserveError;
use claw_core::tool::ToolErrorKind;
use claw_core::workflow::StepContext;
use claw_k8s::bundle::{Manifest, MetricsFormat};
use claw_metrics::openmetrics::write_text;
use claw_metrics::series::escape;
use claw_metrics::tools::{ListMetrics, ListMetricsInput, QueryPrometheus, QueryPrometheusInput};
use futures::StreamExt as _;

use super::Recording;
use crate::failure::Failure;

/// Names in one query.
const NAMES: usize = 20;
/// Names that are recorded at most.
const MOST: usize = 2_000;
/// Queries under way at a time.
const CONCURRENT: usize = 4;

/// Records metrics, and returns how many series.
pub(super) async fn record(
    cx: &StepContext,
    namespaces: &BTreeSet<String>,
    manifest: &Manifest,
    recording: &mut Recording,
) -> Result<usize, Failure> {
    if cx.tools().get("query_prometheus").is_none() {
        return Ok(0);
    }
    let selector = selector(namespaces);
    let mut names = names(cx, selector.as_deref(), manifest, recording).await?;
    if names.len() > MOST {
        recording
            .missed
            .insert(format!("metrics: {} names, only {MOST} were read", names.len()));
        names.truncate(MOST);
    }
    let answers: Vec<_> = futures::stream::iter(names.chunks(NAMES).map(<[String]>::to_vec))
        .map(|names| {
            let query = raw(&names, selector.as_deref(), manifest);
            async move { cx.observe::<QueryPrometheus>(query, "to be recorded").await }
        })
        .buffered(CONCURRENT)
        .collect()
        .await;
    let mut count = 0_usize;
    for (number, answer) in answers.into_iter().enumerate() {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                missed(error, "query_prometheus", recording)?;
                continue;
            }
        };
        if answer.truncated {
            recording.missed.insert(format!(
                "query_prometheus: {} series, only {} were answered",
                answer.total_series,
                answer.series.len()
            ));
        }
        if answer.series.is_empty() {
            continue;
        }
        count = count.saturating_add(answer.series.len());
        recording.writer.metrics(
            &format!("series-{number:03}"),
            MetricsFormat::OpenMetrics,
            &write_text(&answer.series),
        )?;
    }
    Ok(count)
}

fn selector(namespaces: &BTreeSet<String>) -> Option<String> {
    if namespaces.is_empty() {
        return None;
    }
    let names: Vec<&str> = namespaces.iter().map(String::as_str).collect();
    Some(format!("namespace=~\"{}\"", names.join("|")))
}

async fn names(
    cx: &StepContext,
    selector: Option<&str>,
    manifest: &Manifest,
    recording: &mut Recording,
) -> Result<Vec<String>, Failure> {
    let input = ListMetricsInput {
        selector: selector.map(|selector| format!("{{{selector}}}")),
        start: Some(manifest.window.start),
        end: Some(manifest.window.end),
    };
    match cx.observe::<ListMetrics>(input, "which metrics there are").await {
        Ok(answer) => Ok(answer.metrics.into_iter().map(|metric| metric.name).collect()),
        Err(error) => {
            missed(error, "list_metrics", recording)?;
            Ok(Vec::new())
        }
    }
}

/// Only a failure of the audit log ends the recording.
fn missed(error: ObserveError, source: &str, recording: &mut Recording) -> Result<(), Failure> {
    match error {
        ObserveError::Audit(error) => Err(error.into()),
        ObserveError::Tool(error) if error.kind() == ToolErrorKind::NotFound => Ok(()),
        error => {
            recording.missed.insert(format!("{source}: {error}"));
            Ok(())
        }
    }
}

/// The samples as they are: a range vector, evaluated at the end of the window.
fn raw(names: &[String], selector: Option<&str>, manifest: &Manifest) -> QueryPrometheusInput {
    let names: Vec<String> = names.iter().map(|name| escape(name).into_owned()).collect();
    let rest = selector
        .map(|selector| format!(",{selector}"))
        .unwrap_or_default();
    let window = manifest.window;
    let seconds = window
        .end
        .duration_since(window.start)
        .as_secs()
        .max(1)
        .saturating_add(1);
    let query = format!("{{__name__=~\"{}\"{rest}}}[{seconds}s]", names.join("|"));
    QueryPrometheusInput {
        query,
        time: Some(window.end),
        ..QueryPrometheusInput::default()
    }
}
