//! A node is down or short of something.

mod disk;

use claw_k8s::model::{Condition, Node, Object, Pod};
use jiff::Timestamp;

use super::{Area, Mechanism, eviction};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::ending::failed_recently;
use crate::incident::facts::{Facts, clip};
use crate::incident::logs::{Digest, Pattern};

/// A node that is not ready, under pressure for memory, disk or process ids, or whose disk fails.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeUnhealthy;

impl Mechanism for NodeUnhealthy {
    fn id(&self) -> &'static str {
        "node_unhealthy"
    }

    fn area(&self) -> Area {
        Area::Platform
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let disk_errors = disk::entries(facts);
        let nodes = facts.case.objects.nodes.iter();
        nodes.flat_map(|node| of(facts, node, &disk_errors)).collect()
    }
}

fn of(facts: &Facts<'_>, node: &Node, disk_errors: &[(&Digest, &Pattern)]) -> Vec<Candidate> {
    let mut found = Vec::new();
    if let Some(ready) = node.condition("Ready").filter(|ready| !ready.is_true()) {
        found.push(not_ready(facts, node, ready));
    }
    for (kind, what) in [
        ("MemoryPressure", "memory"),
        ("DiskPressure", "disk"),
        ("PIDPressure", "process ids"),
    ] {
        let now = node.condition(kind).filter(|condition| condition.is_true());
        let evicted = evicted(facts, node, what);
        if now.is_some() || !evicted.is_empty() {
            found.push(pressure(facts, node, what, now, &evicted));
        }
    }
    found.extend(disk::candidate(facts, node, disk_errors));
    if node
        .condition("NetworkUnavailable")
        .is_some_and(Condition::is_true)
    {
        let condition = node.condition("NetworkUnavailable");
        let since = condition.and_then(|condition| condition.last_transition_time);
        let entity = node.entity();
        found.push(
            Candidate::new(
                "node_unhealthy",
                entity.clone(),
                format!("the network of {entity} is not set up"),
            )
            .aspect("network")
            .clue(
                "node's network is unavailable",
                3.5,
                vec![facts.object(node, since, "NetworkUnavailable is True")],
            )
            .since(since)
            .advise(Advice::new(
                "Check the network plugin on the node",
                "Pods on it reach nobody",
            )),
        );
    }
    found
}

fn pods_on<'a>(facts: &Facts<'a>, node: &Node) -> Vec<&'a Pod> {
    facts.pods_on(&node.metadata.name).to_vec()
}

fn not_ready(facts: &Facts<'_>, node: &Node, ready: &Condition) -> Candidate {
    let entity = node.entity();
    let since = ready.last_transition_time;
    let silent = ready.status == "Unknown";
    let what = if silent {
        "its kubelet stopped reporting"
    } else {
        "its kubelet reports trouble"
    };
    let said = if ready.message.is_empty() {
        String::new()
    } else {
        format!(": {}", clip(&ready.message, 200))
    };
    let mut candidate = Candidate::new(
        "node_unhealthy",
        entity.clone(),
        format!("{entity} is not ready: {what}{said}"),
    )
    .aspect("readiness")
    .clue(
        "node is not ready",
        3.5,
        vec![facts.object(
            node,
            since,
            format!("Ready is {} ({}){said}", ready.status, ready.reason),
        )],
    )
    .since(since);
    let pods = pods_on(facts, node);
    let hit: Vec<&&Pod> = pods
        .iter()
        .filter(|pod| !pod.is_finished() && !pod.is_ready())
        .collect();
    if let Some(pod) = hit.first() {
        let statement = format!(
            "not ready on this node, like {} of {} pods here",
            hit.len(),
            pods.len()
        );
        candidate = candidate.clue(
            "its pods are not ready",
            1.5,
            vec![facts.object(**pod, since, statement)],
        );
    } else if !pods.is_empty() {
        candidate = candidate.clue("its pods are ready", -1.5, Vec::new());
    }
    let candidate = candidate.advise(
        Advice::new(
            format!("Find out why the kubelet of {entity} is in trouble"),
            "Pods on it get no traffic and are moved only after a delay",
        )
        .command(format!("kubectl describe node {}", node.metadata.name)),
    );
    candidate.advise(if silent { out_of_service(node) } else { drain(node) })
}

