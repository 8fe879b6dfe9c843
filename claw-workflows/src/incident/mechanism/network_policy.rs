//! A NetworkPolicy lets nobody through who should come through.

use std::collections::BTreeSet;
use std::net::IpAddr;

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{Container, ContainerPort, IntOrString, NetworkPolicy, Object, Pod, Workload};
use claw_k8s::world::{Direction, Traffic, traffic, traffic_out};
use claw_metrics::classify::Measure;
use claw_metrics::logs::indicators::Indicator;
use claw_metrics::signal::Signal;

use super::{Area, Mechanism, dns_unavailable, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Complaint, Target};
use crate::incident::degradation;
use crate::incident::facts::Facts;
use crate::incident::logs::host_of;

/// A signal below this many robust standard deviations does not show that calls fail.
const NOTABLE: f64 = 4.0;
/// Metrics that are named as evidence at most.
const MAX_MEASURED: usize = 4;

/// A policy selects one end of a known call and allows nothing that covers it.
#[derive(Clone, Copy, Debug)]
pub(super) struct NetworkPolicyBlocks;

impl Mechanism for NetworkPolicyBlocks {
    fn id(&self) -> &'static str {
        "network_policy"
    }

    fn area(&self) -> Area {
        Area::Traffic
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        if facts.case.objects.network_policies.is_empty() {
            return Vec::new();
        }
        let within = within(facts);
        let names = facts.complaints().iter().filter_map(|of| names(facts, of));
        let out = facts.complaints().iter().filter_map(|of| outside(facts, of));
        within
            .iter()
            .chain(&names.chain(out).collect::<Vec<_>>())
            .filter_map(|blocked| candidate(facts, blocked))
            .collect()
    }
}

/// What a policy may select: a workload by a pod of it, for they are alike for policies, or a pod that nobody owns.
struct End {
    entity: EntityRef,
    pod: Pod,
}

impl End {
    fn of_workload(workload: &Workload) -> Self {
        let template = workload.template();
        let mut metadata = template.metadata.clone();
        metadata.namespace.clone_from(&workload.metadata.namespace);
        Self {
            entity: workload.entity(),
            pod: Pod {
                metadata,
                spec: template.spec.clone(),
                ..Pod::default()
            },
        }
    }

    fn of(facts: &Facts<'_>, unit: &EntityRef) -> Option<Self> {
        let workload = facts.workload(unit).map(Self::of_workload);
        workload.or_else(|| {
            let pod = facts.pod(unit)?.clone();
            Some(Self {
                entity: unit.clone(),
                pod,
            })
        })
    }
}

/// A connection that is made and that no policy allows.
struct Blocked<'f, 'a> {
    caller: EntityRef,
    /// The other end: a workload, the cluster's DNS, a host outside.
    to: EntityRef,
    /// What to call it in a sentence.
    called: String,
    direction: Direction,
    by: Vec<EntityRef>,
    complaint: Option<&'f Complaint<'a>>,
}

/// Whether somebody says that connections are not made. Most networks drop what a policy forbids, some refuse it.
fn unconnected(complaint: &Complaint<'_>) -> bool {
    matches!(
        complaint.kind,
        Indicator::Timeout | Indicator::Unreachable | Indicator::ConnectionRefused
    )
}

/// Calls between workloads, as configured, measured, or complained of.
fn within<'f, 'a>(facts: &'f Facts<'a>) -> Vec<Blocked<'f, 'a>> {
    let known = facts.case.calls.iter().map(|call| (&call.caller, &call.callee));
    let told = facts
        .complaints()
        .iter()
        .filter(|complaint| unconnected(complaint))
        .filter_map(|complaint| match &complaint.target {
            Target::Known(callee) => Some((&complaint.workload, callee)),
            _ => None,
        });
    let mut found: Vec<Blocked<'f, 'a>> = Vec::new();
    let mut seen: BTreeSet<(EntityRef, EntityRef)> = BTreeSet::new();
    for (caller, callee) in known.chain(told) {
        for from in ends(facts, caller) {
            for to in ends(facts, callee) {
                if !seen.insert((from.entity.clone(), to.entity.clone())) {
                    continue;
                }
                if let Some((direction, by)) = denied(facts, &from, &to) {
                    let complaint = facts.complaints().iter().find(|complaint| {
                        unconnected(complaint)
                            && complaint.workload == from.entity
                            && complaint.target == Target::Known(to.entity.clone())
                    });
                    let called = to.entity.to_string();
                    found.push(Blocked {
                        caller: from.entity.clone(),
                        to: to.entity,
                        called,
                        direction,
                        by,
                        complaint,
                    });
                }
            }
        }
    }
    found
}

