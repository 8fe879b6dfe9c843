//! The node cannot set up a pod: no network, no address, no runtime for it.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_k8s::model::{Event, Object, Pod, Workload};

use super::node_network::is_agent;
use super::wording::wording;
use super::{Area, Mechanism, brought};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};
use crate::incident::witness;

/// Sandboxes that cannot be made. The fault lies with the agent of the network plugin where that is seen to be down, with
/// the node where it hits the pods of one, and with the workload only where it asks for a runtime that is not there.
#[derive(Clone, Copy, Debug)]
pub(super) struct PodSandboxFailed;

impl Mechanism for PodSandboxFailed {
    fn id(&self) -> &'static str {
        "pod_sandbox_failed"
    }

    fn area(&self) -> Area {
        Area::PodStart
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut stuck: BTreeMap<EntityRef, Vec<(&Pod, Why)>> = BTreeMap::new();
        for pod in facts.pods().filter(|pod| is_unmade(pod)) {
            let Some(event) = facts.event(&pod.entity(), is_sandbox) else {
                continue;
            };
            // It has been made by now, and waits for something else.
            if facts
                .event(&pod.entity(), |later| {
                    matches!(later.reason.as_str(), "Pulling" | "Pulled" | "Created")
                        && later.last_seen() > event.last_seen()
                })
                .is_some()
            {
                continue;
            }
            let why = Why::of(&event.message);
            let at = if why == Why::RuntimeClass || pod.spec.node_name.is_empty() {
                facts.workload_of(pod)
            } else {
                place(facts, pod, &event.message)
            };
            stuck.entry(at).or_default().push((pod, why));
        }
        stuck
            .into_iter()
            .filter_map(|(entity, pods)| candidate(facts, &entity, &pods))
            .collect()
    }
}

fn is_unmade(pod: &Pod) -> bool {
    !pod.is_finished() && !pod.is_ready() && pod.all_statuses().all(|status| status.state.running.is_none())
}

fn is_sandbox(event: &Event) -> bool {
    event.is_warning()
        && (matches!(
            event.reason.as_str(),
            "FailedCreatePodSandBox" | "NetworkNotReady" | "FailedCreatePodSandbox"
        ) || event.reason == "FailedCreatePodContainer" && event.message.contains("sandbox"))
}

/// The agent on the pod's node that the runtime speaks of, where one is known; otherwise the node.
fn place(facts: &Facts<'_>, pod: &Pod, message: &str) -> EntityRef {
    let node = EntityRef::cluster("Node", &pod.spec.node_name);
    // The message begins with the names of the pod that it is about.
    let mut lower = message.to_lowercase();
    for own in [&pod.metadata.name, pod.metadata.ns()] {
        lower = lower.replace(&own.to_lowercase(), " ");
    }
    let agents = facts
        .top_workloads()
        .filter(|workload| workload.kind == "DaemonSet" && is_agent(workload));
    agents
        .filter(|agent| is_named(agent, &lower))
        .min_by_key(|agent| (is_well_on(facts, agent, &pod.spec.node_name), agent.entity()))
        .map_or(node, Object::entity)
}

/// Whether a message names an agent: by a word of its own name or that of one of its containers, as `plugin type="calico"`
/// and `/var/run/cilium/cilium.sock` do. Words that many of them share tell nothing.
fn is_named(agent: &Workload, message: &str) -> bool {
    const COMMON: [&str; 10] = [
        "node",
        "agent",
        "plugin",
        "daemon",
        "system",
        "network",
        "container",
        "driver",
        "kube",
        "proxy",
    ];
    let containers = agent
        .template()
        .spec
        .containers
        .iter()
        .map(|container| container.name.as_str());
    std::iter::once(agent.metadata.name.as_str())
        .chain(containers)
        .flat_map(|name| name.split(['-', '.']))
        .any(|word| word.len() > 3 && !COMMON.contains(&word) && message.contains(word))
}

fn is_well_on(facts: &Facts<'_>, agent: &Workload, node: &str) -> bool {
    facts
        .pods_of(&agent.entity())
        .iter()
        .any(|pod| pod.spec.node_name == node && pod.is_ready())
}

