//! No node takes the pod.

mod obstacle;
mod room;

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, PersistentVolumeClaim, Pod, condition};

use super::rollback::roll_back;
use super::{Area, Mechanism};
use crate::incident::candidate::Candidate;
use crate::incident::facts::{Facts, clip};
use crate::incident::witness;
pub(in crate::incident) use obstacle::Obstacle;

/// The scheduler finds no node: not enough of a resource, a taint, a selector or affinity that fits nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unschedulable;

impl Mechanism for Unschedulable {
    fn id(&self) -> &'static str {
        "unschedulable"
    }

    fn area(&self) -> Area {
        Area::Scheduling
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut pending: BTreeMap<EntityRef, Vec<(&Pod, String)>> = BTreeMap::new();
        for pod in facts
            .pods()
            .filter(|pod| pod.spec.node_name.is_empty() && !pod.is_finished())
            // The scheduler passes over them: they have a mechanism of their own.
            .filter(|pod| pod.spec.scheduling_gates.is_empty())
        {
            if let Some(message) = message(facts, pod) {
                pending
                    .entry(facts.workload_of(pod))
                    .or_default()
                    .push((pod, message));
            }
        }
        pending
            .into_iter()
            .filter_map(|(workload, pods)| candidate(facts, &workload, &pods))
            .collect()
    }
}

/// What the scheduler says about a pod, from its condition or its newest event.
pub(in crate::incident) fn message(facts: &Facts<'_>, pod: &Pod) -> Option<String> {
    let scheduled = condition(&pod.status.conditions, "PodScheduled");
    let from_condition = scheduled
        .filter(|condition| condition.status == "False" && !condition.message.is_empty())
        .map(|condition| condition.message.clone());
    from_condition.or_else(|| {
        facts
            .event(&pod.entity(), |event| event.reason == "FailedScheduling")
            .map(|event| event.message.clone())
    })
}

fn candidate(facts: &Facts<'_>, workload: &EntityRef, pods: &[(&Pod, String)]) -> Option<Candidate> {
    let (_, message) = pods.first()?;
    let obstacles = Obstacle::all(message);
    // A claim that is not bound keeps its pod from being scheduled; the claim is the cause then, and has a mechanism of its
    // own. Bound volumes keep pods from nodes, too: by the place that they are at, and by their number.
    let by_volume = obstacles
        .first()
        .is_some_and(|(obstacle, _)| obstacle.is_volume());
    let claims = claims(facts, pods);
    if by_volume && (names_absent_claim(message) || claims.iter().any(|claim| !may_be_used(facts, claim))) {
        return None;
    }
    let since = pods
        .iter()
        .filter_map(|(pod, _)| pod.metadata.creation_timestamp)
        .min();
    let waiting = pods.iter().map(|(pod, message)| {
        let statement = format!("is not scheduled: {}", clip(message, 300));
        (*pod, pod.metadata.creation_timestamp, statement)
    });
    let seen = witness::of_pods(facts, waiting, |event| event.reason == "FailedScheduling");
    let words: Vec<String> = obstacles
        .iter()
        .map(|(obstacle, nodes)| match nodes {
            0 => obstacle.words(),
            1 => format!("{} on 1 node", obstacle.words()),
            _ => format!("{} on {nodes} nodes", obstacle.words()),
        })
        .collect();
    let (main, _) = obstacles.first().cloned().unwrap_or((Obstacle::Other, 0));
    let mut candidate = Candidate::new(
        "unschedulable",
        workload.clone(),
        if words.is_empty() {
            format!("no node takes the pods of {workload}")
        } else {
            format!("no node takes the pods of {workload}: {}", words.join(", "))
        },
    )
    .clue("scheduler finds no node", 4.0, seen)
    .since(since)
    .hurting(pods.iter().map(|(pod, _)| pod.entity()));
    if by_volume {
        if claims.is_empty() {
            candidate = candidate.unseen(format!("the volume claims of {workload}"));
        } else if claims.iter().all(|claim| claim.status.phase == "Bound") {
            let bound = claims.iter().take(3).map(|claim| {
                let statement = format!("is bound to {}", claim.spec.volume_name);
                facts.object(*claim, claim.metadata.creation_timestamp, statement)
            });
            candidate = candidate.clue("its claims are bound", 0.3, bound.collect());
        }
    }
    // What lies with the nodes has come over the workload, unless it asks for something new, or for what nobody has.
    let asks_too_much = room::none_can(facts, pods, &main);
    let of_nodes = main.is_of_nodes()
        || obstacles
            .iter()
            .any(|(obstacle, _)| *obstacle == Obstacle::Cordoned);
    let share = if of_nodes && asks_too_much.is_none() {
        0.5
    } else {
        0.0
    };
    candidate = candidate.derived(share);
    candidate = match asks_too_much {
        Some((why, evidence)) => candidate.clue(why, 0.8, evidence),
        None => candidate,
    };
    let change = facts.rollout_before(workload, since, main.paths());
    if change.is_some() {
        candidate.derived *= 0.5;
    }
    if let Some(change) = change {
        candidate = candidate
            .clue(
                "rollout changed what it asks for",
                1.2,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
        let reason = "What it asked for before could be had";
        candidate
            .advice
            .extend(roll_back(facts, workload, change, reason));
    }
    let cordoned: Vec<_> = facts
        .case
        .objects
        .nodes
        .iter()
        .filter(|node| node.spec.unschedulable)
        .collect();
    if !cordoned.is_empty() && matches!(main, Obstacle::Cordoned | Obstacle::Resource(_)) {
        let evidence = cordoned
            .iter()
            .take(3)
            .map(|node| facts.object(*node, None, "is cordoned"))
            .collect();
        candidate = candidate.clue("nodes are cordoned", 0.8, evidence);
    }
    Some(candidate.advise(main.advice(workload)))
}

/// The claims that pods use, as far as they are known.
fn claims<'a>(facts: &Facts<'a>, pods: &[(&Pod, String)]) -> Vec<&'a PersistentVolumeClaim> {
    let uses = |claim: &PersistentVolumeClaim| {
        pods.iter().any(|(pod, _)| {
            pod.metadata.ns() == claim.metadata.ns()
                && pod
                    .spec
                    .volumes
                    .iter()
                    .filter_map(|volume| volume.persistent_volume_claim.as_ref())
                    .any(|volume| volume.claim_name == claim.metadata.name)
        })
    };
    let all = &facts.case.objects.claims;
    all.iter().filter(|claim| uses(claim)).collect()
}

