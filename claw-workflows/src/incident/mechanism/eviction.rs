//! The kubelet evicts pods for what they wrote.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, Pod};
use claw_k8s::quantity::Memory;

use super::{Area, Mechanism, brought};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::ending::failed_recently;
use crate::incident::facts::{Facts, clip};
use crate::incident::witness;

/// A pod that used more of a node's disk than this when it was evicted is a reason why the disk was full.
const MUCH: f64 = 4.0 * 1024.0 * 1024.0 * 1024.0;
/// As is one that used this many times what it had asked for.
const BEYOND: f64 = 2.0;

/// Pods that wrote more than they may: over their own limit of ephemeral storage or of a scratch volume
/// (`ephemeral_storage_limit`), or so much that their node's disk was full (`ephemeral_storage_usage`). That a node is full
/// for whatever reason is said by [`super::node_unhealthy`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Eviction;

impl Mechanism for Eviction {
    fn id(&self) -> &'static str {
        "eviction"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &["ephemeral_storage_limit", "ephemeral_storage_usage"]
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut evicted: BTreeMap<(EntityRef, Reason), Vec<(&Pod, String)>> = BTreeMap::new();
        for pod in facts.pods().filter(|pod| failed_recently(facts, pod)) {
            let Some(message) = message(facts, pod) else {
                continue;
            };
            if let Some(reason) = Reason::of(&message) {
                let key = (facts.workload_of(pod), reason);
                evicted.entry(key).or_default().push((pod, message));
            }
        }
        // Pods that are gone leave their event for a while.
        for event in &facts.case.objects.events {
            let about = event.about();
            let gone = about.kind == "Pod" && event.reason == "Evicted" && facts.pod(&about).is_none();
            let recent = event
                .last_seen()
                .is_none_or(|time| time >= facts.case.window.start);
            if gone
                && recent
                && let Some(reason) = Reason::of(&event.message)
            {
                evicted.entry((facts.unit_of(&about), reason)).or_default();
            }
        }
        evicted
            .iter()
            .map(|((workload, reason), pods)| candidate(facts, workload, *reason, pods))
            .collect()
    }
}

/// Whether pods that filled it were evicted from a node: its pressure is their doing then.
pub(super) fn filled(facts: &Facts<'_>, node: &str) -> bool {
    facts
        .pods()
        .filter(|pod| pod.spec.node_name == node && failed_recently(facts, pod))
        .any(|pod| fills(facts, pod))
}

/// Whether a pod was evicted for filling the disk of its node.
pub(super) fn fills(facts: &Facts<'_>, pod: &Pod) -> bool {
    message(facts, pod).is_some_and(|message| Reason::of(&message) == Some(Reason::Usage))
}

/// Why the kubelet evicted a pod, from its state or the event about it.
fn message(facts: &Facts<'_>, pod: &Pod) -> Option<String> {
    if pod.status.reason == "Evicted" && !pod.status.message.is_empty() {
        return Some(pod.status.message.clone());
    }
    let event = facts.event(&pod.entity(), |event| event.reason == "Evicted")?;
    Some(event.message.clone())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// Over its own limit.
    Limit,
    /// The node was full, and the pod held much of it.
    Usage,
}

impl Reason {
    fn of(message: &str) -> Option<Self> {
        const OWN: [&str; 3] = [
            "ephemeral local storage usage exceeds",
            "exceeded its local ephemeral storage limit",
            "Usage of EmptyDir volume",
        ];
        if OWN.iter().any(|words| message.contains(words)) {
            return Some(Self::Limit);
        }
        let full = message.contains("low on resource: ephemeral-storage");
        (full && uses_much(message)).then_some(Self::Usage)
    }

    fn id(self) -> &'static str {
        match self {
            Self::Limit => "ephemeral_storage_limit",
            Self::Usage => "ephemeral_storage_usage",
        }
    }
}

/// Whether one of the containers in `Container app was using 20Gi, request is 0, has larger consumption of …` used much.
fn uses_much(message: &str) -> bool {
    message.split("was using ").skip(1).any(|rest| {
        let bytes = |text: &str| -> Option<f64> {
            let text = text.split([',', ' ']).next()?.trim_end_matches('.');
            Some(text.parse::<Memory>().ok()?.bytes() as f64)
        };
        let requested = rest.split_once("request is ").and_then(|(_, rest)| bytes(rest));
        let used = bytes(rest).unwrap_or(0.0);
        used >= MUCH && used >= BEYOND * requested.unwrap_or(0.0)
    })
}

