//! Builds the failure graph: who feels whose trouble.

mod placed;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Node, Object, Pod, Taint};

use self::placed::felt_there;
use super::complaint::{Target, called};
use super::facts::{Facts, needs};
use super::graph::FailureGraph;
use super::init;
use super::mechanism::unschedulable::{Obstacle, message};
use super::mechanism::{volume_unavailable, webhook_unavailable};

/// The failure graph of a case.
pub(super) fn graph(facts: &Facts<'_>) -> FailureGraph {
    let mut graph = FailureGraph::default();
    owners(facts, &mut graph);
    references(facts, &mut graph);
    traffic(facts, &mut graph);
    controls(facts, &mut graph);
    starts(facts, &mut graph);
    metrics(facts, &mut graph);
    for (entity, unit) in facts.stand_ins() {
        graph.connect(entity, unit);
        graph.connect(unit, entity);
    }
    graph
}

fn entity(kind: &str, namespace: &str, name: &str) -> EntityRef {
    EntityRef::namespaced(kind, namespace, name)
}

/// Node → pod → ReplicaSet → Deployment.
fn owners(facts: &Facts<'_>, graph: &mut FailureGraph) {
    for node in &facts.case.objects.nodes {
        graph.insert(&node.entity());
    }
    for pod in facts.pods() {
        let this = pod.entity();
        graph.insert(&this);
        if !pod.spec.node_name.is_empty() {
            graph.connect(&EntityRef::cluster("Node", &pod.spec.node_name), &this);
        }
        let top = facts.workload_of(pod);
        if let Some(owner) = pod.metadata.controller() {
            let direct = entity(&owner.kind, pod.metadata.ns(), &owner.name);
            graph.connect(&this, &direct);
            graph.connect(&direct, &top);
        }
        // A fault of the workload is felt by its pods, too: the template is wrong for all of them.
        graph.connect(&top, &this);
    }
    for workload in &facts.case.objects.workloads {
        let this = workload.entity();
        let top = facts.top_of(&this);
        graph.connect(&this, &top);
        graph.connect(&top, &this);
    }
}

/// ConfigMap, Secret, claim → the workloads that use them.
fn references(facts: &Facts<'_>, graph: &mut FailureGraph) {
    for workload in facts.top_workloads() {
        let this = workload.entity();
        let ns = workload.metadata.ns();
        for (kind, name) in needs(&workload.template().spec) {
            graph.connect(&entity(&kind, ns, &name), &this);
        }
        for template in &workload.spec.volume_claim_templates {
            for claim in &facts.case.objects.claims {
                let prefix = format!("{}-{}-", template.metadata.name, workload.metadata.name);
                if claim.metadata.ns() == ns && claim.metadata.name.starts_with(&prefix) {
                    graph.connect(&claim.entity(), &this);
                }
            }
        }
    }
    for pod in facts.pods() {
        let this = pod.entity();
        for (kind, name) in needs(&pod.spec) {
            graph.connect(&entity(&kind, pod.metadata.ns(), &name), &this);
        }
    }
    for claim in &facts.case.objects.claims {
        if !claim.spec.volume_name.is_empty() {
            graph.connect(
                &EntityRef::cluster("PersistentVolume", &claim.spec.volume_name),
                &claim.entity(),
            );
        }
        if let Some(class) = claim
            .spec
            .storage_class_name
            .as_ref()
            .filter(|class| !class.is_empty())
        {
            graph.connect(&EntityRef::cluster("StorageClass", class), &claim.entity());
        }
    }
}

/// Only what spreads from who is called to who calls: along Services, routes and calls.
pub(super) fn calls(facts: &Facts<'_>) -> FailureGraph {
    let mut graph = FailureGraph::default();
    traffic(facts, &mut graph);
    graph
}

