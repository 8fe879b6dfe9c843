//! The kubelet ends a container because its hook after the start fails.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_k8s::model::{ContainerStatus, Event, Object, Pod};

use super::rollback::roll_back;
use super::{Area, Mechanism, brought};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::ending::waits_since;
use crate::incident::facts::{Facts, clip};
use crate::incident::witness;

/// A `postStart` hook that fails, time and again. A failing `preStop` hook delays an end and prevents no start.
#[derive(Clone, Copy, Debug)]
pub(super) struct LifecycleHookFailed;

impl Mechanism for LifecycleHookFailed {
    fn id(&self) -> &'static str {
        "lifecycle_hook_failed"
    }

    fn area(&self) -> Area {
        Area::PodStart
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut failing: BTreeMap<EntityRef, Vec<(&Pod, &ContainerStatus)>> = BTreeMap::new();
        for pod in facts.pods().filter(|pod| !pod.is_finished() && !pod.is_ready()) {
            for status in pod.all_statuses().filter(|status| fails(facts, pod, status)) {
                failing
                    .entry(facts.workload_of(pod))
                    .or_default()
                    .push((pod, status));
            }
        }
        failing
            .into_iter()
            .filter_map(|(workload, pods)| candidate(facts, &workload, &pods))
            .collect()
    }
}

fn is_hook(event: &Event) -> bool {
    event.is_warning()
        && matches!(
            event.reason.as_str(),
            "FailedPostStartHook" | "FailedPreStartHook"
        )
}

/// Whether the kubelet says so of a container that has such a hook: by its state, or by an event about a container that is
/// not ready and has not run since. Events stay for an hour, and a container that runs has got past its hook.
fn fails(facts: &Facts<'_>, pod: &Pod, status: &ContainerStatus) -> bool {
    let said = status.state.waiting.as_ref().is_some_and(|waiting| {
        matches!(
            waiting.reason.as_str(),
            "PostStartHookError" | "PreStartHookError" | "PreCreateHookError"
        )
    });
    let has_hook = pod
        .container(&status.name)
        .and_then(|container| container.lifecycle.as_ref())
        .is_some_and(|lifecycle| lifecycle.post_start.is_some());
    let told = facts.event(&pod.entity(), |event| {
        let field = &event.involved_object.field_path;
        let began = status
            .state
            .running
            .as_ref()
            .and_then(|running| running.started_at);
        is_hook(event)
            && (field.is_empty() || field.contains(&format!("{{{}}}", status.name)))
            && began.is_none_or(|began| event.last_seen().is_none_or(|seen| seen >= began))
    });
    said || has_hook && !status.ready && told.is_some()
}

fn candidate(
    facts: &Facts<'_>,
    workload: &EntityRef,
    pods: &[(&Pod, &ContainerStatus)],
) -> Option<Candidate> {
    let (pod, status) = pods.first()?;
    let since = pods
        .iter()
        .filter_map(|(pod, status)| {
            let told = facts
                .events_of(&pod.entity())
                .iter()
                .filter(|event| is_hook(event));
            told.filter_map(|event| event.first_seen())
                .min()
                .or_else(|| waits_since(facts, pod, status))
        })
        .min();
    let said = facts
        .event(&pod.entity(), is_hook)
        .map(|event| event.message.as_str())
        .or_else(|| {
            status
                .state
                .waiting
                .as_ref()
                .map(|waiting| waiting.message.as_str())
        })
        .filter(|text| !text.is_empty())
        .map(|text| format!(": {}", clip(text, 240)))
        .unwrap_or_default();
    let witnesses = pods.iter().map(|(pod, status)| {
        let statement = format!(
            "container {} does not get past its hook after the start",
            status.name
        );
        (*pod, waits_since(facts, pod, status), statement)
    });
    let seen = witness::of_pods(facts, witnesses, is_hook);
    let mut candidate = Candidate::new(
        "lifecycle_hook_failed",
        workload.clone(),
        format!(
            "the postStart hook of container {} of {workload} fails{said}",
            status.name
        ),
    )
    .aspect(status.name.as_str())
    .clue("kubelet says that the hook fails", 4.0, seen)
    .since(since)
    .hurting(pods.iter().map(|(pod, _)| pod.entity()));
    if let Some(change) = facts.rollout_before(workload, since, &[]) {
        candidate = candidate
            .clue(
                brought::since_rollout(facts, change, "fails since a rollout"),
                1.0,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
        let back = roll_back(
            facts,
            workload,
            change,
            "The hook of the revision before did not fail",
        );
        candidate.advice.extend(back);
    }
    Some(
        candidate.advise(
            Advice::new(
                format!(
                    "Mend the postStart hook of container {}, or do without it",
                    status.name
                ),
                "The kubelet ends a container whose hook fails, however well it runs itself",
            )
            .command(format!(
                "kubectl -n {} get pod {} -o jsonpath='{{.spec.containers[*].lifecycle}}'",
                pod.metadata.ns(),
                pod.metadata.name
            )),
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::LifecycleHookFailed;
    use crate::incident::testing::{at, case, deployment, event, of};

    #[test]
    fn a_hook_that_fails_is_named_by_state_or_by_event() {
        let found = |state: serde_json::Value, hook: &str, lifecycle: serde_json::Value| {
            let mut case = case();
            let status = json!({
                "phase": "Running", "startTime": at(-60),
                "containerStatuses": [{"name": "app", "state": state}],
            });
            let containers = json!([{"name": "app", "lifecycle": lifecycle}]);
            deployment(
                &mut case,
                "cart",
                json!({"containers": containers, "status": status}),
            );
            if !hook.is_empty() {
                event(&mut case, "Pod", "cart-pod", hook, "PostStartHook failed", -30);
            }
            of(&LifecycleHookFailed, &case).len()
        };
        let exec = json!({"postStart": {"exec": {"command": ["/bin/warm"]}}});
        let waits = |reason: &str| json!({"waiting": {"reason": reason}});
        assert_eq!(found(waits("PostStartHookError"), "", exec.clone()), 1);
        assert_eq!(
            found(waits("CrashLoopBackOff"), "FailedPostStartHook", exec.clone()),
            1
        );
        // It has none, and another hook prevents no start.
        assert_eq!(
            found(waits("CrashLoopBackOff"), "FailedPostStartHook", json!({})),
            0
        );
        assert_eq!(
            found(waits("CrashLoopBackOff"), "FailedPreStopHook", exec.clone()),
            0
        );
        // Ended by its hook just now, and long past it.
        let runs = |second: i64| json!({"running": {"startedAt": at(second)}});
        assert_eq!(found(runs(-40), "FailedPostStartHook", exec.clone()), 1);
        assert_eq!(found(runs(-20), "FailedPostStartHook", exec), 0);
    }
}
