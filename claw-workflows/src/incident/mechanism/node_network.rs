//! Pods of one node reach nobody: its share of the cluster's network does not work.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_k8s::model::{Meta, Node, Object, Pod, PodSpec, Workload};
use claw_metrics::logs::indicators::Indicator;

use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::Complaint;
use crate::incident::facts::Facts;
use crate::incident::witness;

/// Paths of the node that only network plugins write to.
const OF_PLUGINS: [&str; 3] = ["/opt/cni/bin", "/etc/cni/net.d", "/var/lib/cni"];

/// A node whose kube-proxy or network plugin is down, or whose pods alone cannot reach others.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeNetwork;

impl Mechanism for NodeNetwork {
    fn id(&self) -> &'static str {
        "node_network"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &["kube_proxy_unavailable", "cni_unavailable"]
    }

    fn area(&self) -> Area {
        Area::Platform
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let isolated = Isolated::of(facts);
        facts
            .case
            .objects
            .nodes
            .iter()
            .flat_map(|node| of_node(facts, node, &isolated))
            .collect()
    }
}

/// What is said of connections that are not made, by the node of who says it.
struct Isolated<'f, 'a> {
    by_node: BTreeMap<&'f str, Vec<&'f Complaint<'a>>>,
    /// Nodes with pods whose logs were read and do not complain, though others of their workload do.
    quiet: BTreeMap<EntityRef, BTreeSet<&'f str>>,
}

impl<'f, 'a> Isolated<'f, 'a> {
    fn of(facts: &'f Facts<'a>) -> Self {
        let mut by_node: BTreeMap<&str, Vec<&Complaint<'_>>> = BTreeMap::new();
        let mut loud: BTreeSet<&EntityRef> = BTreeSet::new();
        for complaint in facts.complaints().iter().filter(|complaint| cut_off(complaint)) {
            for (digest, _) in &complaint.entries {
                loud.insert(&digest.pod);
                if let Some(pod) = facts
                    .pod(&digest.pod)
                    .filter(|pod| !pod.spec.node_name.is_empty())
                {
                    let here = by_node.entry(pod.spec.node_name.as_str()).or_default();
                    if !here.iter().any(|known| std::ptr::eq(*known, complaint)) {
                        here.push(complaint);
                    }
                }
            }
        }
        let mut quiet: BTreeMap<EntityRef, BTreeSet<&str>> = BTreeMap::new();
        for digest in facts
            .case
            .logs
            .iter()
            .filter(|digest| !loud.contains(&digest.pod))
        {
            if let Some(pod) = facts.pod(&digest.pod) {
                let nodes = quiet.entry(facts.workload_of(pod)).or_default();
                nodes.insert(pod.spec.node_name.as_str());
            }
        }
        Self { by_node, quiet }
    }

    /// The complaints of pods on a node of which the like elsewhere do not complain; empty where others complain, too.
    fn only_on(&self, node: &str) -> Vec<&'f Complaint<'a>> {
        if self.by_node.keys().any(|other| *other != node) {
            return Vec::new();
        }
        let told = self.by_node.get(node).into_iter().flatten().copied();
        told.filter(|complaint| {
            let nodes = self.quiet.get(&complaint.workload);
            nodes.is_some_and(|nodes| nodes.iter().any(|other| *other != node))
        })
        .collect()
    }
}

/// Whether somebody says that connections are not made. Who gets an error got through.
fn cut_off(complaint: &Complaint<'_>) -> bool {
    matches!(
        complaint.kind,
        Indicator::Timeout
            | Indicator::Unreachable
            | Indicator::ConnectionRefused
            | Indicator::ResolverFailed
            | Indicator::ControlPlaneTrouble
    )
}

/// Whether the pods of a workload serve the network of their nodes, or may: recordings often leave volumes out.
pub(super) fn is_agent(workload: &Workload) -> bool {
    let template = workload.template();
    let spec = &template.spec;
    Agent::of_pods(&template.metadata, spec).is_some() || spec.host_network && spec.volumes.is_empty()
}

/// What a node has for the network of its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agent {
    Proxy,
    Plugin,
}

