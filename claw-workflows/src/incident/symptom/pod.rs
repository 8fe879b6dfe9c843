//! What is wrong with pods.

use claw_core::evidence::Severity;
use claw_k8s::model::{ContainerStatus, Object, Pod};
use jiff::Timestamp;

use super::said;
use crate::incident::candidate::Symptom;
use crate::incident::ending::{ending, ends_since, failed_recently, killed_for_memory, waits_since};
use crate::incident::facts::{Facts, clip};
use crate::incident::init::blocked;
use crate::incident::mechanism::probe_kill;

/// Everything that is wrong with a pod.
pub(super) fn symptoms(facts: &Facts<'_>, pod: &Pod) -> Vec<Symptom> {
    let entity = pod.entity();
    let symptom = |id, severity, since: Option<Timestamp>, statement: String| Symptom {
        id,
        entity: entity.clone(),
        severity,
        since,
        evidence: vec![facts.object(pod, since, statement.clone())],
        statement,
    };
    let mut found = Vec::new();
    let recently = failed_recently(facts, pod);
    if pod.status.reason == "Evicted" && recently {
        found.push(symptom(
            "pod.evicted",
            Severity::Warning,
            pod.status.start_time,
            format!("evicted: {}", clip(&pod.status.message, 200)),
        ));
    }
    if pod.status.phase == "Failed" && pod.status.reason != "Evicted" && recently {
        found.push(symptom(
            "pod.failed",
            Severity::Critical,
            pod.status.start_time,
            "failed".to_owned(),
        ));
    }
    if !pod.spec.scheduling_gates.is_empty() {
        found.push(symptom(
            "pod.scheduling_gated",
            Severity::Warning,
            pod.metadata.creation_timestamp,
            "waits for its scheduling gates".to_owned(),
        ));
    }
    if let Some(condition) = pod
        .condition("PodScheduled")
        .filter(|c| c.status == "False" && c.reason == "Unschedulable")
    {
        let since = condition.last_transition_time.or(pod.metadata.creation_timestamp);
        found.push(symptom(
            "pod.unschedulable",
            Severity::Critical,
            since,
            format!("cannot be scheduled: {}", clip(&condition.message, 200)),
        ));
    }
    for status in pod.all_statuses() {
        if let Some(waiting) = &status.state.waiting
            && !matches!(
                waiting.reason.as_str(),
                "ContainerCreating" | "PodInitializing" | ""
            )
        {
            let since = waits_since(facts, pod, status);
            found.push(symptom(
                waiting_id(&waiting.reason),
                Severity::Critical,
                since,
                format!(
                    "container {} waits: {}{}",
                    status.name,
                    waiting.reason,
                    said(&waiting.message)
                ),
            ));
        }
        if let Some(end) = killed_for_memory(facts, pod, status) {
            found.push(symptom(
                "pod.oom_killed",
                Severity::Critical,
                ends_since(facts, pod, status, end),
                format!("container {} was killed for memory", status.name),
            ));
        } else if let Some(end) = ending(facts, pod, status, |end| end.exit_code != 0) {
            found.push(symptom(
                "pod.exited",
                // Whom the kubelet ends again and again for its probe is ready only until the next time.
                if status.ready && !ended_again(facts, pod, status) {
                    Severity::Info
                } else {
                    Severity::Warning
                },
                ends_since(facts, pod, status, end),
                format!(
                    "container {} ended with exit code {} ({}), {} restarts",
                    status.name, end.exit_code, end.reason, status.restart_count
                ),
            ));
        }
    }
    if let Some(blocked) = blocked(facts, pod) {
        found.push(symptom(
            "pod.init_blocked",
            Severity::Critical,
            Some(blocked.since),
            format!(
                "init container {} does not end, and the others wait",
                blocked.status.name
            ),
        ));
    }
    let creating = pod.all_statuses().any(|s| {
        s.state
            .waiting
            .as_ref()
            .is_some_and(|w| w.reason == "ContainerCreating" || w.reason == "PodInitializing")
    });
    if creating
        && let Some(event) = facts.event(&entity, |event| {
            event.is_warning()
                && matches!(
                    event.reason.as_str(),
                    "FailedMount" | "FailedAttachVolume" | "FailedCreatePodSandBox"
                )
        })
    {
        let mut stuck = symptom(
            "pod.not_created",
            Severity::Critical,
            event.first_seen(),
            format!("cannot be set up: {}", clip(&event.message, 200)),
        );
        stuck.evidence.push(facts.event_evidence(event));
        found.push(stuck);
    }
    let running = pod.status.phase == "Running" && pod.metadata.deletion_timestamp.is_none();
    if running && !pod.is_ready() && found.is_empty() {
        let since = pod
            .condition("Ready")
            .and_then(|condition| condition.last_transition_time);
        let mut unready = symptom(
            "pod.not_ready",
            Severity::Critical,
            since,
            "runs and is not ready".to_owned(),
        );
        if let Some(event) = facts.event(&entity, |event| event.reason == "Unhealthy") {
            unready.evidence.push(facts.event_evidence(event));
        }
        found.push(unready);
    }
    found
}

