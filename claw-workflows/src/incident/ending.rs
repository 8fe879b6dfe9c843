//! How containers ended, as far as it still matters, and since when they are in trouble.

use claw_k8s::model::{ContainerState, ContainerStatus, Event, Object, Pod, Terminated};
use claw_metrics::classify::Measure;
use claw_metrics::signal::Signal;
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
/// does not say so of the container: then what the kernel counts tells, if it counts it of this container and by then.
pub(super) fn killed_for_memory<'p>(
    facts: &Facts<'_>,
    pod: &Pod,
    status: &'p ContainerStatus,
) -> Option<&'p Terminated> {
    ending(facts, pod, status, |end| {
        end.reason == "OOMKilled" || end.exit_code == 137 && counted(facts, pod, status, end)
    })
}

/// Seconds for which a count may be read before the end that it counts, besides what is uncertain of its beginning.
const SCRAPE: i64 = 120;

/// Whether kills for memory were counted of a container by the time at which it ended. Where the series does not say of
/// which container of the pod, it counts if no other was killed.
fn counted(facts: &Facts<'_>, pod: &Pod, status: &ContainerStatus, end: &Terminated) -> bool {
    let entity = pod.entity();
    let killed = |other: &ContainerStatus| {
        let ends = [&other.state, &other.last_state].into_iter();
        let mut ends = ends.filter_map(|state| state.terminated.as_ref());
        other.name != status.name && ends.any(|end| end.exit_code == 137)
    };
    let alone = !pod.all_statuses().any(killed);
    let of_container = |metric: &str| match metric.split_once("container=\"") {
        Some((_, rest)) => rest.split('"').next() == Some(status.name.as_str()),
        None => alone,
    };
    let by_then = |signal: &Signal| match (signal.onset, end.finished_at) {
        (Some(onset), Some(ended)) => {
            let early = onset.duration_since(ended).as_secs();
            early <= SCRAPE.saturating_add(signal.onset_uncertainty.clamp(0.0, 3600.0) as i64)
        }
        _ => true,
    };
    facts.case.signals.iter().any(|signal| {
        signal.measure == Measure::OutOfMemory
            && signal.harmful
            && signal.entity == entity
            && of_container(&signal.metric)
            && by_then(signal)
    })
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

#[cfg(test)]
mod tests {
    use claw_core::report::Window;
    use claw_metrics::series::Series;
    use claw_metrics::signal::{self, DetectOptions};
    use serde_json::json;

    use super::killed_for_memory;
    use crate::incident::facts::Facts;
    use crate::incident::testing::{at, case, deployment};

    /// The containers of a pod that count as killed for memory, of `app` and `sidecar` which both ended with 137 at 600. More and
    /// more kills were counted under these labels, from `counted` on.
    fn killed(labels: &[(&str, &str)], counted: i64, sidecar_ends: bool) -> Vec<String> {
        let mut case = case();
        let ended = |name: &str, exit: i32| {
            json!({"name": name, "restartCount": 1, "state": {"running": {"startedAt": at(610)}},
                "lastState": {"terminated": {"exitCode": exit, "reason": "Error", "startedAt": at(-900), "finishedAt": at(600)}}})
        };
        let other = if sidecar_ends { 137 } else { 0 };
        let status =
            json!({"phase": "Running", "containerStatuses": [ended("app", 137), ended("sidecar", other)]});
        let containers = json!([{"name": "app"}, {"name": "sidecar"}]);
        deployment(
            &mut case,
            "cart",
            json!({"containers": containers, "status": status}),
        );
        let mut known = vec![
            ("__name__", "container_oom_events_total"),
            ("namespace", "shop"),
            ("pod", "cart-pod"),
        ];
        known.extend(labels);
        let points = (-120..=29).map(|minute: i64| {
            let count = (minute - counted / 60 + 1).max(0) as f64;
            (at(minute * 60), count)
        });
        let window = |start, end| Window {
            start: at(start),
            end: at(end),
        };
        let series = Series::new(
            known
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            points.collect(),
        );
        case.signals = signal::detect_all(
            &[series],
            &window(0, 1800),
            Some(&window(-7200, 0)),
            &DetectOptions::default(),
        );
        assert!(!case.signals.is_empty());
        let facts = Facts::new(&case);
        let pod = &case.objects.pods[0];
        let all = pod.all_statuses();
        all.filter(|status| killed_for_memory(&facts, pod, status).is_some())
            .map(|status| status.name.clone())
            .collect()
    }

    #[test]
    fn a_kill_counts_for_the_container_that_it_is_counted_of() {
        assert_eq!(killed(&[("container", "app")], 600, true), ["app"]);
        assert_eq!(killed(&[("container", "sidecar")], 600, true), ["sidecar"]);
        // Of one of two that were killed, it is not known of which.
        assert_eq!(killed(&[], 600, true), [""; 0]);
        assert_eq!(killed(&[], 600, false), ["app"]);
    }

    #[test]
    fn a_kill_that_came_later_is_another_one() {
        assert_eq!(killed(&[("container", "app")], 1500, false), [""; 0]);
    }
}
