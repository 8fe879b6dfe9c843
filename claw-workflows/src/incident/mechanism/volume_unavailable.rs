//! A volume cannot be had.

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, PersistentVolumeClaim, Pod};

use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};

/// A claim that stays unbound or does not exist, or a volume that cannot be attached or mounted.
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
            .chain(pods.flat_map(|pod| absent_claims(facts, pod).into_iter().chain(attach(facts, pod))))
            .collect()
    }
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
        event.is_warning() || event.reason == "FailedBinding"
    });
    let waits_for_consumer = facts
        .event(&entity, |event| event.reason == "WaitForFirstConsumer")
        .is_some()
        && event.is_none();
    if waits_for_consumer || (users.is_empty() && event.is_none()) {
        return None;
    }
    let (why, advice) = why_unbound(facts, claim);
    let since = claim.metadata.creation_timestamp;
    let mut seen = vec![facts.object(claim, since, format!("is {}", claim.status.phase))];
    seen.extend(event.map(|event| facts.event_evidence(event)));
    let mut candidate = Candidate::new(
        "volume_unavailable",
        entity.clone(),
        format!("{entity} is not bound: {why}"),
    )
    .clue("claim is not bound", 3.5, seen)
    .since(since)
    .advise(advice);
    let waiting: Vec<_> = users.into_iter().filter(|pod| !pod.is_ready()).collect();
    if let Some(pod) = waiting.first() {
        let statement = "waits for the claim".to_owned();
        candidate = candidate
            .clue(
                "pods wait for it",
                1.0,
                vec![facts.object(*pod, pod.metadata.creation_timestamp, statement)],
            )
            .hurting(waiting.iter().map(|pod| pod.entity()));
    }
    if let Some(change) = facts.change_before(&entity, None, |_| true) {
        candidate = candidate.brought_by(Some(&change.reference)).clue(
            "claim was changed",
            0.5,
            vec![facts.change_evidence(change)],
        );
    }
    Some(candidate)
}

fn why_unbound(facts: &Facts<'_>, claim: &PersistentVolumeClaim) -> (String, Advice) {
    let objects = &facts.case.objects;
    let ns = claim.metadata.ns();
    if claim.status.phase == "Lost" {
        return (
            format!(
                "the volume {} that it was bound to is gone",
                claim.spec.volume_name
            ),
            Advice::new(
                "Restore the volume, or bind the claim to another one",
                "The data was on the lost volume",
            )
            .irreversible(),
        );
    }
    let classes_known = !objects.storage_classes.is_empty();
    match claim.spec.storage_class_name.as_deref() {
        Some(class)
            if !class.is_empty()
                && classes_known
                && !objects.storage_classes.iter().any(|c| c.metadata.name == class) =>
        {
            (
                format!("storage class {class} does not exist"),
                Advice::new(
                    format!("Use a storage class that exists, or create {class}"),
                    "A claim's class cannot be changed: delete the claim and make it anew",
                )
                .command(format!(
                    "kubectl get storageclass; kubectl -n {ns} delete pvc {}",
                    claim.metadata.name
                ))
                .irreversible(),
            )
        }
        None if classes_known
            && !objects
                .storage_classes
                .iter()
                .any(claw_k8s::model::StorageClass::is_default) =>
        {
            (
                "it names no storage class and none is the default".to_owned(),
                Advice::new(
                    "Name a storage class in the claim, or mark one as default",
                    "Nothing provisions a volume without one",
                ),
            )
        }
        _ => {
            let event = facts.event(&claim.entity(), |event| {
                event.is_warning() || event.reason == "FailedBinding"
            });
            let said = event.map_or_else(
                || "nobody provisions it".to_owned(),
                |event| clip(&event.message, 200),
            );
            (
                said,
                Advice::new(
                    "Check the provisioner and the volumes on offer",
                    "A claim binds when a volume of its class, size and access mode is there",
                )
                .command(format!(
                    "kubectl -n {ns} describe pvc {}; kubectl get pv",
                    claim.metadata.name
                )),
            )
        }
    }
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

/// A volume that is bound and cannot be attached or mounted.
fn attach(facts: &Facts<'_>, pod: &Pod) -> Option<Candidate> {
    let event = facts.event(&pod.entity(), |event| {
        matches!(event.reason.as_str(), "FailedAttachVolume" | "FailedMount" | "FailedMapVolume")
            && !event.message.contains("configmap \"")
            && !event.message.contains("secret \"")
            && !event.message.contains(super::config_missing::NO_SUCH_KEY)
            // The summary that follows any failed mount says nothing of its own.
            && !event.message.contains("timed out waiting for the condition")
            && !event.message.starts_with("Unable to attach or mount volumes")
    })?;
    let workload = facts.workload_of(pod);
    let text = event.message.to_lowercase();
    let (why, advice) = if text.contains("multi-attach") {
        (
            "it is attached to another node, and its access mode allows one",
            Advice::new(
                "Let the old pod go before the new one starts (strategy Recreate), or free the volume from its old node",
                "A ReadWriteOnce volume serves one node at a time",
            ),
        )
    } else if text.contains("permission denied") || text.contains("access denied") {
        (
            "access to it is denied",
            Advice::new(
                "Check fsGroup, export rules and credentials of the volume",
                "The node reaches the storage and is refused",
            ),
        )
    } else if text.contains("no such file") || text.contains("does not exist") || text.contains("not found") {
        (
            "what it refers to does not exist",
            Advice::new(
                "Check the path or volume handle",
                "The node looks for something that is not there",
            ),
        )
    } else {
        (
            "the node reports an error",
            Advice::new(
                "Check the storage driver on the node",
                "The kubelet cannot attach or mount the volume",
            ),
        )
    };
    Some(
        Candidate::new(
            "volume_unavailable",
            workload.clone(),
            format!("a volume of {workload} cannot be used: {why}"),
        )
        .aspect(why)
        .clue(
            "kubelet cannot use the volume",
            4.0,
            vec![facts.event_evidence(event)],
        )
        .since(event.first_seen())
        .hurting([pod.entity()])
        .advise(advice),
    )
}
