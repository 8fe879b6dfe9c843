//! Pods that nobody tries to place.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, Pod};
use jiff::SignedDuration;

use super::control_plane::last_placed;
use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::Facts;
use crate::incident::witness;

/// Gates are set to be removed soon, and a scheduler has its say within seconds.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);
/// The scheduler of pods that name none.
const DEFAULT: &str = "default-scheduler";

/// A scheduling gate that nobody removes, a scheduler by a name that nobody answers to, or a node written into the pod that
/// does not exist.
#[derive(Clone, Copy, Debug)]
pub(super) struct SchedulingGated;

impl Mechanism for SchedulingGated {
    fn id(&self) -> &'static str {
        "scheduling_gated"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &["scheduler_missing", "node_missing"]
    }

    fn area(&self) -> Area {
        Area::Scheduling
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut held: BTreeMap<(EntityRef, Hold), Vec<&Pod>> = BTreeMap::new();
        for pod in facts.pods() {
            if let Some(hold) = hold(facts, pod) {
                held.entry((facts.workload_of(pod), hold)).or_default().push(pod);
            }
        }
        held.into_iter()
            .map(|((workload, hold), pods)| candidate(facts, &workload, &hold, &pods))
            .collect()
    }
}

/// What holds pods back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hold {
    Gates(Vec<String>),
    Scheduler(String),
    Node(String),
}

fn hold(facts: &Facts<'_>, pod: &Pod) -> Option<Hold> {
    let new = pod
        .metadata
        .creation_timestamp
        .is_some_and(|made| facts.case.window.end.duration_since(made) < PATIENCE);
    // Who is alerted has waited long enough.
    let alerted = || {
        let (pod, workload) = (pod.entity(), facts.workload_of(pod));
        facts
            .case
            .subject
            .iter()
            .any(|entity| *entity == pod || *entity == workload)
    };
    if (new && !alerted()) || pod.is_finished() || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let node = &pod.spec.node_name;
    if !node.is_empty() {
        // No kubelet has ever seen it.
        let unseen = pod.all_statuses().next().is_none() && pod.status.start_time.is_none();
        let nodes = &facts.case.objects.nodes;
        return (unseen && !nodes.is_empty() && facts.node(node).is_none()).then(|| Hold::Node(node.clone()));
    }
    if !pod.spec.scheduling_gates.is_empty() {
        let gates = pod.spec.scheduling_gates.iter().map(|gate| gate.name.clone());
        return Some(Hold::Gates(gates.collect()));
    }
    let scheduler = &pod.spec.scheduler_name;
    let silent = pod.condition("PodScheduled").is_none()
        && facts
            .event(&pod.entity(), |event| event.reason == "FailedScheduling")
            .is_none();
    // It has placed others since.
    let works = || {
        let made = pod.metadata.creation_timestamp;
        let placed = last_placed(facts, scheduler);
        made.zip(placed).is_some_and(|(made, placed)| placed > made)
    };
    (silent && !scheduler.is_empty() && scheduler != DEFAULT && !works())
        .then(|| Hold::Scheduler(scheduler.clone()))
}