/// What is at an end of a call: the entity itself, or what a Service selects.
fn ends(facts: &Facts<'_>, entity: &EntityRef) -> Vec<End> {
    if let Some(end) = End::of(facts, &facts.unit_of(entity)) {
        return vec![end];
    }
    let Some(ns) = entity.namespace.as_deref() else {
        return Vec::new();
    };
    match facts.service(ns, &entity.name) {
        Some(service) if entity.kind == "Service" => facts
            .top_workloads()
            .filter(|workload| {
                workload.metadata.ns() == ns && service.selects(&workload.template().metadata.labels)
            })
            .map(End::of_workload)
            .collect(),
        _ => Vec::new(),
    }
}

/// Ports by number to which the Services of a pod lead.
fn service_ports(facts: &Facts<'_>, pod: &Pod) -> Vec<(i32, String)> {
    facts
        .services_selecting(pod.metadata.ns(), &pod.metadata.labels)
        .flat_map(|service| &service.spec.ports)
        .filter_map(|port| {
            let number = match &port.target_port {
                None => port.port,
                Some(IntOrString::Int(number)) => i32::try_from(*number).ok()?,
                Some(_) => return None,
            };
            Some((number, port.protocol.clone()))
        })
        .collect()
}

/// Which policies keep `caller` from every port of `callee`: those that its containers declare, otherwise those that its
/// Services lead to.
fn denied(facts: &Facts<'_>, caller: &End, callee: &End) -> Option<(Direction, Vec<EntityRef>)> {
    let (from, to) = (&caller.pod, &callee.pod);
    let declared = to.spec.containers.iter().flat_map(|container| &container.ports);
    let mut ports: Vec<(i32, String)> = declared
        .map(|port| (port.container_port, port.protocol.clone()))
        .collect();
    if ports.is_empty() {
        ports = service_ports(facts, to);
    }
    let objects = &facts.case.objects;
    let mut verdict = None;
    for (port, protocol) in ports {
        match traffic(
            &objects.network_policies,
            &objects.namespaces,
            from,
            to,
            port,
            &protocol,
        ) {
            Traffic::Denied { direction, by } => verdict = Some((direction, by)),
            _ => return None,
        }
    }
    verdict
}

/// Somebody who cannot resolve names, and may not ask for them.
fn names<'f, 'a>(facts: &'f Facts<'a>, complaint: &'f Complaint<'a>) -> Option<Blocked<'f, 'a>> {
    if !matches!(complaint.kind, Indicator::ResolverFailed | Indicator::UnknownHost) {
        return None;
    }
    let caller = End::of(facts, &complaint.workload)?;
    let (to, server) = dns_server(facts);
    let objects = &facts.case.objects;
    match traffic(
        &objects.network_policies,
        &objects.namespaces,
        &caller.pod,
        &server,
        53,
        "UDP",
    ) {
        Traffic::Denied { direction, by } => Some(Blocked {
            caller: caller.entity,
            to,
            called: "the cluster's DNS (UDP and TCP port 53)".to_owned(),
            direction,
            by,
            complaint: Some(complaint),
        }),
        _ => None,
    }
}

/// The cluster's DNS server: a pod of it where one was read, otherwise one as kubeadm and the managed services make it.
fn dns_server(facts: &Facts<'_>) -> (EntityRef, Pod) {
    let service = dns_unavailable::service();
    let pod = dns_unavailable::workload(facts).map(|workload| End::of_workload(workload).pod);
    let pod = pod.unwrap_or_else(|| {
        let mut pod = Pod::default();
        pod.metadata.namespace.clone_from(&service.namespace);
        pod.metadata
            .labels
            .insert("k8s-app".to_owned(), "kube-dns".to_owned());
        let port = |name: &str, protocol: &str| ContainerPort {
            name: name.to_owned(),
            container_port: 53,
            protocol: protocol.to_owned(),
            ..ContainerPort::default()
        };
        pod.spec.containers.push(Container {
            ports: vec![port("dns", "UDP"), port("dns-tcp", "TCP")],
            ..Container::default()
        });
        pod
    });
    (service, pod)
}

/// Somebody who gets no connection to a host outside, and may not go there.
fn outside<'f, 'a>(facts: &'f Facts<'a>, complaint: &'f Complaint<'a>) -> Option<Blocked<'f, 'a>> {
    let Target::External(to) = &complaint.target else {
        return None;
    };
    if !unconnected(complaint) {
        return None;
    }
    let caller = End::of(facts, &complaint.workload)?;
    let host = complaint.host.as_deref()?;
    let name = host_of(host);
    let port = host.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
    let ports = match port
        .and_then(|port| port.parse().ok())
        .or(of_scheme(complaint, name))
    {
        Some(port) => vec![port],
        None => named_ports(facts, caller.pod.metadata.ns()),
    };
    let address: Option<IpAddr> = name.parse().ok();
    let policies = &facts.case.objects.network_policies;
    let mut verdict = None;
    for port in ports {
        match traffic_out(policies, &caller.pod, address, port, "TCP") {
            Traffic::Denied { direction, by } => verdict = Some((direction, by)),
            _ => return None,
        }
    }
    let (direction, by) = verdict?;
    Some(Blocked {
        caller: caller.entity,
        to: to.clone(),
        called: format!("{host}, which is outside the cluster"),
        direction,
        by,
        complaint: Some(complaint),
    })
}

