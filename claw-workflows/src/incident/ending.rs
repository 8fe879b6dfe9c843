//! How containers ended, as far as it still matters, and since when they are in trouble.

use claw_k8s::model::{ContainerState, ContainerStatus, Event, Object, Pod, Terminated};
use claw_metrics::classify::Measure;
use jiff::Timestamp;

use super::facts::Facts;

/// The end of a run of a container for which `test` holds, now or before its last restart, if it has to do with the time
/// in question: a container that has been running since long before ended for reasons of its own.
pub(super) fn ending<'p>(
    facts: &Facts<'_>,
    pod: &Pod,
    status: &'p ContainerStatus,
    test: impl Fn(&Terminated) -> bool,
) -> Option<&'p Terminated> {
    [&status.state, &status.last_state]
        .into_iter()
        .filter_map(|state| state.terminated.as_ref())
        .find(|end| test(end))
        .filter(|end| matters(facts, pod, status, end))
}

/// The end of a container that was killed for memory; see [`ending`]. Where a child of its process was killed, the runtime
/// does not say so of the container: then what the kernel counts tells.
pub(super) fn killed_for_memory<'p>(
    facts: &Facts<'_>,
    pod: &Pod,
    status: &'p ContainerStatus,
) -> Option<&'p Terminated> {
    ending(facts, pod, status, |end| {
        end.reason == "OOMKilled" || end.exit_code == 137 && counted(facts, pod)
    })
}

/// Whether kills for memory were counted of a pod.
fn counted(facts: &Facts<'_>, pod: &Pod) -> bool {
    let entity = pod.entity();
    let mut signals = facts.case.signals.iter();
    signals.any(|signal| signal.measure == Measure::OutOfMemory && signal.harmful && signal.entity == entity)
}

fn matters(facts: &Facts<'_>, pod: &Pod, status: &ContainerStatus, end: &Terminated) -> bool {
    let start = facts.case.window.start;
    if status.state.running.is_some() {
        end.finished_at.map_or(!status.ready, |time| time >= start)
    } else if pod.is_finished() {
        let known = end
            .finished_at
            .or(pod.status.start_time)
            .or(pod.metadata.creation_timestamp);
        known.is_none_or(|time| time >= start)
    } else {
        // It is down, and this is how it went down.
        true
    }
}

/// When a container began to end like this. Of a container that ended several times only the last end is kept: what is
/// known of the first one is by when it had been. `None` where nothing tells.
pub(super) fn ends_since(
    facts: &Facts<'_>,
    pod: &Pod,
    status: &ContainerStatus,
    end: &Terminated,
) -> Option<Timestamp> {
    let entity = pod.entity();
    let workload = facts.workload_of(pod);
    let backed_off = facts
        .events_of(&entity)
        .iter()
        .filter(|event| is_back_off(event, &status.name))
        .filter_map(|event| event.first_seen());
    let counted = facts
        .case
        .signals
        .iter()
        .filter(|signal| matches!(signal.measure, Measure::Restarts | Measure::OutOfMemory) && signal.harmful)
        .filter(|signal| signal.entity == entity || signal.entity == workload)
        .filter_map(|signal| signal.onset);
    // A pod that has not been ready since before its last run was in trouble by then. A later time is that of the last end.
    let unready = pod
        .condition("Ready")
        .filter(|condition| !condition.is_true())
        .and_then(|condition| condition.last_transition_time)
        .filter(|time| last_start(status, end).is_some_and(|start| *time < start));
    let bound = backed_off.chain(counted).chain(unready).min();
    // A run that began before the time in question was no part of a loop: with its end the trouble begins.
    let ran_long = end
        .started_at
        .is_some_and(|start| start < facts.case.window.start);
    if status.restart_count > 1 && !ran_long {
        bound.map(|bound| end.finished_at.map_or(bound, |time| time.min(bound)))
    } else {
        end.finished_at
            .into_iter()
            .chain(bound)
            .min()
            .or(pod.status.start_time)
    }
}

/// Start of the run that goes on, or else of the one that ended last.
fn last_start(status: &ContainerStatus, end: &Terminated) -> Option<Timestamp> {
    let running = status.state.running.as_ref();
    running.and_then(|running| running.started_at).or(end.started_at)
}

/// Whether a pod failed, or was evicted, in the time in question. Failed pods stay until somebody deletes them. One that does
/// not say when it failed counts.
pub(super) fn failed_recently(facts: &Facts<'_>, pod: &Pod) -> bool {
    let ended = pod
        .all_statuses()
        .filter_map(|status| status.state.terminated.as_ref()?.finished_at);
    let turned = pod
        .status
        .conditions
        .iter()
        .filter_map(|condition| condition.last_transition_time);
    let said = facts
        .events_of(&pod.entity())
        .iter()
        .filter(|event| event.reason == "Evicted")
        .filter_map(|event| event.last_seen());
    ended
        .chain(turned)
        .chain(said)
        .max()
        .or(pod.status.start_time)
        .or(pod.metadata.creation_timestamp)
        .is_none_or(|time| time >= facts.case.window.start)
}

fn is_back_off(event: &Event, container: &str) -> bool {
    let path = &event.involved_object.field_path;
    let same = path.is_empty() || path.contains(&format!("{{{container}}}"));
    event.is_warning() && event.reason == "BackOff" && same
}

/// Since when a container waits: the end of its last run, or the pod's start.
pub(super) fn waits_since(facts: &Facts<'_>, pod: &Pod, status: &ContainerStatus) -> Option<Timestamp> {
    let ended = |state: &ContainerState| state.terminated.clone();
    let last = ended(&status.state).or_else(|| ended(&status.last_state));
    let loops = status
        .state
        .waiting
        .as_ref()
        .is_some_and(|waiting| waiting.reason == "CrashLoopBackOff");
    match last {
        Some(end) if loops => ends_since(facts, pod, status, &end),
        Some(end) if end.finished_at.is_some() => end.finished_at,
        _ => pod.status.start_time.or(pod.metadata.creation_timestamp),
    }
}
