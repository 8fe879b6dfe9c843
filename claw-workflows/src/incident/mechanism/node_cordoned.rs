//! A node takes no new pods, and they find no other place.

use claw_core::entity::EntityRef;
use claw_k8s::model::{Node, Object, Pod};
use jiff::Timestamp;

use super::unschedulable::{Obstacle, message};
use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, SKEW};
use crate::incident::witness;

/// One node that is cordoned while pods wait that it would take. Several at once are a matter of the workload's placement:
/// [`super::unschedulable`] counts them.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeCordoned;

/// The taint of a cordoned node.
const TAINT: &str = "node.kubernetes.io/unschedulable";

impl Mechanism for NodeCordoned {
    fn id(&self) -> &'static str {
        "node_cordoned"
    }

    fn area(&self) -> Area {
        Area::Scheduling
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut cordoned = facts
            .case
            .objects
            .nodes
            .iter()
            .filter(|node| node.spec.unschedulable);
        let (Some(node), None) = (cordoned.next(), cordoned.next()) else {
            return Vec::new();
        };
        candidate(facts, node).into_iter().collect()
    }
}

/// When a node was cordoned.
fn since(facts: &Facts<'_>, node: &Node) -> Option<Timestamp> {
    let taint = node.spec.taints.iter().find(|taint| taint.key == TAINT);
    let told = facts.event(&node.entity(), |event| event.reason == "NodeNotSchedulable");
    taint
        .and_then(|taint| taint.time_added)
        .or_else(|| told.and_then(|event| event.first_seen()))
}

fn candidate(facts: &Facts<'_>, node: &Node) -> Option<Candidate> {
    let entity = node.entity();
    let since = since(facts, node);
    let waiting: Vec<(&Pod, Vec<(Obstacle, u32)>)> = facts
        .pods()
        .filter(|pod| pod.spec.node_name.is_empty() && !pod.is_finished())
        .filter_map(|pod| Some((pod, Obstacle::all(&message(facts, pod)?))))
        .filter(|(_, obstacles)| {
            obstacles
                .iter()
                .any(|(obstacle, _)| *obstacle == Obstacle::Cordoned)
        })
        // Pods that waited before it was cordoned wait for something else.
        .filter(|(pod, _)| match (pod.metadata.creation_timestamp, since) {
            (Some(made), Some(since)) => made.checked_add(SKEW).is_ok_and(|made| made >= since),
            _ => true,
        })
        .collect();
    if waiting.is_empty() {
        return None;
    }
    // Where it is the only node that would do, what is said of all others is another matter.
    let only = waiting.iter().all(|(_, obstacles)| {
        obstacles
            .iter()
            .all(|(obstacle, _)| !matches!(obstacle, Obstacle::Resource(_) | Obstacle::TooManyPods))
    });
    let witnesses = waiting.iter().map(|(pod, _)| {
        (
            *pod,
            pod.metadata.creation_timestamp,
            "is not scheduled".to_owned(),
        )
    });
    let mut seen = vec![facts.object(node, since, "is cordoned")];
    seen.extend(witness::of_pods(facts, witnesses, |event| {
        event.reason == "FailedScheduling"
    }));
    let mut workloads: Vec<EntityRef> = waiting.iter().map(|(pod, _)| facts.workload_of(pod)).collect();
    workloads.sort();
    workloads.dedup();
    let names: Vec<String> = workloads.iter().take(4).map(ToString::to_string).collect();
    let mut candidate = Candidate::new(
        "node_cordoned",
        entity.clone(),
        format!(
            "{entity} is cordoned, and pods of {} find no other node",
            names.join(", ")
        ),
    )
    .clue(
        "node is cordoned and pods wait",
        if only { 3.8 } else { 2.5 },
        seen,
    )
    .since(since)
    .hurting(waiting.iter().map(|(pod, _)| pod.entity()));
    let told = facts.event(&entity, |event| event.reason == "NodeNotSchedulable");
    if let Some(event) = told {
        candidate = candidate.clue(
            "it was cordoned not long ago",
            0.7,
            vec![facts.event_evidence(event)],
        );
    }
    Some(
        candidate.advise(
            Advice::new(
                format!(
                    "Uncordon {} if its maintenance is over, or add a node",
                    node.metadata.name
                ),
                "Cordoned nodes keep their pods and take no new ones",
            )
            .command(format!("kubectl uncordon {}", node.metadata.name)),
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::NodeCordoned;
    use crate::incident::testing::{at, case, event, object, of};

    fn score(said: &str, cordoned: &[&str], made: i64) -> Option<f64> {
        let mut case = case();
        for name in ["n1", "n2"] {
            let taints = json!([{"key": super::TAINT, "effect": "NoSchedule", "timeAdded": at(-600)}]);
            let spec = json!({"unschedulable": cordoned.contains(&name), "taints": taints});
            case.objects.nodes.push(object(
                name,
                json!({"metadata": {"namespace": null}, "spec": spec}),
            ));
        }
        let rest = json!({"metadata": {"creationTimestamp": at(made)}, "status": {"phase": "Pending"}});
        case.objects.pods.push(object("db-0", rest));
        event(&mut case, "Pod", "db-0", "FailedScheduling", said, made);
        of(&NodeCordoned, &case).first().map(|found| found.own_score())
    }

    #[test]
    fn the_only_fitting_node_is_to_blame_more_than_one_of_many() {
        let only = "0/2 nodes are available: 1 node(s) had volume node affinity conflict, 1 node(s) were unschedulable.";
        let full = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.";
        assert!(score(only, &["n1"], -60) > score(full, &["n1"], -60));
        assert_eq!(
            score("0/2 nodes are available: 2 Insufficient cpu.", &["n1"], -60),
            None
        );
        assert_eq!(score(only, &["n1", "n2"], -60), None);
        assert_eq!(score(only, &[], -60), None);
        assert_eq!(score(only, &["n1"], -6000), None, "it waited before");
    }
}