/// The port that the scheme stands for with which a log names the host.
fn of_scheme(complaint: &Complaint<'_>, name: &str) -> Option<i32> {
    let says = |scheme: &str| {
        let url = format!("{scheme}://{name}");
        let mut entries = complaint.entries.iter();
        entries.any(|(_, pattern)| pattern.sample.contains(&url))
    };
    match (says("https"), says("http")) {
        (true, _) => Some(443),
        (false, true) => Some(80),
        (false, false) => None,
    }
}

/// Where a log names no port: every one for which the policies of a namespace make a difference, and one that none of them
/// names. Who may use none of these gets out nowhere.
fn named_ports(facts: &Facts<'_>, namespace: &str) -> Vec<i32> {
    let policies = facts.case.objects.network_policies.iter();
    let named = policies
        .filter(|policy| policy.metadata.ns() == namespace)
        .flat_map(|policy| &policy.spec.egress)
        .flat_map(|rule| &rule.ports)
        .filter_map(|port| match &port.port {
            Some(IntOrString::Int(number)) => i32::try_from(*number).ok(),
            _ => None,
        });
    named.chain([443]).collect()
}

fn candidate(facts: &Facts<'_>, blocked: &Blocked<'_, '_>) -> Option<Candidate> {
    let policies = facts.case.objects.network_policies.iter();
    let policies = policies.filter(|policy| blocked.by.contains(&policy.entity()));
    // Several policies add up; the newest one is the one that somebody thought of last.
    let edited = |policy: &NetworkPolicy| {
        policy
            .metadata
            .last_edit()
            .and_then(|edit| edit.time)
            .or(policy.metadata.creation_timestamp)
    };
    let policy = policies.max_by_key(|policy| edited(policy))?;
    let entity = policy.entity();
    let since = edited(policy);
    let from = &blocked.caller;
    let (way, this, other) = match blocked.direction {
        Direction::Egress => ("lets nothing out to", from.to_string(), blocked.called.clone()),
        _ => ("lets nothing in from", blocked.to.to_string(), from.to_string()),
    };
    let to = &blocked.called;
    let mut candidate = Candidate::new(
        "network_policy",
        entity.clone(),
        format!("{entity} {way} {other}, so {from} cannot reach {to}"),
    )
    .aspect(blocked.to.to_string())
    .clue(
        "policy allows nothing that covers the call",
        1.8,
        vec![facts.object(policy, since, format!("selects {this} and {way} {other}"))],
    )
    .hurting([from.clone()])
    .since(since);
    candidate = match blocked.complaint {
        Some(complaint) => candidate.clue(
            "caller logs that it gets no answer",
            1.5,
            complaint.evidence(facts),
        ),
        None => match failing(facts, from, &blocked.to) {
            measured if measured.is_empty() => {
                candidate.unseen(format!("whether calls from {from} to {to} fail"))
            }
            measured => candidate.clue("measured calls to it fail", 1.5, measured),
        },
    };
    let trouble = blocked.complaint.and_then(Complaint::since);
    if let Some(change) = recent_change::before_trouble(facts, &entity, trouble, |_| true) {
        candidate = candidate
            .clue("policy was changed", 1.0, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
    }
    let advice = Advice::new(
        format!("Allow the way from {from} to {to} in {entity}"),
        "Policies drop packets without an answer, so callers see timeouts",
    );
    Some(
        recent_change::doubt_old(facts, &policy.metadata, candidate).advise(advice.command(format!(
            "kubectl -n {} edit networkpolicy {}",
            policy.metadata.ns(),
            policy.metadata.name
        ))),
    )
}

/// Metrics of calls from one unit to another that say that they fail.
fn failing(facts: &Facts<'_>, from: &EntityRef, to: &EntityRef) -> Vec<Evidence> {
    let of_call = |signal: &&Signal| {
        let peer = signal.peer.as_ref().map(|peer| facts.unit_of(peer));
        peer.as_ref() == Some(to) && facts.unit_of(&signal.entity) == *from
    };
    let signals = facts.case.signals.iter();
    signals
        .filter(|signal| signal.harmful && signal.score >= NOTABLE)
        .filter(|signal| matches!(signal.measure, Measure::Errors | Measure::Availability))
        .filter(of_call)
        .take(MAX_MEASURED)
        .map(degradation::evidence)
        .collect()
}

#[cfg(test)]
mod tests;
