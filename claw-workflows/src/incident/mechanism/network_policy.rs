//! A NetworkPolicy lets nobody through who should come through.

use std::collections::BTreeSet;
use std::net::IpAddr;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Container, ContainerPort, IntOrString, NetworkPolicy, Object, Pod, Workload};
use claw_k8s::world::{Direction, Traffic, traffic, traffic_out};
use claw_metrics::logs::indicators::Indicator;

use super::{Area, Mechanism, dns_unavailable, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Complaint, Target};
use crate::incident::facts::Facts;
use crate::incident::logs::host_of;

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
    if let Some(end) = End::of(facts, entity) {
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
        None => candidate.unseen(format!("whether calls from {from} to {to} fail")),
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::NetworkPolicyBlocks;
    use crate::incident::case::Case;
    use crate::incident::testing::of;

    /// `web` calls `cart`, whose container declares no port, under these rules for all of the namespace.
    fn case(spec: &Value) -> Case {
        fixture::case(json!({
            "workloads": [
                fixture::workload("shop", "web", json!([{"name": "app"}])),
                fixture::workload("shop", "cart", json!([{"name": "app"}])),
            ],
            "pods": [fixture::pod("shop", "web", json!([{"name": "app"}]))],
            "services": [fixture::service("shop", "cart", json!({"port": 80, "targetPort": 8080}))],
            "network_policies": [{"metadata": {"name": "strict", "namespace": "shop"}, "spec": spec}],
        }))
    }

    fn causes(case: &Case) -> Vec<String> {
        of(&NetworkPolicyBlocks, case)
            .into_iter()
            .map(|found| found.cause)
            .collect()
    }

    #[test]
    fn ports_that_nobody_declares_are_those_of_the_service() {
        let only = |port: i32| json!({"podSelector": {}, "ingress": [{"ports": [{"port": port}]}]});
        let blocked = |port| {
            let mut case = case(&only(port));
            fixture::call(&mut case, "web", "cart");
            causes(&case)
        };
        assert_eq!(
            blocked(9090),
            [
                "NetworkPolicy shop/strict lets nothing in from Deployment shop/web, so Deployment shop/web cannot reach Deployment shop/cart"
            ]
        );
        assert_eq!(blocked(8080), [""; 0]);
    }

    #[test]
    fn a_timeout_in_the_logs_tells_of_a_call() {
        let mut case = case(&json!({"podSelector": {"matchLabels": {"app": "cart"}}}));
        assert_eq!(causes(&case), [""; 0]);
        fixture::log(&mut case, "web-7d9f8b6c5-x1", "dial tcp cart:80: i/o timeout");
        let found = of(&NetworkPolicyBlocks, &case);
        assert_eq!(found.len(), 1);
        assert_eq!(
            fixture::clue(&found[0], "caller logs that it gets no answer"),
            Some(1.5)
        );
    }

    #[test]
    fn who_may_not_ask_for_names_resolves_none() {
        let lookup = "dial tcp: lookup cart on 10.96.0.10:53: read udp 10.1.0.9:5353: i/o timeout";
        let dns = json!({
            "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
            "ports": [{"port": 53, "protocol": "UDP"}],
        });
        let inside = json!({"to": [{"podSelector": {}}]});
        for (egress, blocked) in [
            (json!([inside]), true),
            (json!([inside, dns]), false),
            (json!([{}]), false),
            // Whether a range of addresses holds the server is not known.
            (json!([{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]), false),
        ] {
            let spec = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": egress});
            let mut case = case(&spec);
            fixture::log(&mut case, "web-7d9f8b6c5-x1", lookup);
            let found = causes(&case);
            assert_eq!(
                found.iter().any(|cause| cause.contains("the cluster's DNS")),
                blocked,
                "{spec}: {found:?}"
            );
        }
    }

    #[test]
    fn a_pod_that_nobody_owns_is_held_to_policies_as_well() {
        let spec = json!({"podSelector": {}, "policyTypes": ["Egress"]});
        let mut case = case(&spec);
        let mut pod = fixture::pod("shop", "client", json!([{"name": "app"}]));
        pod["metadata"]["name"] = json!("client");
        pod["metadata"]["ownerReferences"] = json!([]);
        case.objects.pods.push(serde_json::from_value(pod).unwrap());
        fixture::log(
            &mut case,
            "client",
            "Failed to resolve 'cart' ([Errno -3] Try again)",
        );
        let found = causes(&case);
        assert!(
            found
                .iter()
                .any(|cause| cause.contains("so Pod shop/client cannot reach")),
            "{found:?}"
        );
    }

    #[test]
    fn who_may_not_leave_the_cluster_reaches_no_host_outside() {
        let line = "Post https://api.pay.example.com:443/charge: context deadline exceeded";
        for (egress, blocked) in [
            (json!([{"to": [{"namespaceSelector": {}}]}]), true),
            (json!([{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]), false),
            (json!([{}]), false),
            (json!([{"ports": [{"port": 80}]}]), true),
        ] {
            let spec = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": egress});
            let mut case = case(&spec);
            fixture::log(&mut case, "web-7d9f8b6c5-x1", line);
            let found = causes(&case);
            assert_eq!(!found.is_empty(), blocked, "{spec}: {found:?}");
        }
    }

    #[test]
    fn a_policy_that_stood_for_months_is_doubted() {
        let weight = |made: &str| {
            let mut case = case(&json!({"podSelector": {"matchLabels": {"app": "cart"}}}));
            let policy = &mut case.objects.network_policies[0].metadata;
            policy.creation_timestamp = Some(made.parse().unwrap());
            policy.generation = Some(1);
            fixture::log(&mut case, "web-7d9f8b6c5-x1", "dial tcp cart:80: i/o timeout");
            fixture::clue(&of(&NetworkPolicyBlocks, &case)[0], "was like this long before")
        };
        assert_eq!(weight("2026-05-01T09:30:00Z"), None);
        assert_eq!(weight("2025-12-01T09:30:00Z"), Some(-1.5));
    }

    #[test]
    fn a_port_that_nobody_names_is_not_guessed() {
        let blocked = |line: &str, egress: serde_json::Value| {
            let spec = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": egress});
            let mut case = case(&spec);
            fixture::log(&mut case, "web-7d9f8b6c5-x1", line);
            !causes(&case).is_empty()
        };
        let bare = "connection to api.pay.example.com timed out";
        let mail = json!([{"ports": [{"port": 587}]}]);
        assert!(!blocked(bare, mail.clone()));
        assert!(blocked(bare, json!([])));
        assert!(blocked(
            bare,
            json!([{"to": [{"podSelector": {}}], "ports": [{"port": 587}]}])
        ));
        // The scheme tells.
        let url = "Post \"https://api.pay.example.com/charge\": context deadline exceeded";
        assert!(blocked(url, mail));
        assert!(!blocked(url, json!([{"ports": [{"port": 443}]}])));
    }
}
