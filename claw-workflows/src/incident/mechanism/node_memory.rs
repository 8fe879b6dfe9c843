//! A node has no memory left, and the kernel kills whom it finds.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Event, Node, Object, Pod};
use claw_metrics::classify::Measure;
use claw_metrics::signal::Signal;

use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::degradation;
use crate::incident::ending::killed_for_memory;
use crate::incident::facts::Facts;
use crate::incident::witness;

/// A signal below this many robust standard deviations does not single out who uses the memory.
const NOTABLE: f64 = 6.0;

/// The memory of a node is used up faster than the kubelet can evict pods: the kernel kills processes of whoever is there.
/// Where one pod without a limit has grown, that is named; otherwise the node.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeMemory;

impl Mechanism for NodeMemory {
    fn id(&self) -> &'static str {
        "node_out_of_memory"
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let nodes = &facts.case.objects.nodes;
        nodes.iter().filter_map(|node| candidate(facts, node)).collect()
    }
}

/// Whether it is known that the node of that name ran out of memory as a whole.
pub(super) fn told(facts: &Facts<'_>, node: &str) -> bool {
    facts
        .node(node)
        .is_some_and(|node| !events(facts, node).is_empty())
}

/// The events that speak of it: the kubelet's, and a problem detector's where no container's limit was the reason.
fn events<'a>(facts: &Facts<'a>, node: &Node) -> Vec<&'a Event> {
    facts
        .events_of(&node.entity())
        .iter()
        .copied()
        .filter(|event| {
            let at_limit = event.message.contains("Memory cgroup out of memory");
            event.reason == "SystemOOM" || event.reason == "OOMKilling" && !at_limit
        })
        .filter(|event| {
            event
                .last_seen()
                .is_none_or(|time| time >= facts.case.window.start)
        })
        .collect()
}

fn candidate(facts: &Facts<'_>, node: &Node) -> Option<Candidate> {
    let entity = node.entity();
    let events = events(facts, node);
    if events.is_empty() {
        return None;
    }
    let pods: Vec<&Pod> = facts
        .pods()
        .filter(|pod| pod.spec.node_name == node.metadata.name)
        .collect();
    let killed: Vec<&&Pod> = pods
        .iter()
        .filter(|pod| {
            let mut statuses = pod.all_statuses();
            statuses.any(|status| killed_for_memory(facts, pod, status).is_some())
        })
        .collect();
    let since = events.iter().filter_map(|event| event.first_seen()).min();
    let hog = hog(facts, &pods);
    let at_fault = hog
        .as_ref()
        .map_or_else(|| entity.clone(), |(workload, _)| workload.clone());
    let cause = match &hog {
        Some((workload, _)) => {
            format!("{entity} ran out of memory: {workload} uses more and more of it, without a limit")
        }
        None => format!("{entity} ran out of memory, and the kernel killed processes on it"),
    };
    let mut candidate = Candidate::new("node_out_of_memory", at_fault, cause)
        .aspect(node.metadata.name.clone())
        .clue(
            "the node ran out of memory",
            3.2,
            witness::of_events(facts, events),
        )
        .since(since)
        .hurting([entity.clone()])
        .hurting(pods.iter().map(|pod| pod.entity()))
        .derived(0.1);
    if let Some((_, signal)) = &hog {
        candidate = candidate
            .clue("its memory grew before", 1.5, vec![degradation::evidence(signal)])
            .since(signal.onset);
    }
    let mut several: BTreeMap<EntityRef, &Pod> = BTreeMap::new();
    for pod in killed {
        several.entry(facts.workload_of(pod)).or_insert(pod);
    }
    if several.len() > 1 {
        let seen = several.values().take(4).map(|pod| {
            let statement = format!("was killed for memory on {}", node.metadata.name);
            facts.object(*pod, since, statement)
        });
        candidate = candidate.clue("several workloads were killed there", 0.8, seen.collect());
    }
    Some(
        candidate.advise(
            Advice::new(
                "Set memory requests and limits for what runs there, or move work away".to_owned(),
                "The kernel kills whoever asks next when a node has no memory left",
            )
            .command(format!(
                "kubectl describe node {0}; kubectl top pods -A --sort-by=memory",
                node.metadata.name
            )),
        ),
    )
}

/// The workload of a pod on the node that has no limit of memory and whose memory has grown most.
fn hog<'a>(facts: &Facts<'a>, pods: &[&Pod]) -> Option<(EntityRef, &'a Signal)> {
    let unlimited = pods.iter().filter(|pod| {
        let mut containers = pod.spec.containers.iter();
        containers.any(|container| !container.resources.limits.contains_key("memory"))
    });
    unlimited
        .flat_map(|pod| {
            let (workload, pod) = (facts.workload_of(pod), pod.entity());
            facts
                .case
                .signals
                .iter()
                .filter(|signal| signal.entity == pod || signal.entity == workload)
                .map(|signal| (workload.clone(), signal))
                .collect::<Vec<_>>()
        })
        .filter(|(_, signal)| signal.measure == Measure::Memory && signal.harmful && signal.score >= NOTABLE)
        .max_by(|a, b| {
            let grown = |signal: &Signal| signal.observed - signal.baseline;
            grown(a.1).total_cmp(&grown(b.1))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::NodeMemory;
    use crate::incident::testing::{at, case, deployment, event, object, of};

    fn found(reason: &str, message: &str, second: i64) -> Vec<String> {
        let mut case = case();
        let rest = json!({"containers": [{"name": "app"}], "nodeName": "node-1"});
        deployment(&mut case, "cart", rest);
        let node = json!({"metadata": {"namespace": null, "creationTimestamp": at(-90_000)}});
        case.objects.nodes.push(object("node-1", node));
        event(&mut case, "Node", "node-1", reason, message, second);
        let found = of(&NodeMemory, &case);
        found
            .iter()
            .map(|candidate| candidate.entity.to_string())
            .collect()
    }

    #[test]
    fn only_a_want_of_the_whole_node_counts() {
        let system = "System OOM encountered, victim process: java, pid: 4711";
        assert_eq!(found("SystemOOM", system, -60), ["Node node-1"]);
        let kernel = "Out of memory: Killed process 4711 (java) total-vm:8123456kB";
        assert_eq!(found("OOMKilling", kernel, -60), ["Node node-1"]);
        // A container at its own limit.
        let at_limit = "Memory cgroup out of memory: Killed process 4711 (java) total-vm:8123456kB";
        assert!(found("OOMKilling", at_limit, -60).is_empty());
        assert!(found("SystemOOM", system, -90_000).is_empty(), "of yesterday");
    }
}