fn candidate(facts: &Facts<'_>, entity: &EntityRef, pods: &[(&Pod, Why)]) -> Option<Candidate> {
    let (pod, _) = pods.first()?;
    let event = facts.event(&pod.entity(), is_sandbox)?;
    let why = pods
        .iter()
        .map(|(_, why)| *why)
        .find(|why| *why != Why::Unknown)
        .unwrap_or(Why::Unknown);
    let since = pods
        .iter()
        .flat_map(|(pod, _)| facts.events_of(&pod.entity()))
        .filter(|event| is_sandbox(event))
        .filter_map(|event| event.first_seen())
        .min();
    let nodes: BTreeSet<&str> = pods.iter().map(|(pod, _)| pod.spec.node_name.as_str()).collect();
    let workloads: BTreeSet<EntityRef> = pods.iter().map(|(pod, _)| facts.workload_of(pod)).collect();
    let witnesses = pods.iter().map(|(pod, _)| {
        let statement = format!("is on {} and is not set up", pod.spec.node_name);
        (*pod, pod.metadata.creation_timestamp, statement)
    });
    let seen = witness::of_pods(facts, witnesses, is_sandbox);
    let told = event.message.rsplit("desc = ").next().unwrap_or(&event.message);
    let mut candidate = Candidate::new(
        "pod_sandbox_failed",
        entity.clone(),
        format!(
            "{}: pods of {entity} cannot be set up ({})",
            why.words(),
            clip(told, 200)
        ),
    )
    .aspect(why.words())
    .clue("kubelet cannot set up the pod", 3.8, seen)
    .since(since)
    .hurting(pods.iter().map(|(pod, _)| pod.entity()))
    .derived(if why == Why::RuntimeClass { 0.0 } else { 0.2 });
    if entity.kind == "Node" {
        candidate.cause = format!(
            "{}: {entity} cannot set up pods ({})",
            why.words(),
            clip(told, 200)
        );
    } else if entity.kind == "DaemonSet" && why != Why::RuntimeClass {
        candidate.cause = format!(
            "{}, for which {entity} is responsible ({})",
            why.words(),
            clip(told, 200)
        );
        let down: Vec<&&Pod> = facts
            .pods_of(entity)
            .iter()
            .filter(|agent| nodes.contains(agent.spec.node_name.as_str()) && !agent.is_ready())
            .collect();
        let seen = down.iter().take(4).map(|agent| {
            let statement = format!("is not ready on {}", agent.spec.node_name);
            facts.object(**agent, None, statement)
        });
        if !down.is_empty() {
            candidate = candidate.clue("its pod there is not ready", 1.0, seen.collect());
        }
    }
    if workloads.len() > 1 {
        candidate = candidate.clue("pods of several workloads", 0.7, Vec::new());
    }
    let change = if why == Why::RuntimeClass {
        facts.rollout_before(entity, since, &["runtimeClass"])
    } else {
        facts.rollout_before(entity, since, &[])
    };
    if let Some(change) = change {
        candidate = candidate
            .clue(
                brought::since_rollout(facts, change, "since a rollout"),
                1.0,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference));
    }
    Some(candidate.advise(why.advice(&nodes)))
}

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    NoAddress,
    Plugin,
    RuntimeClass,
    Image,
    NoSpace,
    Slow,
    Unknown,
}

impl Why {
    fn of(text: &str) -> Self {
        let any = wording(text);
        if any(&[
            "runtimehandler",
            "runtime handler",
            "runtimeclass",
            "no runtime for",
        ]) {
            Self::RuntimeClass
        } else if any(&[
            "no ip addresses available",
            "failed to assign an ip address",
            "range is full",
            "no available ip",
            "no more ip",
            "failed to allocate for range",
            "insufficientfreeaddresses",
            "not enough ip",
            "no free ip",
            "no addresses available",
            "ip pool",
            "postipamfailure",
        ]) {
            Self::NoAddress
        } else if any(&["sandbox image", "pause image"]) {
            Self::Image
        } else if any(&[
            "no space left",
            "too many open files",
            "cannot allocate memory",
            "resource temporarily unavailable",
        ]) {
            Self::NoSpace
        } else if any(&[
            "cni",
            "network plugin",
            "networkplugin",
            "setup network",
            "set up network",
            "networkready=false",
            "plugin type",
        ]) {
            Self::Plugin
        } else if any(&["deadline exceeded", "is reserved for", "timed out"]) {
            Self::Slow
        } else {
            Self::Unknown
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::NoAddress => "the network plugin has no free address for pods",
            Self::Plugin => "the network plugin fails",
            Self::RuntimeClass => "the node has no such container runtime",
            Self::Image => "the sandbox image cannot be had",
            Self::NoSpace => "the node has no resources left for a sandbox",
            Self::Slow => "the container runtime does not answer in time",
            Self::Unknown => "the sandbox cannot be made",
        }
    }

