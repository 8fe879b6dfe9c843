//! What several pods show alike. A conclusion names all that it rests on, not one example: whoever doubts it can look at
//! each, and taking the named evidence away takes the conclusion away.

use claw_core::evidence::Evidence;
use claw_k8s::model::{Event, Pod};
use jiff::Timestamp;

use super::facts::Facts;

/// Pods that one clue names at most; beyond that, more of the same tells nobody anything.
const MAX_PODS: usize = 20;
/// Events about one pod that a clue names at most.
const MAX_EVENTS: usize = 4;

/// Evidence of each of `pods`, from its state with the time and statement given, and from the events about it that `told`
/// accepts.
pub(super) fn of_pods<'a>(
    facts: &Facts<'_>,
    pods: impl IntoIterator<Item = (&'a Pod, Option<Timestamp>, String)>,
    told: impl Fn(&Event) -> bool,
) -> Vec<Evidence> {
    use claw_k8s::model::Object as _;
    pods.into_iter()
        .take(MAX_PODS)
        .flat_map(|(pod, time, statement)| {
            let events = facts
                .events_of(&pod.entity())
                .iter()
                .rev()
                .filter(|event| told(event));
            let events: Vec<Evidence> = events
                .take(MAX_EVENTS)
                .map(|event| facts.event_evidence(event))
                .collect();
            std::iter::once(facts.object(pod, time, statement)).chain(events)
        })
        .collect()
}

/// Evidence of `events`, each once.
pub(super) fn of_events<'a>(facts: &Facts<'_>, events: impl IntoIterator<Item = &'a Event>) -> Vec<Evidence> {
    events
        .into_iter()
        .take(MAX_PODS)
        .map(|event| facts.event_evidence(event))
        .collect()
}
