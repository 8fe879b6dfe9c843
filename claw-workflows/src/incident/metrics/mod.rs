//! Reads the series of the namespaces in question and keeps those that moved.

mod names;
mod raw;
mod typed;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod unread_tests;

use std::collections::BTreeSet;
use std::time::Duration;

use claw_core::entity::EntityRef;
use claw_core::gate::ObserveError;
use claw_core::report::Window;
use claw_core::tool::Tool;
use claw_core::workflow::{StepContext, StepError};
use claw_metrics::classify::{Servers, Subject, subject_of};
use claw_metrics::series::{Series, escape};
use claw_metrics::signal::{self, DetectOptions, Signal, Survey};
use jiff::{SignedDuration, Timestamp};

use self::typed::Computed;
use super::case::{Call, Case};
use super::memory;
use super::steps::settle;
use super::window;

/// Signals that are kept, the strongest first.
const MAX_SIGNALS: usize = 2_000;
/// A longer time is read at its beginning and its end only.
const LONG: SignedDuration = SignedDuration::from_hours(8);
/// How long after the beginning of the trouble is read of a long time.
const BEGINNING: SignedDuration = SignedDuration::from_hours(2);
/// How long before the end.
const END: SignedDuration = SignedDuration::from_hours(1);
/// Samples before the trouble that tell what is usual.
const USUAL: usize = 60;

/// One part in so many of the series has to say nothing for the report to say so.
const NOTABLE: usize = 10;
/// So long metrics may take even where that is more than half of the time left, but never more than three quarters of it.
const LEAST: Duration = Duration::from_secs(10);

/// Adds the signals of namespaces, and the call edges that labels show.
pub(super) async fn gather(
    cx: &StepContext,
    case: &mut Case,
    namespaces: &BTreeSet<String>,
) -> Result<(), StepError> {
    if case.metrics_are_silent() {
        return Ok(());
    }
    let cx = &cx.within(share(cx.remaining()));
    let selector = namespace_selector(case, namespaces);
    let of_services = is_about(case, namespaces);
    let names = names::telling(cx, case, selector.as_deref(), of_services).await?;
    let spans = spans(case);
    let mut read = raw::read(cx, case, &names, selector.as_deref(), &spans).await?;
    if let Some(before) = further_back(case, &spans, read.series.values()) {
        let earlier = raw::read(cx, case, &names, selector.as_deref(), &[before]).await?;
        read.look_back(earlier);
    }
    let mut computed = typed::of_large(cx, case, &read.too_large, &names, namespaces, &spans).await?;
    if !case.signals.iter().any(|signal| signal.entity.kind == "Node") {
        if may_ask(cx, case) {
            computed.extend(typed::of_nodes(cx, case, &spans).await?);
        } else if !case.series_unread {
            not_asked(case, "nothing was asked about nodes");
        }
    }
    let (placing, mut series): (Vec<Series>, Vec<Series>) = read
        .series
        .into_values()
        .partition(|series| series.name() == names::PLACEMENT);
    case.placed.extend(placing.iter().filter_map(placement));
    case.calls.extend(edges(&series));
    case.calls.sort();
    case.calls.dedup();
    // A series would seem to end where a piece of it was not read.
    series.retain(|series| !read.partial.contains(series.name()));
    case.memory.extend(memory::uses(&series, &case.window));
    let mut seen = survey(case, &series);
    for Computed { series, promql } in computed {
        let found = survey(case, std::slice::from_ref(&series));
        seen.compared = seen.compared.saturating_add(found.compared);
        seen.without_past = seen.without_past.saturating_add(found.without_past);
        seen.without_entity = seen.without_entity.saturating_add(found.without_entity);
        seen.measured.extend(found.measured);
        seen.signals
            .extend(found.signals.into_iter().map(|signal| Signal {
                source: promql.clone(),
                ..signal
            }));
    }
    take(case, seen);
    Ok(())
}

/// Adds the signals of series that are at hand, and the call edges that their labels show.
pub(super) fn compare(case: &mut Case, series: &[Series]) {
    case.calls.extend(edges(series));
    case.calls.sort();
    case.calls.dedup();
    case.memory.extend(memory::uses(series, &case.window));
    let seen = survey(case, series);
    take(case, seen);
}

/// Adds what comparing series came to.
fn take(case: &mut Case, seen: Survey) {
    case.series_read = case.series_read.saturating_add(seen.compared);
    not_compared(case, &seen);
    case.measured.extend(seen.measured);
    let mut signals = seen.signals;
    signals.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.metric.cmp(&b.metric)));
    signals.truncate(MAX_SIGNALS);
    case.signals.extend(signals);
    case.signals.sort_by(|a, b| a.metric.cmp(&b.metric));
    case.signals.dedup();
}

/// How much of the time left metrics may take: objects and logs are read, too. Each reading of metrics halves it, so that
/// without a least time the last one would have too little to be of use.
fn share(left: Duration) -> Duration {
    (left / 2).max(LEAST.min(left / 4 * 3))
}

/// As [`settle`], and notes that series went unread where there is no answer.
fn answered<T: Tool>(
    cx: &StepContext,
    case: &mut Case,
    answer: Result<T::Output, ObserveError>,
) -> Result<Option<T::Output>, StepError> {
    let answer = settle::<T>(cx, case, answer)?;
    case.series_unread |= answer.is_none();
    Ok(answer)
}

/// Whether there is a point in asking more: of a source that answers, and while there is time.
fn may_ask(cx: &StepContext, case: &Case) -> bool {
    !case.metrics_are_silent() && !cx.remaining().is_zero()
}

