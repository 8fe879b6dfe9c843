//! No node takes the pod.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, PersistentVolumeClaim, Pod, condition};

use super::rollback::roll_back;
use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};
use crate::incident::witness;

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
fn message(facts: &Facts<'_>, pod: &Pod) -> Option<String> {
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
    let change = facts.rollout_before(workload, since, main.paths());
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

/// What keeps pods from nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Obstacle {
    Resource(String),
    Taint(String),
    Selector,
    PodAffinity,
    Spread,
    Cordoned,
    Ports,
    TooManyPods,
    /// Its volumes are at a place where this node is not.
    VolumeElsewhere,
    /// The node can attach no more volumes.
    VolumeLimit,
    /// Another trouble with its volumes: a claim without a volume, a volume in use.
    Volume,
    Other,
}

impl Obstacle {
    /// The parts of `0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated taint {gpu: true}. preemption: …`,
    /// the most common one first.
    fn all(message: &str) -> Vec<(Self, u32)> {
        let lower = message.to_lowercase();
        if lower.contains("unbound immediate persistentvolumeclaim")
            || lower.contains("persistentvolumeclaim \"")
        {
            return vec![(Self::Volume, 0)];
        }
        let Some((_, reasons)) = message.split_once("available:") else {
            return Vec::new();
        };
        let reasons = reasons.split("preemption:").next().unwrap_or(reasons);
        let mut found: Vec<(Self, u32)> = reasons
            .split(", ")
            .filter_map(|part| {
                let part = part.trim().trim_end_matches('.');
                let (count, text) = part.split_once(' ')?;
                let count: u32 = count.parse().ok()?;
                Some((Self::one(text), count))
            })
            .collect();
        found.sort_by_key(|(obstacle, count)| (*obstacle == Self::Other, std::cmp::Reverse(*count)));
        found
    }

    fn one(text: &str) -> Self {
        let lower = text.to_lowercase();
        if let Some(resource) = lower.strip_prefix("insufficient ") {
            Self::Resource(resource.to_owned())
        } else if lower.contains("taint") {
            let taint = text
                .split_once('{')
                .and_then(|(_, rest)| rest.split_once('}'))
                .map_or("", |(taint, _)| taint);
            if taint.contains("unschedulable") {
                Self::Cordoned
            } else {
                Self::Taint(taint.trim().trim_end_matches(':').to_owned())
            }
        } else if lower.contains("unschedulable") {
            Self::Cordoned
        } else if lower.contains("topology spread") {
            Self::Spread
        } else if lower.contains("pod affinity")
            || lower.contains("pod anti-affinity")
            || lower.contains("anti-affinity rules")
        {
            Self::PodAffinity
        } else if lower.contains("volume") {
            // "volume node affinity conflict" speaks of the volume's affinity, not of the pod's.
            if lower.contains("node affinity conflict") || lower.contains("no available volume zone") {
                Self::VolumeElsewhere
            } else if lower.contains("max volume count") {
                Self::VolumeLimit
            } else {
                Self::Volume
            }
        } else if lower.contains("selector") || lower.contains("affinity") {
            Self::Selector
        } else if lower.contains("free ports") {
            Self::Ports
        } else if lower.contains("too many pods") {
            Self::TooManyPods
        } else {
            Self::Other
        }
    }

    fn is_volume(&self) -> bool {
        matches!(self, Self::VolumeElsewhere | Self::VolumeLimit | Self::Volume)
    }

    fn words(&self) -> String {
        match self {
            Self::Resource(resource) => format!("too little {resource}"),
            Self::Taint(taint) if taint.is_empty() => "a taint that it does not tolerate".to_owned(),
            Self::Taint(taint) => format!("taint {taint}, which it does not tolerate,"),
            Self::Selector => "labels that its node selector or affinity does not accept".to_owned(),
            Self::PodAffinity => "pods that its (anti-)affinity does not accept".to_owned(),
            Self::Spread => "a spread that its topology constraint does not accept".to_owned(),
            Self::Cordoned => "cordon".to_owned(),
            Self::Ports => "host ports taken".to_owned(),
            Self::TooManyPods => "too many pods".to_owned(),
            Self::VolumeElsewhere => "a volume that is bound to another place".to_owned(),
            Self::VolumeLimit => "as many volumes attached as it can take".to_owned(),
            Self::Volume => "a volume that cannot be had".to_owned(),
            Self::Other => "another obstacle".to_owned(),
        }
    }