/// Nobody ends the pods of a node whose kubelet is silent: evicted ones stay in Terminating, and hold their volumes.
fn out_of_service(node: &Node) -> Advice {
    let name = &node.metadata.name;
    Advice::new(
        format!(
            "If the machine of {} is surely off, mark it out of service",
            node.entity()
        ),
        "A drain waits for its kubelet: only then are its pods made elsewhere and its volumes detached",
    )
    .command(format!(
        "kubectl taint nodes {name} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
    ))
    .irreversible()
}

fn drain(node: &Node) -> Advice {
    Advice::new(
        format!("Drain {} if it stays so", node.entity()),
        "Its kubelet still answers and can end the pods in order",
    )
    .command(format!(
        "kubectl drain {} --ignore-daemonsets",
        node.metadata.name
    ))
}

/// Pods that were evicted from the node for want of something. Who used it up is no victim of the node.
fn evicted<'a>(facts: &Facts<'a>, node: &Node, what: &str) -> Vec<&'a Pod> {
    let words: &[&str] = match what {
        "memory" => &["low on resource: memory"],
        "disk" => &[
            "low on resource: ephemeral-storage",
            "DiskPressure",
            "low on resource: inodes",
        ],
        _ => &["low on resource: pids"],
    };
    pods_on(facts, node)
        .into_iter()
        .filter(|pod| failed_recently(facts, pod))
        .filter(|pod| {
            pod.status.reason == "Evicted" && words.iter().any(|word| pod.status.message.contains(word))
        })
        .filter(|pod| !eviction::fills(facts, pod))
        .collect()
}

fn pressure(
    facts: &Facts<'_>,
    node: &Node,
    what: &str,
    now: Option<&Condition>,
    evicted: &[&Pod],
) -> Candidate {
    let entity = node.entity();
    let first_eviction: Option<Timestamp> = evicted
        .iter()
        .filter_map(|pod| facts.event(&pod.entity(), |event| event.reason == "Evicted"))
        .filter_map(|event| event.first_seen())
        .min();
    let since = now
        .and_then(|condition| condition.last_transition_time)
        .into_iter()
        .chain(first_eviction)
        .min();
    let mut candidate = Candidate::new(
        "node_unhealthy",
        entity.clone(),
        format!("{entity} runs out of {what}"),
    )
    .aspect(what)
    .since(since);
    if let Some(condition) = now {
        let statement = format!("{} is True: {}", condition.kind, clip(&condition.message, 200));
        candidate = candidate.clue(
            "node is under pressure",
            3.0,
            vec![facts.object(node, since, statement)],
        );
    }
    if let Some(pod) = evicted.first() {
        let statement = format!(
            "evicted, one of {}: {}",
            evicted.len(),
            clip(&pod.status.message, 200)
        );
        let mut seen = vec![facts.object(*pod, first_eviction, statement)];
        seen.extend(
            facts
                .event(&pod.entity(), |event| event.reason == "Evicted")
                .map(|event| facts.event_evidence(event)),
        );
        candidate = candidate
            .clue("pods were evicted", 2.5, seen)
            .hurting(evicted.iter().map(|pod| facts.workload_of(pod)));
    }
    if what == "disk" && eviction::filled(facts, &node.metadata.name) {
        candidate = candidate.derived(0.7);
    }
    candidate.advise(
        Advice::new(
            format!("Free {what} on {entity}, or move work away from it"),
            "The kubelet evicts pods until the pressure is gone",
        )
        .command(format!(
            "kubectl describe node {0}; kubectl get pods -A --field-selector spec.nodeName={0}",
            node.metadata.name
        )),
    )
}
