//! Nobody places pods.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, Pod};
use jiff::{SignedDuration, Timestamp};

use super::{entity, with_state};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::Facts;
use crate::incident::mechanism::{Area, Mechanism};
use crate::incident::witness;

/// A pod that nobody spoke of for so long was not looked at.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);
const DEFAULT: &str = "default-scheduler";

/// Pods wait for a node, and no scheduler says why.
#[derive(Clone, Copy, Debug)]
pub(in crate::incident::mechanism) struct SchedulerUnavailable;

impl Mechanism for SchedulerUnavailable {
    fn id(&self) -> &'static str {
        "scheduler_unavailable"
    }

    fn area(&self) -> Area {
        Area::Platform
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        // Of schedulers that workloads bring themselves, `scheduler_missing` tells.
        let waiting: Vec<&Pod> = facts
            .pods()
            .filter(|pod| scheduler_of(pod) == DEFAULT && is_overlooked(facts, pod))
            .collect();
        candidate(facts, &waiting).into_iter().collect()
    }
}

fn scheduler_of(pod: &Pod) -> &str {
    match pod.spec.scheduler_name.as_str() {
        "" => DEFAULT,
        name => name,
    }
}

/// Whether a pod has no node, and no scheduler has said a word about it. One that found no place for it says so in a
/// condition, and goes on saying so in events.
fn is_overlooked(facts: &Facts<'_>, pod: &Pod) -> bool {
    let said = pod.condition("PodScheduled").is_some()
        || facts.events_of(&pod.entity()).iter().any(|event| {
            matches!(
                event.reason.as_str(),
                "FailedScheduling" | "Scheduled" | "Preempted"
            )
        });
    let old = pod
        .metadata
        .creation_timestamp
        .is_some_and(|made| facts.case.window.end.duration_since(made) >= PATIENCE);
    // A pod that is only listed in part, without its status, says nothing.
    let pending = pod.status.phase == "Pending" && pod.status.conditions.is_empty();
    pending && pod.spec.node_name.is_empty() && !said && old && pod.metadata.deletion_timestamp.is_none()
}

/// When a pod of that scheduler was last placed.
pub(in crate::incident::mechanism) fn last_placed(facts: &Facts<'_>, scheduler: &str) -> Option<Timestamp> {
    facts
        .pods()
        .filter(|pod| scheduler_of(pod) == scheduler)
        .filter_map(|pod| {
            let placed = pod
                .condition("PodScheduled")
                .filter(|condition| condition.is_true())?;
            placed.last_transition_time
        })
        .max()
}

fn candidate(facts: &Facts<'_>, pods: &[&Pod]) -> Option<Candidate> {
    if pods.is_empty() {
        return None;
    }
    let since = pods
        .iter()
        .filter_map(|pod| pod.metadata.creation_timestamp)
        .min();
    let workloads: BTreeSet<EntityRef> = pods.iter().map(|pod| facts.workload_of(pod)).collect();
    // It placed others meanwhile.
    let placed = last_placed(facts, DEFAULT);
    if since.zip(placed).is_some_and(|(since, placed)| placed > since) {
        return None;
    }
    let this = entity(facts, "kube-scheduler");
    let cause = format!(
        "the scheduler does not place pods: {} wait{} for a node, and nothing is said of them",
        pods.len(),
        if pods.len() == 1 { "s" } else { "" }
    );
    let told = pods.iter().map(|pod| {
        (
            *pod,
            pod.metadata.creation_timestamp,
            "is pending without a word of a scheduler".to_owned(),
        )
    });
    let mut found = Candidate::new("scheduler_unavailable", this, cause)
        .aspect(DEFAULT)
        .clue(
            "pods wait and no scheduler speaks of them",
            3.0,
            witness::of_pods(facts, told, |_| false),
        )
        .since(since)
        .hurting(workloads.iter().cloned())
        .derived(0.1);
    if workloads.len() > 1 {
        found = found.clue("several workloads wait", 1.0, Vec::new());
    }
    found = with_state(facts, "kube-scheduler", found);
    let advice = Advice::new(
        "Look at the scheduler: whether it runs, and holds its lease",
        "New pods wait until it does; running ones are not affected",
    )
    .command(
        "kubectl -n kube-system get pods -l component=kube-scheduler; kubectl -n kube-system get lease kube-scheduler -o yaml",
    );
    Some(found.advise(advice))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::SchedulerUnavailable;
    use crate::incident::candidate::Candidate;
    use crate::incident::mechanism::fixture;
    use crate::incident::testing::{at, of};

    fn waiting(name: &str, made: i64, conditions: &Value) -> Value {
        let mut pod = fixture::pod("shop", name, json!([{"name": "app"}]));
        pod["metadata"]["creationTimestamp"] = json!(at(made));
        pod["spec"].as_object_mut().unwrap().remove("nodeName");
        pod["status"] = json!({"phase": "Pending", "conditions": conditions});
        pod
    }

    fn found(pods: Vec<Value>) -> Option<Candidate> {
        of(&SchedulerUnavailable, &fixture::case(json!({"pods": pods}))).pop()
    }

    #[test]
    fn a_pod_that_nobody_speaks_of_was_not_looked_at() {
        let one = found(vec![waiting("web", 0, &json!([]))]).unwrap();
        assert_eq!(one.entity.to_string(), "Pod kube-system/kube-scheduler");
        assert!(!one.unseen.is_empty());
        let two = found(vec![
            waiting("web", 0, &json!([])),
            waiting("api", 60, &json!([])),
        ])
        .unwrap();
        assert_eq!(fixture::clue(&two, "several workloads wait"), Some(1.0));
        // Seconds old.
        assert!(found(vec![waiting("web", 1750, &json!([]))]).is_none());
        // Another mechanism speaks of those that name their own.
        let mut own = waiting("web", 0, &json!([]));
        own["spec"]["schedulerName"] = json!("batch");
        assert!(found(vec![own]).is_none());
        let refused = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]);
        assert!(found(vec![waiting("web", 0, &refused)]).is_none());
    }

    #[test]
    fn a_scheduler_that_places_others_is_there() {
        let mut placed = fixture::pod("shop", "api", json!([{"name": "app"}]));
        placed["status"]["conditions"] =
            json!([{"type": "PodScheduled", "status": "True", "lastTransitionTime": at(600)}]);
        assert!(found(vec![waiting("web", 0, &json!([])), placed.clone()]).is_none());
        placed["status"]["conditions"][0]["lastTransitionTime"] = json!(at(-600));
        assert!(found(vec![waiting("web", 0, &json!([])), placed]).is_some());
    }

    #[test]
    fn its_own_pod_is_looked_at() {
        let mut scheduler = fixture::pod("kube-system", "kube-scheduler-cp", json!([{"name": "s"}]));
        scheduler["metadata"]["ownerReferences"] =
            json!([{"kind": "Node", "name": "cp", "controller": true}]);
        scheduler["metadata"]["name"] = json!("kube-scheduler-cp");
        scheduler["status"]["conditions"][0]["status"] = json!("False");
        let found = found(vec![waiting("web", 0, &json!([])), scheduler]).unwrap();
        assert_eq!(found.entity.to_string(), "Pod kube-system/kube-scheduler-cp");
        assert_eq!(fixture::clue(&found, "its pods are not ready"), Some(1.8));
    }
}
