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
    let template = facts.workload(workload).map(|workload| &workload.template().spec);
    let edits = spec.or(template).map(needs).unwrap_or_default();
    let edit = edits
        .into_iter()
        .filter_map(|(kind, name)| {
            let entity = EntityRef {
                kind,
                namespace: workload.namespace.clone(),
                name,
            };
            facts.change_before(&entity, Some(since), |change| change.kind == ChangeKind::Config)
        })
        .max_by_key(|change| change.time);
    rollout
        .into_iter()
        .chain(edit)
        .filter(|change| since.duration_since(change.time) < WITHIN)
        .max_by_key(|change| change.time)
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
    let mut candidate = candidate
        .clue(clue.0, clue.1, vec![facts.change_evidence(change)])
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