/// Workload → its services → ingresses and callers.
fn traffic(facts: &Facts<'_>, graph: &mut FailureGraph) {
    for service in &facts.case.objects.services {
        let this = service.entity();
        let ns = service.metadata.ns();
        graph.insert(&this);
        for workload in facts.top_workloads().filter(|w| w.metadata.ns() == ns) {
            if service.selects(&workload.template().metadata.labels) {
                graph.connect(&workload.entity(), &this);
            }
        }
        let pods = facts.pods_in(ns).iter();
        for pod in pods.filter(|pod| service.selects(&pod.metadata.labels)) {
            graph.connect(&pod.entity(), &this);
        }
    }
    for slice in &facts.case.objects.endpoint_slices {
        let Some(service) = slice.service() else { continue };
        let service = entity("Service", slice.metadata.ns(), service);
        for target in slice
            .endpoints
            .iter()
            .filter_map(|endpoint| endpoint.target_ref.as_ref())
        {
            graph.connect(&entity(&target.kind, slice.metadata.ns(), &target.name), &service);
        }
    }
    for ingress in &facts.case.objects.ingresses {
        for backend in ingress.backends() {
            graph.connect(
                &entity("Service", ingress.metadata.ns(), &backend.name),
                &ingress.entity(),
            );
        }
    }
    for call in &facts.case.calls {
        graph.connect(&call.callee, &call.caller);
        let unit = facts.unit_of(&call.callee);
        if unit != call.callee {
            graph.connect(&unit, &call.callee);
        }
    }
    // Who passes on an error was answered with it.
    for (writer, origin) in facts.relays().pairs() {
        graph.connect(origin, writer);
    }
    // Who complains of somebody calls them.
    for complaint in facts.complaints() {
        if let Target::Known(callee) | Target::External(callee) = &complaint.target {
            graph.connect(callee, &complaint.workload);
        }
        if let Some(service) = complaint.service(facts) {
            graph.connect(&service.entity(), &complaint.workload);
        }
    }
    // Who only says that it could not call somebody does so, too.
    for digest in &facts.case.logs {
        let writer = facts.unit_of(&digest.pod);
        for service in called(facts, digest) {
            let (service, unit) = (service.entity(), facts.unit_of(&service.entity()));
            if unit != writer {
                graph.connect(&service, &writer);
                graph.connect(&unit, &writer);
            }
        }
    }
}

/// Quota, autoscaler, policy → the workloads that they govern.
fn controls(facts: &Facts<'_>, graph: &mut FailureGraph) {
    let objects = &facts.case.objects;
    for autoscaler in &objects.autoscalers {
        let target = &autoscaler.spec.scale_target_ref;
        let target = entity(&target.kind, autoscaler.metadata.ns(), &target.name);
        graph.connect(&autoscaler.entity(), &target);
        // An autoscaler feels it when its target does not follow.
        graph.connect(&target, &autoscaler.entity());
    }
    for workload in facts.top_workloads() {
        let this = workload.entity();
        let ns = workload.metadata.ns();
        for quota in objects.quotas.iter().filter(|quota| quota.metadata.ns() == ns) {
            graph.connect(&quota.entity(), &this);
        }
        for range in objects
            .limit_ranges
            .iter()
            .filter(|range| range.metadata.ns() == ns)
        {
            graph.connect(&range.entity(), &this);
        }
        let labels = &workload.template().metadata.labels;
        for policy in objects
            .network_policies
            .iter()
            .filter(|policy| policy.metadata.ns() == ns)
        {
            if policy.spec.pod_selector.matches(labels) {
                graph.connect(&policy.entity(), &this);
            }
        }
        for budget in objects
            .disruption_budgets
            .iter()
            .filter(|budget| budget.metadata.ns() == ns)
        {
            if budget
                .spec
                .selector
                .as_ref()
                .is_some_and(|selector| selector.matches(labels))
            {
                graph.connect(&budget.entity(), &this);
                graph.connect(&this, &budget.entity());
            }
        }
    }
}

/// Whether a node would take a pod, were it as it should be: it bears the labels that the pod selects, and no taint that the
/// pod does not bear, but for those that say that something is wrong with it.
fn would_fit(pod: &Pod, node: &Node) -> bool {
    let mut selected = pod.spec.node_selector.iter();
    let bears = |taint: &Taint| {
        pod.spec.tolerations.iter().any(|toleration| {
            let key = toleration.key.is_empty() || toleration.key == taint.key;
            let value = toleration.operator == "Exists" || toleration.value == taint.value;
            let effect = toleration.effect.is_empty() || toleration.effect == taint.effect;
            key && value && effect
        })
    };
    let of_state = |taint: &Taint| {
        taint.key.starts_with("node.kubernetes.io/")
            || taint.key.starts_with("node.cloudprovider.kubernetes.io/")
    };
    let mut taints = node.spec.taints.iter();
    selected.all(|(key, value)| node.metadata.labels.get(key) == Some(value))
        && taints.all(|taint| taint.effect == "PreferNoSchedule" || of_state(taint) || bears(taint))
}

