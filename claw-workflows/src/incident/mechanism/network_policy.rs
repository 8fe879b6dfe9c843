//! A NetworkPolicy lets nobody through who should come through.

use claw_core::entity::EntityRef;
use claw_k8s::model::{NetworkPolicy, Object, Pod, Workload};
use claw_k8s::world::{Direction, Traffic, traffic};

use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::case::Call;
use crate::incident::facts::Facts;

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
        facts
            .case
            .calls
            .iter()
            .flat_map(|call| blocked(facts, call))
            .collect()
    }
}

/// Workloads at an end of a call: the entity itself, or what a Service selects.
fn ends<'a>(facts: &Facts<'a>, entity: &EntityRef) -> Vec<&'a Workload> {
    if let Some(workload) = facts.workload(entity) {
        return vec![workload];
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
            .collect(),
        _ => Vec::new(),
    }
}

fn blocked(facts: &Facts<'_>, call: &Call) -> Vec<Candidate> {
    let mut found = Vec::new();
    for caller in ends(facts, &call.caller) {
        for callee in ends(facts, &call.callee) {
            if let Some((direction, by)) = denied(facts, caller, callee) {
                let policies: Vec<&NetworkPolicy> = facts
                    .case
                    .objects
                    .network_policies
                    .iter()
                    .filter(|policy| by.contains(&policy.entity()))
                    .collect();
                found.extend(candidate(facts, &policies, direction, caller, callee));
            }
        }
    }
    found
}

/// Which policies keep `caller` from every port that `callee` declares. Pods of a workload are alike for policies.
fn denied(facts: &Facts<'_>, caller: &Workload, callee: &Workload) -> Option<(Direction, Vec<EntityRef>)> {
    let pod = |workload: &Workload| -> Pod {
        let template = workload.template();
        let mut metadata = template.metadata.clone();
        metadata.namespace = workload.metadata.namespace.clone();
        Pod {
            metadata,
            spec: template.spec.clone(),
            ..Pod::default()
        }
    };
    let (from, to) = (pod(caller), pod(callee));
    let objects = &facts.case.objects;
    let mut verdict = None;
    for port in to.spec.containers.iter().flat_map(|container| &container.ports) {
        match traffic(
            &objects.network_policies,
            &objects.namespaces,
            &from,
            &to,
            port.container_port,
            &port.protocol,
        ) {
            Traffic::Denied { direction, by } => verdict = Some((direction, by)),
            _ => return None,
        }
    }
    verdict
}

fn candidate(
    facts: &Facts<'_>,
    policies: &[&NetworkPolicy],
    direction: Direction,
    caller: &Workload,
    callee: &Workload,
) -> Option<Candidate> {
    // Several policies add up; the newest one is the one that somebody thought of last.
    let edited = |policy: &NetworkPolicy| {
        policy
            .metadata
            .last_edit()
            .and_then(|edit| edit.time)
            .or(policy.metadata.creation_timestamp)
    };
    let policy = policies.iter().max_by_key(|policy| edited(policy))?;
    let entity = policy.entity();
    let since = edited(policy);
    let (from, to) = (caller.entity(), callee.entity());
    let way = match direction {
        Direction::Egress => "lets nothing out to",
        _ => "lets nothing in from",
    };
    let (this, other) = match direction {
        Direction::Egress => (&from, &to),
        _ => (&to, &from),
    };
    let mut candidate = Candidate::new(
        "network_policy",
        entity.clone(),
        format!("{entity} {way} {other}, so {from} cannot reach {to}"),
    )
    .clue(
        "policy allows nothing that covers the call",
        1.8,
        vec![facts.object(*policy, since, format!("selects {this} and {way} {other}"))],
    )
    .hurting([from.clone()])
    .since(since);
    let complaint = facts
        .pods_of(&from)
        .iter()
        .flat_map(|pod| facts.logs_of(&pod.entity()))
        .flat_map(|digest| digest.patterns.iter().map(move |pattern| (digest, pattern)))
        .find(|(_, pattern)| {
            pattern.is_timeout_towards(&callee.metadata.name) || pattern.names_service_of(facts, callee)
        });
    match complaint {
        Some((digest, pattern)) => {
            candidate = candidate.clue(
                "caller logs that it gets no answer",
                1.5,
                vec![facts.log_evidence(digest, pattern)],
            );
        }
        None => candidate = candidate.unseen(format!("whether calls from {from} to {to} fail")),
    }
    if let Some(change) = facts.change_before(&entity, None, |_| true) {
        candidate = candidate
            .clue("policy was changed", 1.0, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
    }
    Some(
        candidate.advise(
            Advice::new(
                format!("Allow the way from {from} to {to} in {entity}"),
                "Policies drop packets without an answer, so callers see timeouts",
            )
            .command(format!(
                "kubectl -n {} edit networkpolicy {}",
                policy.metadata.ns(),
                policy.metadata.name
            )),
        ),
    )
}
