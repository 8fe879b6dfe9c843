//! Records the series of the namespaces, as they were scraped.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_core::gate::ObserveError;
use claw_core::tool::{Tool as _, ToolErrorKind};
use claw_core::workflow::StepContext;
use claw_k8s::bundle::{Manifest, MetricsFormat};
use claw_metrics::classify::subject_of;
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

/// What was recorded.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// How many series.
    pub(super) count: usize,
    /// Who is called, as their labels tell.
    pub(super) peers: BTreeSet<EntityRef>,
    /// Files written.
    files: usize,
}

/// Which series.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which<'a> {
    /// Those of the namespaces, and those of no namespace: of nodes, for example. All where there are no namespaces.
    With(&'a BTreeSet<String>),
    /// Those of the namespaces alone.
    Only(&'a BTreeSet<String>),
}

/// Records metrics.
pub(super) async fn record(
    cx: &StepContext,
    which: Which<'_>,
    manifest: &Manifest,
    recording: &mut Recording,
    recorded: &mut Recorded,
) -> Result<(), Failure> {
    if cx.tools().get(QueryPrometheus::NAME).is_none() {
        return Ok(());
    }
    let selector = selector(which);
    let mut names = names(cx, selector.as_deref(), manifest, recording).await?;
    if names.len() > MOST {
        let reason = format!("there are {} metrics; {MOST} of them were recorded", names.len());
        recording.missed("metrics", reason, "record single namespaces");
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
    for answer in answers {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                missed(error, QueryPrometheus::NAME, recording)?;
                continue;
            }
        };
        if answer.truncated {
            let reason = format!(
                "there are {} series of some metrics; {} of them were answered",
                answer.total_series,
                answer.series.len()
            );
            recording.missed(QueryPrometheus::NAME, reason, "record single namespaces");
        }
        if answer.series.is_empty() {
            continue;
        }
        recorded.count = recorded.count.saturating_add(answer.series.len());
        let subjects = answer
            .series
            .iter()
            .filter_map(|series| subject_of(&series.labels));
        recorded.peers.extend(subjects.filter_map(|subject| subject.peer));
        let number = recorded.files;
        recorded.files = number.saturating_add(1);
        recording.writer.metrics(
            &format!("series-{number:03}"),
            MetricsFormat::OpenMetrics,
            &write_text(&answer.series),
        )?;
    }
    Ok(())
}

fn selector(which: Which<'_>) -> Option<String> {
    let (namespaces, end) = match which {
        Which::With(namespaces) => (namespaces, "|"),
        Which::Only(namespaces) => (namespaces, ""),
    };
    if namespaces.is_empty() {
        return None;
    }
    let names: Vec<&str> = namespaces.iter().map(String::as_str).collect();
    // A series without the label fits the empty name.
    Some(format!("namespace=~\"{}{end}\"", names.join("|")))
}

async fn names(
    cx: &StepContext,
    selector: Option<&str>,
    manifest: &Manifest,
    recording: &mut Recording,
) -> Result<Vec<String>, Failure> {
    let input = ListMetricsInput {
        // A selector needs a part that no empty label fits.
        selector: selector.map(|selector| format!("{{__name__!=\"\",{selector}}}")),
        start: Some(manifest.window.start),
        end: Some(manifest.window.end),
    };
    match cx.observe::<ListMetrics>(input, "which metrics there are").await {
        Ok(answer) => Ok(answer.metrics.into_iter().map(|metric| metric.name).collect()),
        Err(error) => {
            missed(error, ListMetrics::NAME, recording)?;
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
            recording.missed(
                source,
                error.to_string(),
                "check that Prometheus is up and can be reached",
            );
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