impl Agent {
    fn of(pod: &Pod) -> Option<Self> {
        let owned = pod
            .metadata
            .controller()
            .is_some_and(|owner| owner.kind == "DaemonSet");
        Self::of_pods(&pod.metadata, &pod.spec).filter(|_| owned)
    }

    fn of_pods(metadata: &Meta, spec: &PodSpec) -> Option<Self> {
        if !spec.host_network {
            return None;
        }
        let proxy = metadata
            .labels
            .get("k8s-app")
            .is_some_and(|app| app == "kube-proxy")
            || spec.containers.iter().any(|container| {
                let words = container.command.iter().chain(&container.args);
                container.name == "kube-proxy" || words.into_iter().any(|word| word.ends_with("/kube-proxy"))
            });
        let plugin = || {
            let paths = spec.volumes.iter().filter_map(|volume| volume.host_path.as_ref());
            paths.into_iter().any(|path| {
                OF_PLUGINS
                    .iter()
                    .any(|known| path.path.trim_end_matches('/') == *known)
            })
        };
        if proxy {
            Some(Self::Proxy)
        } else {
            plugin().then_some(Self::Plugin)
        }
    }

    fn mechanism(self) -> &'static str {
        match self {
            Self::Proxy => "kube_proxy_unavailable",
            Self::Plugin => "cni_unavailable",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Proxy => "kube-proxy",
            // There may be several, one in front of the other.
            Self::Plugin => "a network plugin",
        }
    }

    /// What stands still while it does not run. The rules that it has made stay in the kernel.
    fn lacks(self) -> &'static str {
        match self {
            Self::Proxy => "changes of Services and their endpoints do not arrive there",
            Self::Plugin => "new pods there are not connected",
        }
    }
}

