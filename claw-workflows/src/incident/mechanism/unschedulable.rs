//! No node takes the pod.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, Pod, condition};

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
    // A claim that is not bound keeps its pod from being scheduled; the claim is the cause then.
    if obstacles
        .first()
        .is_some_and(|(obstacle, _)| *obstacle == Obstacle::Volume)
    {
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
        .map(|(obstacle, nodes)| {
            format!(
                "{} on {nodes} node{}",
                obstacle.words(),
                if *nodes == 1 { "" } else { "s" }
            )
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
        } else if lower.contains("selector") || lower.contains("affinity") {
            Self::Selector
        } else if lower.contains("volume") {
            Self::Volume
        } else if lower.contains("free ports") {
            Self::Ports
        } else if lower.contains("too many pods") {
            Self::TooManyPods
        } else {
            Self::Other
        }
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
            Self::Volume => "a volume that is not reachable".to_owned(),
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
            _ => Advice::new(
                format!("Loosen the placement rules of {workload}, or add nodes that satisfy them"),
                "No node satisfies all of them",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Obstacle;

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
        assert!(Obstacle::all("nonsense").is_empty());
    }
}