/// Whether the kubelet has ended a container of the pod for a failed probe within the time that is looked at, and not for
/// the first time.
fn ended_again(facts: &Facts<'_>, pod: &Pod, status: &ContainerStatus) -> bool {
    let told = facts.event(&pod.entity(), |event| {
        let recent = event
            .last_seen()
            .is_none_or(|time| time >= facts.case.window.start);
        recent && probe_kill::named(event).is_some()
    });
    status.restart_count > 1 && told.is_some()
}

fn waiting_id(reason: &str) -> &'static str {
    match reason {
        "CrashLoopBackOff" => "pod.crash_loop",
        "ErrImageNeverPull" => "pod.image_never_pull",
        "InvalidImageName" => "pod.invalid_image_name",
        "ImageInspectError" => "pod.image_inspect_error",
        "CreateContainerConfigError" => "pod.create_container_config_error",
        "CreateContainerError" => "pod.create_container_error",
        "RunContainerError" => "pod.run_container_error",
        "PreCreateHookError" | "PreStartHookError" | "PostStartHookError" => "pod.hook_error",
        "RegistryUnavailable" | "SignatureValidationFailed" => "pod.image_pull",
        reason if reason.contains("ImagePull") => "pod.image_pull",
        _ => "pod.waiting",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::symptoms;
    use crate::incident::facts::Facts;
    use crate::incident::testing::{at, case, deployment};

    fn ids(status: Value) -> Vec<&'static str> {
        let mut case = case();
        deployment(
            &mut case,
            "cart",
            json!({"containers": [{"name": "app"}], "status": status}),
        );
        let facts = Facts::new(&case);
        facts
            .pods()
            .flat_map(|pod| symptoms(&facts, pod))
            .map(|symptom| symptom.id)
            .collect()
    }

    #[test]
    fn pods_that_failed_long_ago_are_no_symptoms() {
        let old = -40 * 86_400;
        let evicted = |second| json!({"phase": "Failed", "reason": "Evicted", "startTime": at(second - 60), "message": "low on resource: memory"});
        assert!(ids(evicted(old)).is_empty());
        assert_eq!(ids(evicted(-60)), ["pod.evicted"]);
        let failed = |second| {
            let end = json!({"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": at(second)}});
            json!({"phase": "Failed", "startTime": at(old), "containerStatuses": [{"name": "app", "state": end}]})
        };
        assert!(ids(failed(old)).is_empty());
        assert_eq!(ids(failed(-60)), ["pod.failed", "pod.exited"]);
    }

    #[test]
    fn an_old_kill_of_a_ready_container_is_no_symptom() {
        let status = |second: i64| {
            let last = json!({"reason": "OOMKilled", "exitCode": 137, "finishedAt": at(second)});
            json!({
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{
                    "name": "app", "ready": true, "restartCount": 1,
                    "state": {"running": {"startedAt": at(second + 5)}}, "lastState": {"terminated": last},
                }],
            })
        };
        assert!(ids(status(-40 * 86_400)).is_empty());
        assert_eq!(ids(status(-60)), ["pod.oom_killed"]);
    }
}