    fn advice(self, nodes: &BTreeSet<&str>) -> Advice {
        let node = nodes.first().copied().unwrap_or("NODE");
        let (title, reason) = match self {
            Self::NoAddress => (
                "Free addresses, or give the network plugin a larger range",
                "Each pod needs an address of the node's range or subnet",
            ),
            Self::Plugin => (
                "Look at the network plugin's pod on the node, and restart it",
                "The runtime asks it to connect each new pod",
            ),
            Self::RuntimeClass => (
                "Name a runtime class whose handler the nodes have, or install it",
                "The runtime knows its handlers from its own configuration",
            ),
            Self::Image => (
                "Make the sandbox image available to the nodes",
                "Every pod begins with it",
            ),
            Self::NoSpace => (
                "Free disk, memory or process ids of the node",
                "Sandboxes need some of each",
            ),
            Self::Slow | Self::Unknown => (
                "Look at the container runtime of the node",
                "It makes the sandbox before anything else of the pod",
            ),
        };
        Advice::new(title, reason).command(format!(
            "kubectl get pods -A -o wide --field-selector spec.nodeName={node}; kubectl describe node {node}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{PodSandboxFailed, Why};
    use crate::incident::candidate::Candidate;
    use crate::incident::testing::{case, deployment, event, object, of};

    fn found(message: &str, agent: Option<&str>, after: Option<&str>) -> Vec<Candidate> {
        let mut case = case();
        let status = |state: Value| json!({"phase": "Pending", "containerStatuses": [{"name": "app", "state": state}]});
        let creating = json!({"waiting": {"reason": "ContainerCreating"}});
        for name in ["cart", "web"] {
            let rest = json!({"containers": [{"name": "app"}], "nodeName": "n1", "status": status(creating.clone())});
            deployment(&mut case, name, rest);
            event(
                &mut case,
                "Pod",
                &format!("{name}-pod"),
                "FailedCreatePodSandBox",
                message,
                -60,
            );
            if let Some(reason) = after {
                event(&mut case, "Pod", &format!("{name}-pod"), reason, "", -10);
            }
        }
        if let Some(name) = agent {
            // What serves the network writes where only plugins do.
            let path = if name.contains("node") {
                "/opt/cni/bin"
            } else {
                "/var/log"
            };
            let volumes = json!([{"name": "host", "hostPath": {"path": path}}]);
            let template =
                json!({"spec": {"hostNetwork": true, "containers": [{"name": name}], "volumes": volumes}});
            let spec = json!({"template": template});
            case.objects
                .workloads
                .push(object(name, json!({"kind": "DaemonSet", "spec": spec})));
            case.objects.pods.push(object(
                &format!("{name}-x"),
                json!({
                    "metadata": {"ownerReferences": [{"kind": "DaemonSet", "name": name, "controller": true}]},
                    "spec": {"nodeName": "n1"}, "status": {"phase": "Running"},
                }),
            ));
        }
        of(&PodSandboxFailed, &case)
    }

    const CALICO: &str = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox \"ab\": \
                          plugin type=\"calico\" failed (add): error getting ClusterInformation: connection is unauthorized: Unauthorized";

    #[test]
    fn the_agent_that_is_named_is_at_fault_and_the_node_where_none_is_known() {
        let agent = found(CALICO, Some("calico-node"), None);
        assert_eq!(
            (agent.len(), agent[0].entity.to_string()),
            (1, "DaemonSet shop/calico-node".to_owned())
        );
        assert!(agent[0].own_score() > 5.0);
        // One that is not named, one that is and does not serve the network, and one called like the namespace of the pod.
        let own = CALICO
            .replace("sandbox: ", "sandbox for x_shop: ")
            .replace("calico", "x");
        for (message, agent) in [
            (CALICO, "log-collector"),
            (CALICO, "calico-logs"),
            (own.as_str(), "shop-node"),
        ] {
            let node = found(message, Some(agent), None);
            assert_eq!(
                (node.len(), node[0].entity.to_string()),
                (1, "Node n1".to_owned()),
                "{agent}"
            );
        }
    }

    #[test]
    fn a_sandbox_that_was_made_since_is_no_trouble() {
        assert!(found(CALICO, None, Some("Pulling")).is_empty());
    }

    #[test]
    fn a_runtime_that_is_not_there_is_what_the_workload_asks_for() {
        let text = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for \"gvisor\" is configured";
        let kinds: Vec<String> = found(text, None, None)
            .iter()
            .map(|c| c.entity.kind.clone())
            .collect();
        assert_eq!(kinds, ["Deployment", "Deployment"]);
    }

    #[test]
    fn tells_apart_what_is_missing() {
        for (text, why) in [
            (
                "failed to allocate for range 0: no IP addresses available in range set: 10.1.56.1-10.1.56.254",
                Why::NoAddress,
            ),
            (
                "add cmd: failed to assign an IP address to container",
                Why::NoAddress,
            ),
            (
                "unable to allocate IP via local cilium agent: [POST /ipam][502] postIpamFailure range is full",
                Why::NoAddress,
            ),
            ("cni plugin not initialized", Why::Plugin),
            (
                "failed to find plugin \"bridge\" in path [/opt/cni/bin] (cni)",
                Why::Plugin,
            ),
            ("RuntimeHandler \"kata\" not supported", Why::RuntimeClass),
            (
                "failed to get sandbox image \"registry.k8s.io/pause:3.9\"",
                Why::Image,
            ),
            ("context deadline exceeded", Why::Slow),
        ] {
            assert_eq!(Why::of(text), why, "{text}");
        }
    }
}
