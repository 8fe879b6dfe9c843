//! What was changed, and when.

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use jiff::{SignedDuration, Timestamp};

use super::Facts;

/// Clocks of API server and nodes differ by a little, and a rollout is recorded when it is done.
pub(in crate::incident) const SKEW: SignedDuration = SignedDuration::from_secs(90);

impl<'a> Facts<'a> {
    /// Changes of an entity, in order of time.
    pub fn changes_of(&self, entity: &EntityRef) -> &[&'a Change] {
        self.changes.get(entity).map_or(&[], Vec::as_slice)
    }

    /// The last change of an entity at or before `time` (the newest one if there is no time) that `test` accepts.
    pub fn change_before(
        &self,
        entity: &EntityRef,
        time: Option<Timestamp>,
        test: impl Fn(&Change) -> bool,
    ) -> Option<&'a Change> {
        let limit = time.and_then(|time| time.checked_add(SKEW).ok());
        self.changes_of(entity)
            .iter()
            .rev()
            .copied()
            .find(|change| limit.is_none_or(|limit| change.time <= limit) && test(change))
    }

    /// The last rollout of a workload at or before `time` whose difference mentions one of `paths`.
    pub fn rollout_before(
        &self,
        workload: &EntityRef,
        time: Option<Timestamp>,
        paths: &[&str],
    ) -> Option<&'a Change> {
        self.change_before(workload, time, |change| {
            change.kind == ChangeKind::Deploy
                && (paths.is_empty()
                    || change
                        .detail
                        .iter()
                        .any(|line| paths.iter().any(|path| line.contains(path))))
        })
    }
}
