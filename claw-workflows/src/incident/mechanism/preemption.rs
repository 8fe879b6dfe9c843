//! Pods are removed to make room for others of a higher priority.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_k8s::model::{Event, Object, Pod};

use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::Facts;
use crate::incident::witness;

/// Pre-emption: what came with a higher priority is at fault for what was removed, where the latter has no other place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Preemption;

impl Mechanism for Preemption {
    fn id(&self) -> &'static str {
        "preemption"
    }

    fn area(&self) -> Area {
        Area::Scheduling
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut by: BTreeMap<Option<EntityRef>, Vec<(EntityRef, &Event)>> = BTreeMap::new();
        let events = facts.case.objects.events.iter();
        for event in events.filter(|event| event.reason == "Preempted") {
            let Some(victim) = owner(facts, &event.about()) else {
                continue;
            };
            // It found another place.
            let short = facts
                .workload(&victim)
                .is_none_or(|workload| workload.desired().is_some_and(|wanted| workload.ready() < wanted));
            let culprit = preemptor(facts, &event.message).map(|pod| facts.workload_of(pod));
            if short && culprit.as_ref() != Some(&victim) {
                by.entry(culprit).or_default().push((victim, event));
            }
        }
        by.into_iter()
            .filter_map(|(culprit, victims)| candidate(facts, culprit, &victims))
            .collect()
    }
}

/// The pod that took the place: `Preempted by pod <uid> on node n`, in older clusters `Preempted by ns/name on node n`.
fn preemptor<'a>(facts: &Facts<'a>, message: &str) -> Option<&'a Pod> {
    let (_, rest) = message.split_once("reempted by ")?;
    let mut words = rest
        .split_whitespace()
        .filter(|word| !matches!(*word, "a" | "pod"));
    let name = words.next()?.trim_end_matches([',', '.']);
    facts.pods().find(|pod| {
        pod.metadata.uid == name
            || name
                .split_once('/')
                .is_some_and(|(ns, name)| pod.metadata.ns() == ns && pod.metadata.name == name)
    })
}

/// What a pod belongs to that may be gone: its name is its owner's with one or two parts more.
fn owner(facts: &Facts<'_>, pod: &EntityRef) -> Option<EntityRef> {
    if let Some(known) = facts.pod(pod) {
        return Some(facts.workload_of(known));
    }
    let one = pod.name.rsplit_once('-').map(|(rest, _)| rest)?;
    let two = one.rsplit_once('-').map(|(rest, _)| rest);
    facts
        .top_workloads()
        .find(|workload| {
            let name = workload.metadata.name.as_str();
            workload.metadata.namespace == pod.namespace && (name == one || Some(name) == two)
        })
        .map(Object::entity)
}

fn candidate(
    facts: &Facts<'_>,
    culprit: Option<EntityRef>,
    victims: &[(EntityRef, &Event)],
) -> Option<Candidate> {
    let since = victims.iter().filter_map(|(_, event)| event.first_seen()).min();
    let hurt: BTreeSet<&EntityRef> = victims.iter().map(|(victim, _)| victim).collect();
    let names: Vec<String> = hurt.iter().take(4).map(ToString::to_string).collect();
    let names = names.join(", ");
    let seen = witness::of_events(facts, victims.iter().map(|(_, event)| *event));
    let first = (*hurt.first()?).clone();
    let known = culprit.is_some();
    let entity = culprit.unwrap_or_else(|| first.clone());
    let priority = facts.workload(&entity).map(|workload| &workload.template().spec);
    let class = priority
        .map(|spec| spec.priority_class_name.as_str())
        .filter(|class| !class.is_empty() && known)
        .map(|class| format!(" (priority class {class})"))
        .unwrap_or_default();
    let mut candidate = Candidate::new(
        "preemption",
        entity.clone(),
        if known {
            format!("pods of {entity}{class} took the place of pods of {names}, which have a lower priority")
        } else {
            format!("pods of {names} had to make room for pods of a higher priority")
        },
    )
    .clue(
        "scheduler removed pods for others",
        if known { 3.8 } else { 2.5 },
        seen,
    )
    .since(since)
    .hurting(hurt.iter().map(|victim| (*victim).clone()));
    if known {
        if let Some(change) = facts
            .change_before(&entity, since, |_| true)
            .filter(|change| change.time >= facts.case.window.start)
        {
            candidate = candidate
                .clue(
                    "it was rolled out or scaled before",
                    1.0,
                    vec![facts.change_evidence(change)],
                )
                .brought_by(Some(&change.reference));
        }
    } else {
        candidate = candidate.unseen("the pod that took the place");
    }
    Some(candidate.advise(
        Advice::new(
            format!("Add nodes, or give {first} a priority that it keeps its place with"),
            "There is not room for both, and the scheduler decides by priority",
        )
        .command("kubectl get priorityclasses; kubectl get pods -A -o custom-columns=NS:.metadata.namespace,NAME:.metadata.name,PRIORITY:.spec.priority"),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Preemption;
    use crate::incident::candidate::Candidate;
    use crate::incident::testing::{case, event, object, of};

    fn found(message: &str, ready: i32) -> Vec<Candidate> {
        let mut case = case();
        case.objects.workloads.push(object(
            "reports",
            json!({"kind": "Deployment", "spec": {"replicas": 2}, "status": {"readyReplicas": ready}}),
        ));
        case.objects.pods.push(object(
            "train-0",
            json!({"metadata": {"uid": "7d1c", "ownerReferences": [{"kind": "StatefulSet", "name": "train", "controller": true}]}}),
        ));
        event(
            &mut case,
            "Pod",
            "reports-6c4b8d-x2x4z",
            "Preempted",
            message,
            -60,
        );
        of(&Preemption, &case)
    }

    #[test]
    fn who_took_the_place_is_at_fault_while_the_other_has_none() {
        for message in [
            "Preempted by pod 7d1c on node n1",
            "Preempted by shop/train-0 on node n1",
        ] {
            let taken = found(message, 0);
            assert_eq!(taken[0].entity.to_string(), "StatefulSet shop/train", "{message}");
            assert_eq!(taken[0].hurts[0].name, "reports");
        }
        let unknown = found("Preempted by a pod on node n1", 1);
        assert_eq!(unknown[0].entity.name, "reports");
        assert!(unknown[0].own_score() < 3.0);
        assert!(found("Preempted by pod 7d1c on node n1", 2).is_empty());
    }
}