fn candidate(facts: &Facts<'_>, workload: &EntityRef, reason: Reason, pods: &[(&Pod, String)]) -> Candidate {
    let events: Vec<_> = facts
        .case
        .objects
        .events
        .iter()
        .filter(|event| event.reason == "Evicted" && Reason::of(&event.message) == Some(reason))
        .filter(|event| facts.unit_of(&event.about()) == *workload)
        .collect();
    let told = pods
        .first()
        .map(|(_, message)| message.as_str())
        .or_else(|| events.first().map(|event| event.message.as_str()))
        .unwrap_or_default();
    let ended = pods.iter().flat_map(|(pod, _)| {
        let ends = pod.all_statuses();
        ends.filter_map(|status| status.state.terminated.as_ref()?.finished_at)
    });
    let since = events
        .iter()
        .filter_map(|event| event.first_seen())
        .chain(ended)
        .min();
    let states = pods.iter().map(|(pod, message)| {
        let statement = format!("evicted: {}", clip(message, 200));
        (*pod, since, statement)
    });
    let mut seen = witness::of_pods(facts, states, |_| false);
    seen.extend(witness::of_events(facts, events));
    let (what, weight) = match reason {
        Reason::Limit => ("writes more than it may", 4.0),
        Reason::Usage => ("fills the disk of its node", 2.8),
    };
    let mut candidate = Candidate::new(
        reason.id(),
        workload.clone(),
        format!("{workload} {what}: {}", clip(told, 200)),
    )
    .clue("its pods were evicted for what they wrote", weight, seen)
    .since(since)
    .hurting(pods.iter().map(|(pod, _)| pod.entity()))
    .derived(0.1);
    if reason == Reason::Usage {
        let nodes = pods.iter().map(|(pod, _)| &pod.spec.node_name);
        let nodes = nodes.filter(|name| !name.is_empty());
        candidate = candidate.hurting(nodes.map(|name| EntityRef::cluster("Node", name)));
    }
    let spec = pods.first().map(|(pod, _)| &pod.spec);
    if let Some(change) = brought::newest(facts, workload, spec, since) {
        candidate = brought::blame(
            facts,
            candidate,
            change,
            ("evicted since a change", 1.0),
            "It kept within its storage before",
        );
    }
    candidate.advise(Advice::new(
        format!("Find what {workload} writes (logs, caches, uploads), and give that a volume or a bound"),
        "The kubelet evicts pods that use more ephemeral storage than there is for them",
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Eviction, uses_much};
    use crate::incident::testing::{at, case, deployment, of};

    fn ids(message: &str, second: i64) -> Vec<&'static str> {
        let mut case = case();
        let status = json!({
            "phase": "Failed", "reason": "Evicted", "message": message, "startTime": at(second - 600),
            "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": at(second)}],
        });
        deployment(
            &mut case,
            "cart",
            json!({"containers": [{"name": "app"}], "status": status}),
        );
        of(&Eviction, &case)
            .iter()
            .map(|candidate| candidate.mechanism)
            .collect()
    }

    #[test]
    fn own_limits_and_a_node_that_one_fills_are_told_apart() {
        for message in [
            "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
            "Container app exceeded its local ephemeral storage limit \"2Gi\". ",
            "Usage of EmptyDir volume \"cache\" exceeds the limit \"512Mi\". ",
        ] {
            assert_eq!(ids(message, -60), ["ephemeral_storage_limit"], "{message}");
            assert!(ids(message, -90_000).is_empty(), "of long ago");
        }
        let low =
            "The node was low on resource: ephemeral-storage. Threshold quantity: 4Gi, available: 1Gi. ";
        let hog = format!(
            "{low}Container app was using 37Gi, request is 0, has larger consumption of ephemeral-storage. "
        );
        assert_eq!(ids(&hog, -60), ["ephemeral_storage_usage"]);
        let victim = format!(
            "{low}Container app was using 24Ki, request is 0, has larger consumption of ephemeral-storage. "
        );
        assert!(ids(&victim, -60).is_empty());
        assert!(ids("The node was low on resource: memory. ", -60).is_empty());
    }

    #[test]
    fn who_keeps_to_its_request_does_not_use_much() {
        assert!(!uses_much("Container app was using 5Gi, request is 6Gi, has"));
        assert!(uses_much(
            "Container a was using 1Ki, request is 0, has. Container b was using 9663676416, request is 1Gi, has"
        ));
    }
}