fn of_node(facts: &Facts<'_>, node: &Node, isolated: &Isolated<'_, '_>) -> Vec<Candidate> {
    let name = node.metadata.name.as_str();
    let here = facts.pods_on(name);
    let alone = isolated.only_on(name);
    let any: &[&Complaint<'_>] = isolated.by_node.get(name).map_or(&[], Vec::as_slice);
    let down: Vec<(&Pod, Agent)> = here
        .iter()
        .filter(|pod| !pod.is_ready() && !pod.is_finished())
        .filter_map(|pod| Some((*pod, Agent::of(pod)?)))
        .collect();
    let victims = || {
        let pods = here.iter().filter(|pod| !pod.spec.host_network);
        pods.flat_map(|pod| [pod.entity(), facts.workload_of(pod)])
    };
    let since = any.iter().filter_map(|complaint| complaint.since()).min();
    let said = |complaints: &[&Complaint<'_>]| {
        complaints
            .iter()
            .take(4)
            .flat_map(|one| one.evidence(facts))
            .collect()
    };
    let mut found: Vec<Candidate> = down
        .iter()
        .map(|(pod, agent)| {
            let broken = pod
                .condition("Ready")
                .and_then(|ready| ready.last_transition_time);
            let state = [(
                *pod,
                broken,
                format!("is {} of {name}, and not ready", agent.words()),
            )];
            let reach = if any.is_empty() {
                ""
            } else {
                ", and pods there do not reach others"
            };
            let mut candidate = Candidate::new(
                agent.mechanism(),
                pod.entity(),
                format!(
                    "{} does not run on Node {name}: {}{reach}",
                    agent.words(),
                    agent.lacks()
                ),
            )
            .clue(
                "network agent is not ready",
                2.0,
                witness::of_pods(facts, state, |event| event.is_warning()),
            )
            .since(broken)
            .hurting(victims())
            .derived(0.2);
            if !any.is_empty() {
                candidate = candidate.clue("pods on the node reach nobody", 1.2, said(any));
            }
            if !alone.is_empty() {
                candidate = candidate.clue("their like on other nodes do", 1.2, Vec::new());
            }
            candidate.advise(
                Advice::new(
                    format!("Look at {} on Node {name}", agent.words()),
                    "The node keeps the state of the network that it had when it stopped",
                )
                .command(format!(
                    "kubectl -n {} logs {} --previous",
                    pod.metadata.ns(),
                    pod.metadata.name
                )),
            )
        })
        .collect();
    if !alone.is_empty() && down.is_empty() {
        let callers: BTreeSet<String> = alone
            .iter()
            .map(|complaint| complaint.workload.to_string())
            .collect();
        let callers: Vec<String> = callers.into_iter().take(3).collect();
        found.push(
            Candidate::new(
                "node_network",
                node.entity(),
                format!(
                    "pods on Node {name} do not reach others, and their like on other nodes do: {}",
                    callers.join(", ")
                ),
            )
            .clue("pods on one node alone reach nobody", 2.2, said(&alone))
            .since(since)
            .hurting(victims())
            .derived(0.2)
            .unseen(format!("kube-proxy and the network plugin of Node {name}"))
            .advise(
                Advice::new(
                    format!("Look at the network of Node {name}: its kube-proxy, its network plugin, its routes; cordon it meanwhile"),
                    "New pods there would be cut off, too",
                )
                .command(format!(
                    "kubectl cordon {name}; kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={name}"
                )),
            ),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::NodeNetwork;
    use crate::incident::candidate::Candidate;
    use crate::incident::testing::of;

    fn on(node: &str, suffix: &str) -> Value {
        let mut pod = fixture::pod("shop", "web", json!([{"name": "app"}]));
        pod["metadata"]["name"] = json!(format!("web-7d9f8b6c5-{suffix}"));
        pod["spec"]["nodeName"] = json!(node);
        pod
    }

    fn found(complaining: &[&str], quiet: &[&str], agent: Option<&str>) -> Vec<Candidate> {
        let mut pods = vec![on("a", "x1"), on("b", "x2")];
        if let Some(ready) = agent {
            let mut proxy = fixture::pod("kube-system", "kube-proxy", json!([{"name": "kube-proxy"}]));
            proxy["metadata"]["ownerReferences"] =
                json!([{"kind": "DaemonSet", "name": "kube-proxy", "controller": true}]);
            proxy["spec"] =
                json!({"nodeName": "a", "hostNetwork": true, "containers": [{"name": "kube-proxy"}]});
            proxy["status"]["conditions"][0]["status"] = json!(ready);
            pods.push(proxy);
        }
        let mut case = fixture::case(json!({
            "pods": pods,
            "nodes": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}],
            "workloads": [fixture::workload("shop", "web", json!([{"name": "app"}]))],
        }));
        for suffix in complaining {
            fixture::log(
                &mut case,
                &format!("web-7d9f8b6c5-{suffix}"),
                "dial tcp 10.96.0.77:80: i/o timeout",
            );
        }
        for suffix in quiet {
            fixture::log(&mut case, &format!("web-7d9f8b6c5-{suffix}"), "all is well");
        }
        of(&NodeNetwork, &case)
    }

    fn names(found: &[Candidate]) -> Vec<String> {
        found
            .iter()
            .map(|one| format!("{} {}", one.mechanism, one.entity.name))
            .collect()
    }

    #[test]
    fn a_node_whose_pods_alone_reach_nobody_is_at_fault() {
        assert_eq!(names(&found(&["x1"], &["x2"], None)), ["node_network a"]);
        // Both complain, or nothing is known of the other.
        assert!(found(&["x1", "x2"], &[], None).is_empty());
        assert!(found(&["x1"], &[], None).is_empty());
    }

    #[test]
    fn a_proxy_that_is_not_ready_explains_it() {
        let down = found(&["x1"], &["x2"], Some("False"));
        assert_eq!(names(&down), ["kube_proxy_unavailable kube-proxy-7d9f8b6c5-x1"]);
        assert_eq!(fixture::clue(&down[0], "their like on other nodes do"), Some(1.2));
        assert!(down[0].cause.contains("do not reach others"), "{}", down[0].cause);
        // What it has set up goes on working, and nobody complains.
        let silent = found(&[], &[], Some("False"));
        assert!(!silent[0].cause.contains("reach"), "{}", silent[0].cause);
        assert_eq!(names(&found(&["x1"], &["x2"], Some("True"))), ["node_network a"]);
    }
}
