//! A volume cannot be had.

mod supply;
mod why;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, PersistentVolumeClaim, Pod};

use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::Facts;
use crate::incident::witness;
use why::Why;

/// A claim that stays unbound or does not exist. [`super::volume_mount_failed`] speaks for volumes that are there and cannot
/// be attached or mounted.
#[derive(Clone, Copy, Debug)]
pub(super) struct VolumeUnavailable;

impl Mechanism for VolumeUnavailable {
    fn id(&self) -> &'static str {
        "volume_unavailable"
    }

    fn area(&self) -> Area {
        Area::PodStart
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let unbound = facts
            .case
            .objects
            .claims
            .iter()
            .filter(|claim| matches!(claim.status.phase.as_str(), "Pending" | "Lost"))
            .filter_map(|claim| unbound(facts, claim));
        let pods = facts.pods().filter(|pod| !pod.is_finished() && !pod.is_ready());
        unbound
            .chain(pods.flat_map(|pod| absent_claims(facts, pod)))
            .collect()
    }
}

/// Who makes the volumes of claims that wait, each with the claim.
pub(in crate::incident) fn makers(facts: &Facts<'_>) -> Vec<(EntityRef, EntityRef)> {
    let objects = &facts.case.objects;
    let waiting = objects
        .claims
        .iter()
        .filter(|claim| claim.status.phase == "Pending");
    waiting
        .filter_map(|claim| {
            let name = claim.spec.storage_class_name.as_ref()?;
            let class = objects
                .storage_classes
                .iter()
                .find(|class| class.metadata.name == *name)?;
            let maker = facts.top_workloads().find(|workload| {
                !class.provisioner.is_empty() && why::provisions(workload, &class.provisioner)
            })?;
            Some((maker.entity(), claim.entity()))
        })
        .collect()
}

/// Pods that use a claim.
fn users<'a>(facts: &Facts<'a>, namespace: &str, claim: &str) -> Vec<&'a Pod> {
    facts
        .pods()
        .filter(|pod| pod.metadata.ns() == namespace && !pod.is_finished())
        .filter(|pod| {
            pod.spec
                .volumes
                .iter()
                .filter_map(|v| v.persistent_volume_claim.as_ref())
                .any(|v| v.claim_name == claim)
        })
        .collect()
}

fn unbound(facts: &Facts<'_>, claim: &PersistentVolumeClaim) -> Option<Candidate> {
    let entity = claim.entity();
    let users = users(facts, claim.metadata.ns(), &claim.metadata.name);
    let event = facts.event(&entity, |event| {
        event.is_warning() || matches!(event.reason.as_str(), "FailedBinding" | "ExternalProvisioning")
    });
    let waits_for_consumer = facts
        .event(&entity, |event| event.reason == "WaitForFirstConsumer")
        .is_some()
        && event.is_none();
    if waits_for_consumer || (users.is_empty() && event.is_none()) {
        return None;
    }
    let why = Why::of(facts, claim);
    let since = claim.metadata.creation_timestamp;
    let mut seen = vec![facts.object(claim, since, format!("is {}", claim.status.phase))];
    let told = facts
        .events_of(&entity)
        .iter()
        .rev()
        .filter(|event| why::tells(event));
    seen.extend(told.take(3).map(|event| facts.event_evidence(event)));
    let mut candidate = Candidate::new(
        "volume_unavailable",
        entity.clone(),
        format!("{entity} is not bound: {}", why.words()),
    )
    .clue("claim is not bound", 3.5, seen)
    .since(since)
    .derived(why.derived())
    .advise(why.advice(claim));
    if let Why::ProvisionerDown { workload, .. } = &why
        && let Some(found) = facts.workload(workload)
    {
        let statement = format!("{} of its pods are ready", found.ready());
        candidate = candidate.clue(
            "its provisioner is down",
            0.5,
            vec![facts.object(found, None, statement)],
        );
        candidate.entity = workload.clone();
        candidate.cause = format!("{workload}, which makes the volume of {entity}, is down");
        candidate = candidate.hurting([entity.clone()]);
    }
    let waiting: Vec<_> = users.into_iter().filter(|pod| !pod.is_ready()).collect();
    if !waiting.is_empty() {
        let witnesses = waiting.iter().map(|pod| {
            (
                *pod,
                pod.metadata.creation_timestamp,
                "waits for the claim".to_owned(),
            )
        });
        let seen = witness::of_pods(facts, witnesses, |event| event.reason == "FailedScheduling");
        candidate = candidate
            .clue("pods wait for it", 1.0, seen)
            .hurting(waiting.iter().map(|pod| pod.entity()));
    }
    let at_fault = candidate.entity.clone();
    if let Some(change) = recent_change::before_trouble(facts, &at_fault, None, |_| true) {
        candidate = candidate.brought_by(Some(&change.reference)).clue(
            "it was changed before",
            0.5,
            vec![facts.change_evidence(change)],
        );
    }
    Some(candidate)
}

/// Claims that a pod names and that do not exist.
fn absent_claims(facts: &Facts<'_>, pod: &Pod) -> Vec<Candidate> {
    let ns = pod.metadata.ns();
    let workload = facts.workload_of(pod);
    pod.spec
        .volumes
        .iter()
        .filter_map(|volume| volume.persistent_volume_claim.as_ref())
        .filter_map(|volume| {
            let name = &volume.claim_name;
            let exists = facts
                .case
                .objects
                .claims
                .iter()
                .any(|c| c.metadata.ns() == ns && c.metadata.name == *name);
            let quoted = format!("persistentvolumeclaim \"{name}\" not found");
            let event = facts.event(&pod.entity(), |event| event.message.contains(&quoted));
            let condition = pod
                .condition("PodScheduled")
                .filter(|condition| condition.message.contains(&quoted));
            if exists || (event.is_none() && condition.is_none()) {
                return None;
            }
            let claim = EntityRef::namespaced("PersistentVolumeClaim", ns, name);
            let mut seen = vec![facts.object(pod, pod.metadata.creation_timestamp, format!("needs {claim}"))];
            seen.extend(event.map(|event| facts.event_evidence(event)));
            Some(
                Candidate::new(
                    "volume_unavailable",
                    workload.clone(),
                    format!("{workload} needs {claim}, which does not exist"),
                )
                .aspect(claim.name.as_str())
                .clue("claim does not exist", 4.5, seen)
                .since(pod.metadata.creation_timestamp)
                .hurting([pod.entity()])
                .advise(Advice::new(
                    format!("Create {claim}, or name the one that is meant"),
                    "The pod is scheduled as soon as the claim is there",
                )),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