/// Whether the scheduler may place a pod with this claim: it is bound, or is bound only where its pod is placed.
fn may_be_used(facts: &Facts<'_>, claim: &PersistentVolumeClaim) -> bool {
    let entity = claim.entity();
    let waits_for_pod = || {
        let told = facts.event(&entity, |event| event.reason == "WaitForFirstConsumer");
        let failed = facts.event(&entity, |event| {
            event.is_warning() || event.reason == "FailedBinding"
        });
        told.is_some() && failed.is_none()
    };
    !matches!(claim.status.phase.as_str(), "Pending" | "Lost") || waits_for_pod()
}

/// Whether the scheduler names a claim that does not exist.
fn names_absent_claim(message: &str) -> bool {
    message.to_lowercase().contains("persistentvolumeclaim \"")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::Unschedulable;

    /// What is said of a pod with a claim of that phase and events of those reasons, to which the scheduler says `message`.
    fn causes(message: &str, phase: Option<&str>, reasons: &[&str]) -> Vec<String> {
        let mut pod = fixture::pod("shop", "db", json!([]));
        pod["spec"] = json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]});
        pod["status"] = json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message},
        ]});
        let claims: Vec<Value> = phase
            .iter()
            .map(|phase| {
                json!({
                    "metadata": {"name": "data", "namespace": "shop"},
                    "spec": {"volumeName": "pv-1"},
                    "status": {"phase": phase},
                })
            })
            .collect();
        let events: Vec<Value> = reasons
            .iter()
            .map(|reason| {
                json!({
                    "metadata": {"name": reason, "namespace": "shop"},
                    "involvedObject": {"kind": "PersistentVolumeClaim", "namespace": "shop", "name": "data"},
                    "type": "Normal", "reason": reason, "message": "…",
                })
            })
            .collect();
        let case = fixture::case(json!({"pods": [pod], "claims": claims, "events": events}));
        crate::incident::testing::of(&Unschedulable, &case)
            .into_iter()
            .map(|candidate| candidate.cause)
            .collect()
    }

    #[test]
    fn bound_volumes_keep_pods_from_nodes() {
        let zone = "0/3 nodes are available: 3 node(s) had volume node affinity conflict.";
        let found = causes(zone, Some("Bound"), &[]);
        assert!(
            matches!(found.as_slice(), [cause] if cause.contains("bound to another place on 3 nodes")),
            "{found:?}"
        );
        let many = "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) exceed max volume count.";
        assert!(
            causes(many, Some("Bound"), &[])[0]
                .contains("as many volumes attached as it can take on 2 nodes")
        );
    }

    #[test]
    fn a_claim_that_is_not_bound_is_left_to_its_own_mechanism() {
        let unbound = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.";
        assert!(causes(unbound, Some("Pending"), &[]).is_empty());
        assert!(causes(unbound, Some("Pending"), &["FailedBinding"]).is_empty());
        let absent = "0/3 nodes are available: persistentvolumeclaim \"data\" not found.";
        assert!(causes(absent, None, &[]).is_empty());
        // Nobody else speaks of a claim that waits for the scheduler, or of claims that could not be read.
        let nowhere = "0/3 nodes are available: 3 node(s) didn't find available persistent volumes to bind.";
        assert_eq!(
            causes(nowhere, Some("Pending"), &["WaitForFirstConsumer"]).len(),
            1
        );
        assert_eq!(causes(unbound, None, &[]).len(), 1);
    }
}