fn candidate(facts: &Facts<'_>, workload: &EntityRef, hold: &Hold, pods: &[&Pod]) -> Candidate {
    let since = pods
        .iter()
        .filter_map(|pod| pod.metadata.creation_timestamp)
        .min();
    let (what, id, weight, advice, paths): (_, _, _, _, &[&str]) = match hold {
        Hold::Gates(gates) => (
            format!(
                "pods of {workload} are held back by scheduling gate {}, which nobody removes",
                gates.join(", ")
            ),
            "scheduling_gated",
            3.5,
            Advice::new(
                format!(
                    "Find out who is to remove the gate {} and why it does not",
                    gates.join(", ")
                ),
                "The scheduler passes over pods that have gates",
            ),
            &["schedulingGates"],
        ),
        Hold::Scheduler(name) => (
            format!("pods of {workload} wait for scheduler {name}, which does not answer"),
            "scheduler_missing",
            3.0,
            Advice::new(
                format!("Start scheduler {name}, or name one that runs in {workload}"),
                "A pod is placed by the scheduler that it names and by no other",
            ),
            &["schedulerName"],
        ),
        Hold::Node(name) => (
            format!("pods of {workload} are bound to node {name}, which does not exist"),
            "node_missing",
            3.8,
            Advice::new(
                format!("Take nodeName out of {workload}, or name a node that exists"),
                "The scheduler leaves pods alone that name their node themselves",
            ),
            &["nodeName"],
        ),
    };
    let witnesses = pods.iter().map(|pod| {
        let statement = match hold {
            Hold::Gates(gates) => format!("has scheduling gate {}", gates.join(", ")),
            Hold::Scheduler(name) => format!("names scheduler {name} and was not looked at"),
            Hold::Node(name) => format!("is bound to node {name}"),
        };
        (*pod, pod.metadata.creation_timestamp, statement)
    });
    let seen = witness::of_pods(facts, witnesses, |_| false);
    let mut candidate = Candidate::new(id, workload.clone(), what)
        .clue("nobody tries to place its pods", weight, seen)
        .since(since)
        .hurting(pods.iter().map(|pod| pod.entity()))
        .derived(0.2);
    if let Some(change) = facts.rollout_before(workload, since, paths) {
        candidate = candidate
            .clue("rollout brought it", 1.0, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference));
    }
    candidate.advise(advice.command(format!(
        "kubectl -n {} get pods -o custom-columns=NAME:.metadata.name,GATES:.spec.schedulingGates,SCHEDULER:.spec.schedulerName,NODE:.spec.nodeName",
        workload.namespace.as_deref().unwrap_or("default")
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::SchedulingGated;
    use crate::incident::testing::{at, case, event, object, of};

    fn mechanisms(spec: Value, made: i64, scheduler_says: &str) -> Vec<&'static str> {
        let mut case = case();
        let rest = json!({"metadata": {"creationTimestamp": at(made)}, "spec": spec, "status": {"phase": "Pending"}});
        case.objects.pods.push(object("train", rest));
        case.objects
            .nodes
            .push(object("n1", json!({"metadata": {"namespace": null}})));
        if !scheduler_says.is_empty() {
            event(
                &mut case,
                "Pod",
                "train",
                "FailedScheduling",
                scheduler_says,
                made,
            );
        }
        of(&SchedulingGated, &case)
            .iter()
            .map(|found| found.mechanism)
            .collect()
    }

    #[test]
    fn pods_that_nobody_tries_to_place_are_told_from_those_that_do_not_fit() {
        let gated = json!({"schedulingGates": [{"name": "example.com/quota"}]});
        assert_eq!(mechanisms(gated.clone(), 0, ""), ["scheduling_gated"]);
        assert!(mechanisms(gated, 1750, "").is_empty());
        let batch = json!({"schedulerName": "own"});
        assert_eq!(mechanisms(batch.clone(), 0, ""), ["scheduler_missing"]);
        assert!(mechanisms(batch, 0, "0/3 nodes are unavailable").is_empty());
        assert!(mechanisms(json!({"schedulerName": "default-scheduler"}), 0, "").is_empty());
        assert_eq!(mechanisms(json!({"nodeName": "gone"}), 0, ""), ["node_missing"]);
        assert!(mechanisms(json!({"nodeName": "n1"}), 0, "").is_empty());
    }

    #[test]
    fn a_scheduler_that_has_placed_others_since_is_there() {
        let found = |placed: i64| {
            let mut case = case();
            let spec = json!({"schedulerName": "own"});
            let made = json!({"creationTimestamp": at(0)});
            let waits = json!({"metadata": made, "spec": spec, "status": {"phase": "Pending"}});
            case.objects.pods.push(object("train", waits));
            let condition =
                json!({"type": "PodScheduled", "status": "True", "lastTransitionTime": at(placed)});
            let runs = json!({
                "spec": {"schedulerName": "own", "nodeName": "n1"},
                "status": {"phase": "Running", "conditions": [condition]},
            });
            case.objects.pods.push(object("other", runs));
            of(&SchedulingGated, &case).len()
        };
        assert_eq!((found(-600), found(600)), (1, 0));
    }
}
