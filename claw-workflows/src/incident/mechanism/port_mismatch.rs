//! A Service sends traffic to a port on which nobody listens.

use claw_k8s::model::{Container, IntOrString, Object, Pod, Service, ServicePort};

use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::Facts;

/// The Service's target port is one that the containers behind it do not declare.
#[derive(Clone, Copy, Debug)]
pub(super) struct PortMismatch;

impl Mechanism for PortMismatch {
    fn id(&self) -> &'static str {
        "port_mismatch"
    }

    fn area(&self) -> Area {
        Area::Traffic
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        facts
            .case
            .objects
            .services
            .iter()
            .filter(|service| !service.spec.selector.is_empty() && !service.is_external_name())
            .flat_map(|service| {
                service
                    .spec
                    .ports
                    .iter()
                    .filter_map(move |port| candidate(facts, service, port))
            })
            .collect()
    }
}

fn candidate(facts: &Facts<'_>, service: &Service, port: &ServicePort) -> Option<Candidate> {
    let target = port
        .target_port
        .clone()
        .unwrap_or(IntOrString::Int(i64::from(port.port)));
    let behind: Vec<&Pod> = facts
        .pods()
        .filter(|pod| {
            pod.metadata.ns() == service.metadata.ns()
                && service.selects(&pod.metadata.labels)
                && !pod.is_finished()
        })
        .collect();
    let pod = behind.first()?;
    let protocol = if port.protocol.is_empty() {
        "TCP"
    } else {
        &port.protocol
    };
    let listens = |pod: &&Pod| {
        pod.spec
            .containers
            .iter()
            .any(|container| has_port(container, &target, protocol))
    };
    let declares = |pod: &&Pod| {
        pod.spec
            .containers
            .iter()
            .any(|container| !container.ports.is_empty())
    };
    if behind.iter().any(listens) || !behind.iter().all(declares) {
        return None;
    }
    // A number that is not declared may still be listened on; a name that is not declared cannot be resolved.
    let named = matches!(target, IntOrString::String(_));
    let entity = service.entity();
    let workload = facts.workload_of(pod);
    let declared: Vec<String> = pod
        .spec
        .containers
        .iter()
        .flat_map(|container| &container.ports)
        .map(|port| {
            if port.name.is_empty() {
                port.container_port.to_string()
            } else {
                format!("{} ({})", port.container_port, port.name)
            }
        })
        .collect();
    let since = service.metadata.last_edit().and_then(|edit| edit.time);
    let mut candidate = Candidate::new(
        "port_mismatch",
        entity.clone(),
        format!(
            "{entity} sends port {} to {target}, but {workload} listens on {}",
            port.port,
            declared.join(", ")
        ),
    )
    .clue(
        "target port is not declared",
        if named { 3.5 } else { 2.3 },
        vec![
            facts.object(service, since, format!("sends port {} to {target}", port.port)),
            facts.object(*pod, None, format!("declares ports {}", declared.join(", "))),
        ],
    );
    if behind.iter().all(|pod| pod.is_ready()) {
        candidate = candidate.clue("pods are ready and still not reached", 0.5, Vec::new());
    }
    if probe_passes_elsewhere(pod, &target) {
        candidate = candidate.clue("its probe passes on another port", 0.7, Vec::new());
    }
    let change = facts
        .change_before(&entity, None, |_| true)
        .or_else(|| facts.rollout_before(&workload, None, &["ports", "containerPort"]));
    candidate = match change {
        Some(change) => candidate
            .clue("ports were changed", 1.0, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference))
            .since(Some(change.time)),
        None => candidate.since(since),
    };
    let right = first_port(pod);
    let advice = Advice::new(
        format!(
            "Send port {} of {entity} to a port on which its pods listen",
            port.port
        ),
        "Connections to the Service are refused until then",
    );
    Some(candidate.advise(match right {
        Some(right) => {
            let patch = serde_json::json!({"spec": {"ports": [{"port": port.port, "targetPort": right}]}});
            advice.command(format!(
                "kubectl -n {} patch service {} -p '{patch}'",
                service.metadata.ns(),
                service.metadata.name
            ))
        }
        None => advice,
    }))
}

fn has_port(container: &Container, target: &IntOrString, protocol: &str) -> bool {
    container.ports.iter().any(|port| {
        let same = port.protocol.is_empty() || port.protocol == protocol;
        same && match target {
            IntOrString::Int(number) => i64::from(port.container_port) == *number,
            IntOrString::String(name) => port.name == *name,
            _ => false,
        }
    })
}

fn first_port(pod: &Pod) -> Option<i32> {
    let mut ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
    let first = ports.next()?.container_port;
    ports.next().is_none().then_some(first)
}

/// Whether a ready pod's probe asks another port than the Service does.
fn probe_passes_elsewhere(pod: &Pod, target: &IntOrString) -> bool {
    pod.is_ready()
        && pod
            .spec
            .containers
            .iter()
            .filter_map(|container| container.readiness_probe.as_ref())
            .filter_map(|probe| probe.http_get.as_ref())
            .any(|get| get.port != *target)
}
