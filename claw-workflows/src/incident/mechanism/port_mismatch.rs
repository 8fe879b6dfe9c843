//! A Service sends traffic to a port on which nobody listens.

use claw_core::change::ChangeKind;
use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{Container, IntOrString, Object, Pod, Service, ServicePort};
use claw_k8s::world::{PortProblem, container_port};
use claw_metrics::classify::Measure;
use claw_metrics::logs::indicators::Indicator;
use jiff::SignedDuration;

use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Complaint, Target, complaints};
use crate::incident::degradation;
use crate::incident::difference::is_about;
use crate::incident::facts::{Facts, SKEW};
use crate::incident::logs::host_of;

/// A signal below this many robust standard deviations does not show that calls fail.
const NOTABLE: f64 = 4.0;

/// How soon an edit that does harm shows.
const SOON: SignedDuration = SignedDuration::from_mins(30);

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
        let all = complaints(facts);
        facts
            .case
            .objects
            .services
            .iter()
            .filter(|service| !service.spec.selector.is_empty() && !service.is_external_name())
            .flat_map(|service| {
                let all = &all;
                let ports = service.spec.ports.iter();
                ports.filter_map(move |port| candidate(facts, service, port, all))
            })
            .collect()
    }
}

fn candidate(
    facts: &Facts<'_>,
    service: &Service,
    port: &ServicePort,
    all: &[Complaint<'_>],
) -> Option<Candidate> {
    let behind: Vec<&Pod> = facts
        .pods_in(service.metadata.ns())
        .iter()
        .copied()
        .filter(|pod| service.selects(&pod.metadata.labels) && !pod.is_finished())
        .collect();
    let pod = *behind.first()?;
    let workload = facts.workload_of(pod);
    let target = match container_port(port, pod) {
        Ok(number) | Err(PortProblem::NotDeclared { port: number, .. }) => Asked::Number(number),
        Err(PortProblem::NoSuchName { name, .. }) => Asked::Name(name),
        Err(_) => return None,
    };
    if behind
        .iter()
        .any(|pod| declared(pod).next().is_some() && container_port(port, pod).is_ok())
    {
        return None;
    }
    let entity = service.entity();
    let trouble = match &target {
        // Without the name there is no endpoint for the port, whoever listens.
        Asked::Name(_) => Trouble::Certain,
        Asked::Number(number) => Trouble::of(facts, service, port, *number, &behind, all)?,
    };
    let listens = listens(pod);
    let since = service.metadata.last_edit().and_then(|edit| edit.time);
    let words = if listens.is_empty() {
        "declares none".to_owned()
    } else {
        listens.join(", ")
    };
    let mut candidate = Candidate::new(
        "port_mismatch",
        entity.clone(),
        format!(
            "{entity} sends port {} to {target}, but {workload} listens on {}",
            port.port,
            if listens.is_empty() { "others" } else { &words }
        ),
    )
    .clue(
        "target port is not declared",
        trouble.weight(),
        vec![
            facts.object(service, since, format!("sends port {} to {target}", port.port)),
            facts.object(pod, None, format!("has the ports {words}")),
        ],
    );
    candidate = match trouble {
        Trouble::Certain => candidate,
        Trouble::Edited => candidate.unseen(format!("whether calls to {entity} fail")),
        Trouble::Refused(seen) => candidate.clue("connections to it are refused", 1.5, seen),
        Trouble::Failing(seen) => candidate.clue("calls to it fail", 0.5, seen),
    };
    if behind.iter().all(|pod| pod.is_ready()) {
        candidate = candidate.clue("pods are ready and still not reached", 0.5, Vec::new());
    }
    if probe_passes_elsewhere(pod, &target) {
        candidate = candidate.clue("its probe passes on another port", 0.7, Vec::new());
    }
    let change = recent_change::before_trouble(facts, &entity, None, |_| true).or_else(|| {
        recent_change::before_trouble(facts, &workload, None, |change| {
            change.kind == ChangeKind::Deploy && change.detail.iter().any(|line| about_ports(line))
        })
    });
    candidate = match change {
        Some(change) => candidate
            .clue("ports were changed", 1.0, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference))
            .since(Some(change.time)),
        None => candidate.since(since),
    };
    let advice = Advice::new(
        format!(
            "Send port {} of {entity} to a port on which its pods listen",
            port.port
        ),
        "Connections to the Service are refused until then",
    );
    Some(candidate.advise(match only_port(pod) {
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

/// Whether a line of a difference is about ports.
fn about_ports(line: &str) -> bool {
    is_about(line, "ports") || is_about(line, "containerPort")
}

/// What a Service asks of its pods.
enum Asked {
    /// A port by number; a name that pods declare is resolved to it.
    Number(i32),
    /// A name that no container declares.
    Name(String),
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// What shows that an undeclared port does harm. Declaring ports is for information: a number that nobody declares may
/// be listened on all the same.
enum Trouble {
    /// There cannot be an endpoint.
    Certain,
    /// Callers are refused at this port.
    Refused(Vec<Evidence>),
    /// Calls to the Service fail, by whatever cause.
    Failing(Vec<Evidence>),
    /// Nobody says so, but the Service was edited right before the trouble began.
    Edited,
}

impl Trouble {
    fn of(
        facts: &Facts<'_>,
        service: &Service,
        port: &ServicePort,
        number: i32,
        behind: &[&Pod],
        all: &[Complaint<'_>],
    ) -> Option<Self> {
        let refused = refused(facts, service, port, number, all);
        // Where a container says nothing, it may be the one that listens.
        let silent = |pod: &&Pod| pod.spec.containers.iter().any(|one| one.ports.is_empty());
        let undeclared = behind.iter().any(|pod| declared(pod).next().is_none());
        if !refused.is_empty() {
            // Of pods that declare nothing at all, the probe may still tell where they listen.
            let known = !undeclared
                || behind
                    .iter()
                    .all(|pod| probe_passes_elsewhere(pod, &Asked::Number(number)));
            return known.then_some(Self::Refused(refused));
        }
        let reached = |other: &&ServicePort| behind.iter().any(|pod| container_port(other, pod).is_ok());
        if behind.iter().any(silent)
            || service
                .spec
                .ports
                .iter()
                .filter(|other| **other != *port)
                .any(|other| reached(&other))
        {
            return None;
        }
        let failing = failing(facts, service);
        if !failing.is_empty() {
            return Some(Self::Failing(failing));
        }
        let edit = recent_change::before_trouble(facts, &service.entity(), None, |_| true)?;
        let made = service.metadata.creation_timestamp;
        let edited = made.is_none_or(|made| edit.time.duration_since(made) > SKEW);
        let began = facts.case.began?;
        (edited && began.duration_since(edit.time) <= SOON).then_some(Self::Edited)
    }

    fn weight(&self) -> f64 {
        match self {
            Self::Certain => 3.5,
            Self::Refused(_) => 2.3,
            Self::Failing(_) => 1.2,
            Self::Edited => 1.0,
        }
    }
}

/// Complaints of callers that were refused at this port of the Service, or at the port that it leads to.
fn refused(
    facts: &Facts<'_>,
    service: &Service,
    port: &ServicePort,
    number: i32,
    all: &[Complaint<'_>],
) -> Vec<Evidence> {
    let entity = service.entity();
    let unit = facts.unit_of(&entity);
    let asked = |host: &str| {
        host.strip_prefix(host_of(host))
            .and_then(|rest| rest.strip_prefix(':'))
            .and_then(|port| port.parse::<i32>().ok())
    };
    let same_port = |complaint: &Complaint<'_>| {
        let asked = complaint.host.as_deref().and_then(asked);
        asked.is_none_or(|asked| asked == port.port || asked == number)
    };
    all.iter()
        .filter(|complaint| complaint.kind == Indicator::ConnectionRefused)
        .filter(|complaint| match &complaint.target {
            Target::Known(target) => *target == entity || *target == unit,
            _ => false,
        })
        .filter(|complaint| same_port(complaint))
        .flat_map(|complaint| complaint.evidence(facts))
        .collect()
}

/// Endpoints of the Service that are not ready, and metrics that say that calls to it fail.
fn failing(facts: &Facts<'_>, service: &Service) -> Vec<Evidence> {
    let entity = service.entity();
    let unit = facts.unit_of(&entity);
    let slices = facts.case.objects.endpoint_slices.iter().filter(|slice| {
        slice.metadata.ns() == service.metadata.ns()
            && slice.service() == Some(&service.metadata.name)
            && slice.endpoints.iter().any(|endpoint| !endpoint.is_ready())
    });
    let concerned = |one: &EntityRef| {
        let one = facts.unit_of(one);
        one == unit
            || facts
                .case
                .calls
                .iter()
                .any(|call| facts.unit_of(&call.callee) == unit && facts.unit_of(&call.caller) == one)
    };
    let signals = facts.case.signals.iter().filter(|signal| {
        signal.harmful
            && signal.score >= NOTABLE
            && matches!(signal.measure, Measure::Errors | Measure::Availability)
            && concerned(&signal.entity)
    });
    slices
        .map(|slice| facts.object(slice, None, "has endpoints that are not ready"))
        .chain(signals.take(4).map(degradation::evidence))
        .collect()
}

/// Ports that the containers of a pod declare; sidecars among the init containers serve, too.
fn declared(pod: &Pod) -> impl Iterator<Item = &claw_k8s::model::ContainerPort> {
    let sidecars = pod
        .spec
        .init_containers
        .iter()
        .filter(|one| one.restart_policy == "Always");
    let all = pod.spec.containers.iter().chain(sidecars);
    all.flat_map(|container| &container.ports)
}

/// Ports on which a pod listens, as far as it tells: those that it declares, and those at which its probes pass.
fn listens(pod: &Pod) -> Vec<String> {
    let mut told: Vec<(i32, String)> = declared(pod)
        .map(|port| (port.container_port, port.name.clone()))
        .collect();
    for number in passing_probes(pod) {
        if told.iter().all(|(known, _)| *known != number) {
            told.push((number, String::new()));
        }
    }
    told.into_iter()
        .map(|(number, name)| {
            if name.is_empty() {
                number.to_string()
            } else {
                format!("{number} ({name})")
            }
        })
        .collect()
}

/// The only port on which a pod is known to listen.
fn only_port(pod: &Pod) -> Option<i32> {
    let mut ports: Vec<i32> = declared(pod).map(|port| port.container_port).collect();
    ports.extend(passing_probes(pod));
    ports.sort_unstable();
    ports.dedup();
    match ports.as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

/// Ports that the readiness probes of a ready pod ask.
fn passing_probes(pod: &Pod) -> Vec<i32> {
    if !pod.is_ready() {
        return Vec::new();
    }
    pod.spec.containers.iter().filter_map(probe_port).collect()
}

/// The port that a container's readiness probe asks, by number.
fn probe_port(container: &Container) -> Option<i32> {
    let probe = container.readiness_probe.as_ref()?;
    let asked = match (&probe.http_get, &probe.tcp_socket, &probe.grpc) {
        (Some(get), _, _) => &get.port,
        (_, Some(socket), _) => &socket.port,
        (_, _, Some(grpc)) => return Some(grpc.port),
        _ => return None,
    };
    match asked {
        IntOrString::Int(number) => i32::try_from(*number).ok(),
        IntOrString::String(name) => container
            .ports
            .iter()
            .find(|port| port.name == *name)
            .map(|port| port.container_port),
        _ => None,
    }
}

/// Whether the probes of a ready pod ask other ports than the Service does.
fn probe_passes_elsewhere(pod: &Pod, target: &Asked) -> bool {
    let probes = passing_probes(pod);
    !probes.is_empty()
        && match target {
            Asked::Number(number) => !probes.contains(number),
            Asked::Name(_) => true,
        }
}

#[cfg(test)]
mod tests;
