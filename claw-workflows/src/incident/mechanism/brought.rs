//! The change after which a workload's own trouble began.

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_k8s::model::PodSpec;
use jiff::{SignedDuration, Timestamp};

use super::rollback::roll_back;
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, needs};

/// For how long a change may have been in effect before the trouble that it brought.
const WITHIN: SignedDuration = SignedDuration::from_hours(6);

/// The newest rollout of a workload, or edit of configuration that its pods read, within some hours before `since`.
pub(super) fn newest<'a>(
    facts: &Facts<'a>,
    workload: &EntityRef,
    spec: Option<&PodSpec>,
    since: Option<Timestamp>,
) -> Option<&'a Change> {
    let since = since?;
    let rollout = facts.rollout_before(workload, Some(since), &[]);
    let rollout = rollout.filter(|change| since.duration_since(change.time) < WITHIN);
    rollout
        .into_iter()
        .chain(newest_edit(facts, workload, spec, since))
        .max_by_key(|change| change.time)
}

/// The newest edit of configuration that a workload's pods read, within some hours before `since`.
fn newest_edit<'a>(
    facts: &Facts<'a>,
    workload: &EntityRef,
    spec: Option<&PodSpec>,
    since: Timestamp,
) -> Option<&'a Change> {
    let template = facts.workload(workload).map(|workload| &workload.template().spec);
    let edits = spec.or(template).map(needs).unwrap_or_default();
    edits
        .into_iter()
        .filter_map(|(kind, name)| {
            let entity = EntityRef {
                kind,
                namespace: workload.namespace.clone(),
                name,
            };
            facts.change_before(&entity, Some(since), |change| change.kind == ChangeKind::Config)
        })
        .filter(|change| since.duration_since(change.time) < WITHIN)
        .max_by_key(|change| change.time)
}

/// That trouble is there since a workload was created tells less than that a rollout came before it: there is no time at
/// which the workload was well.
const CREATED: f64 = 0.5;

/// The name of the clue that trouble is there since a rollout.
pub(super) fn since_rollout(facts: &Facts<'_>, change: &Change, clue: &'static str) -> &'static str {
    if facts.is_creation(change) {
        "is so since it was created"
    } else {
        clue
    }
}

/// Adds a change that brought the trouble, with the clue of that weight and the way back.
pub(super) fn blame(
    facts: &Facts<'_>,
    candidate: Candidate,
    change: &Change,
    clue: (&'static str, f64),
    reason: &str,
) -> Candidate {
    let workload = candidate.entity.clone();
    let (name, weight) = clue;
    let share = if facts.is_creation(change) { CREATED } else { 1.0 };
    let mut candidate = candidate
        .clue(
            since_rollout(facts, change, name),
            weight * share,
            vec![facts.change_evidence(change)],
        )
        .brought_by(Some(&change.reference))
        .since(Some(change.time));
    if change.kind == ChangeKind::Deploy {
        candidate
            .advice
            .extend(roll_back(facts, &workload, change, reason));
        candidate
    } else {
        candidate.advise(Advice::new(
            format!("Take the edit of {} back and restart {workload}", change.entity),
            reason,
        ))
    }
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;

    use super::*;
    use crate::incident::testing::{case, deploy};

    #[test]
    fn a_creation_is_told_as_one_and_advises_no_way_back() {
        let cart = EntityRef::namespaced("Deployment", "shop", "cart");
        let case = case();
        let facts = Facts::new(&case);
        let told = |number: i64| {
            let change = deploy(&cart, &format!("Deployment/shop/cart@{number}"), -60);
            let candidate = Candidate::new("application_crash", cart.clone(), "crashes");
            let found = blame(&facts, candidate, &change, ("since a rollout", 1.5), "why");
            (found.clues[0].name, found.own_score(), found.advice.len())
        };
        assert_eq!(told(4), ("since a rollout", 1.5, 1));
        assert_eq!(told(1), ("is so since it was created", 0.75, 0));
    }
}