/// Notes what was not asked for, unless it is said already that the source does not answer.
fn not_asked(case: &mut Case, what: &str) {
    case.series_unread = true;
    if !case.metrics_are_silent() {
        case.gap(
            "query_prometheus",
            format!("{what}: the time for metrics was over"),
            "give the run more time, or narrow the alert to a workload",
        );
    }
}

fn survey(case: &Case, series: &[Series]) -> Survey {
    let incident = window::incident(case);
    signal::survey(series, &incident, Some(&case.baseline), &DetectOptions::default())
}

/// Notes that a good part of the series said nothing. Single ones always do: of what has just been started, of what a library
/// counts of itself.
fn not_compared(case: &mut Case, seen: &Survey) {
    let all = seen
        .compared
        .saturating_add(seen.without_past)
        .saturating_add(seen.without_entity);
    let many = |count: usize| count > 0 && count.saturating_mul(NOTABLE) >= all;
    let series = |count: usize, one: &str, several: &str| match count {
        1 => format!("1 series {one}"),
        count => format!("{count} series {several}"),
    };
    if many(seen.without_past) {
        case.gap(
            "query_prometheus",
            format!(
                "{} no samples before the trouble, so nothing tells what is usual for them",
                series(seen.without_past, "has", "have")
            ),
            "have the window begin earlier, or name a time to compare with",
        );
    }
    if many(seen.without_entity) {
        case.gap(
            "query_prometheus",
            format!(
                "{} no entity, so nothing could be told from them",
                series(seen.without_entity, "names", "name")
            ),
            "label them with the service, workload or pod that they are about",
        );
    }
}

/// `namespace=~"a|b|"`, which series without a namespace fit, too, unless all namespaces are asked for.
fn namespace_selector(case: &Case, namespaces: &BTreeSet<String>) -> Option<String> {
    // Without objects the namespaces are not known to be those of the series.
    if case.objects.pods.is_empty() || !is_about(case, namespaces) {
        return None;
    }
    let names: Vec<String> = namespaces.iter().map(|name| escape(name).into_owned()).collect();
    Some(format!("namespace=~\"{}|\"", names.join("|")))
}

/// Whether it is these namespaces that the run is about, and not the cluster.
fn is_about(case: &Case, namespaces: &BTreeSet<String>) -> bool {
    let incident = &case.incident;
    let asked =
        !incident.alerts.is_empty() || !incident.namespaces.is_empty() || !incident.subject.is_empty();
    asked && !namespaces.is_empty()
}

/// Baseline and window where they lie apart; otherwise the whole. Of a long window only what tells how it began and how it
/// is: servers refuse to read days of raw samples.
fn spans(case: &Case) -> Vec<Window> {
    let window = case.window;
    let apart = case.baseline.end < window.start || case.baseline.start > window.end;
    let whole = Window {
        start: window.start.min(case.baseline.start),
        end: window.end.max(case.baseline.end),
    };
    let (before, rest) = if apart {
        (Some(case.baseline), window)
    } else {
        (None, whole)
    };
    let mut spans: Vec<Window> = before.into_iter().collect();
    if rest.end.duration_since(rest.start) <= LONG {
        spans.push(rest);
        return spans;
    }
    let began = case.began.unwrap_or(rest.end).clamp(rest.start, rest.end);
    let shortly = |time: Timestamp, by: SignedDuration| time.checked_add(by).unwrap_or(time);
    let early = Window {
        start: shortly(began, -BEGINNING).max(rest.start),
        end: shortly(began, BEGINNING).min(rest.end),
    };
    let late = Window {
        start: shortly(rest.end, -END).max(early.end),
        end: rest.end,
    };
    spans.push(early);
    if late.start < late.end {
        spans.push(late);
    }
    spans
}

/// The time before `spans`, where most series have too little in these to tell what is usual: they are sampled rarely, or there
/// is a pause before the trouble.
fn further_back<'a>(
    case: &Case,
    spans: &[Window],
    series: impl Iterator<Item = &'a Series>,
) -> Option<Window> {
    let first = spans.iter().map(|span| span.start).min()?;
    let start = case.window.start.min(case.baseline.start);
    let end = first.checked_sub(SignedDuration::from_millis(1)).ok()?;
    let began = case.began.unwrap_or(case.window.end);
    let (mut all, mut few) = (0_usize, 0_usize);
    for series in series.filter(|series| series.points.last().is_some_and(|last| last.0 >= began)) {
        all += 1;
        few += usize::from(series.points.partition_point(|point| point.0 < began) < USUAL);
    }
    (start < end && few * 2 > all).then_some(Window { start, end })
}

/// A pod and the node that it runs on.
fn placement(series: &Series) -> Option<(EntityRef, EntityRef)> {
    let subject = subject_of(&series.labels)?;
    let node = subject.related.into_iter().find(|entity| entity.kind == "Node")?;
    (subject.entity.kind == "Pod").then_some((subject.entity, node))
}

/// Calls that the labels of edge metrics show.
fn edges(series: &[Series]) -> Vec<Call> {
    let servers = Servers::of(series.iter().map(|series| &series.labels));
    let mut calls: Vec<Call> = series
        .iter()
        .filter_map(|series| {
            // What is measured at one end of a call tells of the call, too.
            let told = [servers.subject_of(&series.labels), subject_of(&series.labels)];
            let ends = |subject: Subject| Some((subject.entity, subject.peer?));
            let (caller, callee) = told.into_iter().flatten().find_map(ends)?;
            Some(Call {
                caller,
                callee,
                via: "metrics".to_owned(),
            })
        })
        .collect();
    calls.sort();
    calls.dedup();
    calls
}
