//! Whether the kubelet ended a container because a probe failed.
//!
//! It says so in events, which are forgotten after an hour. What stays is how the runs ended: on a signal, after about the
//! time that the probe gives.

use claw_core::evidence::Evidence;
use claw_k8s::model::{ContainerStatus, Event, Object as _, Pod, Probe, Terminated};

use crate::incident::facts::Facts;

/// The time that a container is given to end by itself, where the pod does not say, in seconds.
const GRACE: i64 = 30;
/// How much longer a run may last than its probe allows: the kubelet's own delays, and the start of the container.
const SLACK: i64 = 20;

/// For which of its probes the kubelet ended a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::incident) enum Ended {
    ByLiveness,
    ByStartup,
}

/// What an event in which the kubelet ends a container says of the probe for which it does.
pub(in crate::incident) fn named(event: &Event) -> Option<Ended> {
    let said = |words: &str| event.reason == "Killing" && event.message.contains(words);
    if said("failed liveness probe") {
        Some(Ended::ByLiveness)
    } else if said("failed startup probe") {
        Some(Ended::ByStartup)
    } else {
        None
    }
}

/// The event in which the kubelet says that it ends a container of the pod because of its liveness or startup probe.
pub(super) fn told(facts: &Facts<'_>, pod: &Pod) -> Option<Evidence> {
    facts
        .event(&pod.entity(), |event| named(event).is_some())
        .map(|event| facts.event_evidence(event))
}

/// Whether a run ended as it does when a probe never passes: on a signal, after about the time that the probe gives.
pub(super) fn ran_out_of_time(pod: &Pod, status: &ContainerStatus, end: &Terminated) -> bool {
    let Some(seconds) = lasted(end) else {
        return false;
    };
    let signalled = matches!(end.exit_code, 0 | 137 | 143) && end.reason != "OOMKilled";
    let Some(container) = pod.container(&status.name) else {
        return false;
    };
    let grace = pod.spec.termination_grace_period_seconds.unwrap_or(GRACE);
    let probes = [&container.startup_probe, &container.liveness_probe];
    signalled
        && status.restart_count > 1
        && probes.into_iter().flatten().any(|probe| {
            let allowed = allowed(probe);
            // Shorter runs end by themselves; longer ones passed the probe for a while.
            let most = (allowed + period(probe) + SLACK).saturating_add(grace.max(0));
            (allowed - period(probe)..=most).contains(&seconds)
        })
}

/// How many seconds a run lasted.
pub(super) fn lasted(end: &Terminated) -> Option<i64> {
    let (started, finished) = (end.started_at?, end.finished_at?);
    Some(finished.duration_since(started).as_secs())
}

/// How many seconds a container may take until a probe that never passes has it ended.
pub(super) fn allowed(probe: &Probe) -> i64 {
    let times = i64::from(probe.failure_threshold.unwrap_or(3).max(1));
    i64::from(probe.initial_delay_seconds.unwrap_or(0)) + times * period(probe)
}

fn period(probe: &Probe) -> i64 {
    i64::from(probe.period_seconds.unwrap_or(10).max(1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::incident::testing::{at, object};

    #[test]
    fn a_run_as_long_as_the_probe_allows_was_ended_by_it() {
        let ended = |seconds: i64, code: i64, reason: &str| {
            let pod: Pod = object(
                "cart-1",
                json!({
                    "spec": {"containers": [{
                        "name": "app",
                        "livenessProbe": {"initialDelaySeconds": 5, "periodSeconds": 10, "failureThreshold": 3},
                    }]},
                    "status": {"containerStatuses": [{
                        "name": "app", "restartCount": 4,
                        "lastState": {"terminated": {
                            "exitCode": code, "reason": reason, "startedAt": at(-seconds), "finishedAt": at(0),
                        }},
                    }]},
                }),
            );
            let status = &pod.status.container_statuses[0];
            ran_out_of_time(&pod, status, status.last_state.terminated.as_ref().unwrap())
        };
        assert!(ended(36, 137, "Error"));
        assert!(ended(65, 137, "Error"), "after the grace period");
        assert!(ended(35, 143, "Error") && ended(35, 0, "Completed"));
        assert!(!ended(35, 1, "Error"), "an error of its own");
        assert!(!ended(2, 143, "Error"), "too soon");
        assert!(!ended(4000, 143, "Error"), "the probe had passed");
        assert!(!ended(36, 137, "OOMKilled"));
    }
}