    /// Fields of the template that have to do with it.
    fn paths(&self) -> &'static [&'static str] {
        match self {
            Self::Resource(_) => &["resources"],
            Self::Taint(_) => &["tolerations"],
            Self::Selector => &["nodeSelector", "affinity"],
            Self::PodAffinity => &["affinity"],
            Self::Spread => &["topologySpreadConstraints"],
            Self::Ports => &["hostPort", "hostNetwork"],
            Self::VolumeElsewhere => &["nodeSelector", "affinity", "volumes"],
            Self::VolumeLimit | Self::Volume => &["volumes"],
            _ => &["resources", "nodeSelector", "affinity", "tolerations"],
        }
    }

    fn advice(&self, workload: &EntityRef) -> Advice {
        match self {
            Self::Resource(resource) => Advice::new(
                format!("Ask for less {resource} in {workload}, or add nodes"),
                "The requests of its pods fit on no node",
            )
            .command("kubectl describe nodes | grep -A 8 'Allocated resources'"),
            Self::Taint(taint) => Advice::new(
                format!("Tolerate the taint {taint} in {workload}, or take it off the nodes meant for it"),
                "Pods stay away from tainted nodes",
            )
            .command("kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints"),
            Self::Cordoned => Advice::new(
                "Uncordon the nodes when they are ready for work",
                "Cordoned nodes take no new pods",
            )
            .command("kubectl uncordon NODE"),
            Self::Selector => Advice::new(
                format!("Make node selector and affinity of {workload} fit the labels of a node"),
                "No node carries what they ask for",
            )
            .command("kubectl get nodes --show-labels"),
            Self::VolumeElsewhere => Advice::new(
                format!("Give {workload} a node where its volume is, or move the data to a volume elsewhere"),
                "A local or zonal volume can be used only where it is",
            )
            .command("kubectl get pv -o custom-columns=NAME:.metadata.name,CLAIM:.spec.claimRef.name,AFFINITY:.spec.nodeAffinity"),
            Self::VolumeLimit => Advice::new(
                "Add nodes, or spread the pods with volumes over more of them",
                "A node attaches only so many volumes of a driver",
            )
            .command("kubectl get csinodes -o custom-columns=NAME:.metadata.name,LIMIT:.spec.drivers[*].allocatable.count"),
            Self::Volume => Advice::new(
                format!("Look at the volume claims of {workload}"),
                "The scheduler places a pod only where all its volumes can be had",
            )
            .command(format!(
                "kubectl -n {} get pvc",
                workload.namespace.as_deref().unwrap_or("default")
            )),
            _ => Advice::new(
                format!("Loosen the placement rules of {workload}, or add nodes that satisfy them"),
                "No node satisfies all of them",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::{Obstacle, Unschedulable};

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

    #[test]
    fn reads_the_schedulers_sentence() {
        let text = "0/6 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, \
                    5 Insufficient cpu. preemption: 0/6 nodes are available: 6 No preemption victims found for incoming pod.";
        let found = Obstacle::all(text);
        assert_eq!(found.first(), Some(&(Obstacle::Resource("cpu".into()), 5)));
        assert_eq!(found.len(), 2);
        let text = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.";
        assert_eq!(Obstacle::all(text), [(Obstacle::Selector, 3)]);
        let text = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: …";
        assert_eq!(Obstacle::all(text), [(Obstacle::Volume, 0)]);
        let text = "0/2 nodes are available: 2 node(s) were unschedulable.";
        assert_eq!(Obstacle::all(text), [(Obstacle::Cordoned, 2)]);
        let text = "0/3 nodes are available: 2 node(s) had volume node affinity conflict, 1 node(s) exceed max volume count.";
        assert_eq!(
            Obstacle::all(text),
            [(Obstacle::VolumeElsewhere, 2), (Obstacle::VolumeLimit, 1)]
        );
        assert!(Obstacle::all("nonsense").is_empty());
    }
}