/// What pods that are not started or not placed wait for.
fn starts(facts: &Facts<'_>, graph: &mut FailureGraph) {
    let lost: Vec<&Node> = facts
        .case
        .objects
        .nodes
        .iter()
        .filter(|node| !node.is_ready() || node.spec.unschedulable)
        .collect();
    for pod in facts.pods() {
        // A node that is lost is room that is lost to those that would fit there.
        let for_room = pod.spec.node_name.is_empty()
            && message(facts, pod).is_some_and(|said| {
                Obstacle::all(&said)
                    .iter()
                    .any(|(obstacle, _)| obstacle.is_of_nodes())
            });
        for node in lost.iter().filter(|node| for_room && would_fit(pod, node)) {
            graph.connect(&node.entity(), &pod.entity());
        }
        for target in init::blocked(facts, pod)
            .into_iter()
            .flat_map(|blocked| blocked.waits_for.into_values())
        {
            if let Target::Known(unit) | Target::External(unit) = target {
                graph.connect(&unit, &facts.workload_of(pod));
            }
        }
    }
    for (maker, claim) in volume_unavailable::makers(facts) {
        graph.connect(&maker, &claim);
    }
    for (service, refused) in webhook_unavailable::failing(facts) {
        graph.connect(&facts.unit_of(&service), &refused);
        graph.connect(&service, &refused);
    }
}

/// Series name entities that no object was seen of; the other entities on their labels tell what belongs together.
fn metrics(facts: &Facts<'_>, graph: &mut FailureGraph) {
    for (pod, node) in felt_there(facts) {
        graph.connect(node, pod);
        graph.connect(pod, &facts.unit_of(pod));
    }
    for signal in &facts.case.signals {
        graph.insert(&signal.entity);
        if let Some(peer) = &signal.peer {
            graph.connect(peer, &signal.entity);
        }
        for related in &signal.related {
            let (from, to) = match related.kind.as_str() {
                "Node" => (related, &signal.entity),
                _ => (&signal.entity, related),
            };
            graph.connect(from, to);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::incident::mechanism::fixture;
    use crate::incident::testing::{case, deployment, object};

    /// Whether a pod that finds no room feels it that the node is cordoned.
    fn feels(node: Value, pod: Value) -> bool {
        let mut case = case();
        let message = "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.";
        let unplaced = json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message},
        ]});
        deployment(
            &mut case,
            "cart",
            json!({"containers": [{"name": "app"}], "status": unplaced}),
        );
        let mut spec = pod;
        spec["containers"] = json!([{"name": "app"}]);
        case.objects.pods[0].spec = serde_json::from_value(spec).unwrap();
        let mut spec = node;
        spec["unschedulable"] = json!(true);
        let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        let made = json!({"metadata": {"namespace": null, "labels": {"pool": "web"}}, "spec": spec, "status": ready});
        case.objects.nodes.push(object("n1", made));
        let facts = Facts::new(&case);
        let reach = facts.graph().reach([&EntityRef::cluster("Node", "n1")]);
        reach.contains_key(&EntityRef::namespaced("Pod", "shop", "cart-pod"))
    }

    #[test]
    fn a_lost_node_is_missed_by_pods_that_would_fit_there() {
        let cordoned =
            json!({"taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]});
        assert!(feels(cordoned, json!({})));
        assert!(feels(json!({}), json!({"nodeSelector": {"pool": "web"}})));
        assert!(!feels(json!({}), json!({"nodeSelector": {"pool": "gpu"}})));
        let tainted = json!({"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]});
        assert!(!feels(tainted.clone(), json!({})));
        let bears = json!({"tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]});
        assert!(feels(tainted, bears));
    }

    #[test]
    fn who_says_that_a_call_failed_feels_what_is_wrong_with_the_service() {
        let names = ["web", "store-api"];
        let felt = |line: &str| {
            let mut case = fixture::case(json!({
                "workloads": names.map(|name| fixture::workload("shop", name, json!([{"name": "app"}]))),
                "pods": [fixture::pod("shop", "web", json!([{"name": "app"}]))],
                "services": names.map(|name| fixture::service("shop", name, json!({"port": 80}))),
            }));
            fixture::log(&mut case, "web-7d9f8b6c5-x1", line);
            let facts = Facts::new(&case);
            let reach = |at: EntityRef| {
                facts
                    .graph()
                    .reach([&at])
                    .contains_key(&fixture::deployment("web"))
            };
            [
                reach(entity("Service", "shop", "store-api")),
                reach(fixture::deployment("store-api")),
            ]
        };
        assert_eq!(
            felt("ERROR dial tcp store-api:80: connect: connection refused"),
            [true; 2]
        );
        assert_eq!(
            felt("ERROR order: Failed to connect to store-api, client 7"),
            [true; 2]
        );
        assert_eq!(felt("ERROR order of store-api, client 7"), [false; 2]);
        assert_eq!(felt("ERROR request from store-api failed: no stock"), [false; 2]);
        assert_eq!(felt("ERROR GET /items from store-api: out of stock"), [false; 2]);
        assert_eq!(felt("ERROR bad response from store-api"), [true; 2]);
    }
}
