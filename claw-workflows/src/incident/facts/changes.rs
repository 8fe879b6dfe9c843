//! What was changed, and when.

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use jiff::{SignedDuration, Timestamp};

use super::Facts;
use crate::incident::difference::is_about;

/// Clocks of API server and nodes differ by a little, and a rollout is recorded when it is done.
pub(in crate::incident) const SKEW: SignedDuration = SignedDuration::from_secs(90);

/// What a change breaks shows itself within a day. What was changed earlier has worked since.
const SHOWS: SignedDuration = SignedDuration::from_hours(24);

impl<'a> Facts<'a> {
    /// Changes of an entity, in order of time.
    pub fn changes_of(&self, entity: &EntityRef) -> &[&'a Change] {
        self.changes.get(entity).map_or(&[], Vec::as_slice)
    }

    /// That a Job was started, where that counts as a change.
    pub fn start_of(&self, job: &EntityRef) -> Option<&'a Change> {
        let mut changes = self.case.changes.iter();
        changes.find(|change| change.kind == ChangeKind::Job && change.entity == *job)
    }

    /// The last change of an entity that `test` accepts, at or before `trouble` and within the day before it: when the trouble
    /// of this entity began, which may be long before it was noticed. Where that is not known, the beginning that the alert
    /// names stands for it, and no change is too late.
    pub fn change_before(
        &self,
        entity: &EntityRef,
        trouble: Option<Timestamp>,
        test: impl Fn(&Change) -> bool,
    ) -> Option<&'a Change> {
        let began = trouble.or(self.case.began).unwrap_or(self.case.window.end);
        self.any_change_before(entity, trouble, |change| {
            began.duration_since(change.time) <= SHOWS && test(change)
        })
    }

    /// The last change of an entity at or before `time` (the newest one if there is no time) that `test` accepts, however old:
    /// for callers that set a limit of their own.
    pub fn any_change_before(
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

    /// The last rollout of a workload before `trouble`, as [`change_before`](Self::change_before) understands it, whose
    /// difference is about one of `fields`, or any where there are none.
    pub fn rollout_before(
        &self,
        workload: &EntityRef,
        trouble: Option<Timestamp>,
        fields: &[&str],
    ) -> Option<&'a Change> {
        self.change_before(workload, trouble, |change| rolls_out(change, fields))
    }
}

/// Whether a change is a rollout that is about one of `fields`, or any rollout where there are none.
fn rolls_out(change: &Change, fields: &[&str]) -> bool {
    let about = |line: &String| fields.iter().any(|field| is_about(line, field));
    change.kind == ChangeKind::Deploy && (fields.is_empty() || change.detail.iter().any(about))
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;

    use crate::incident::facts::Facts;
    use crate::incident::testing::{at, case, deploy};

    #[test]
    fn a_rollout_counts_for_the_day_after_it() {
        let cart = EntityRef::namespaced("Deployment", "shop", "cart");
        let found = |rollout: i64, trouble: Option<i64>| {
            let mut case = case();
            let mut change = deploy(&cart, "r", rollout);
            change.detail = vec!["containers[app].image: a → b".to_owned()];
            case.changes = vec![change];
            let facts = Facts::new(&case);
            facts.rollout_before(&cart, trouble.map(at), &["image"]).is_some()
        };
        const DAY: i64 = 86_400;
        assert!(found(-3600, Some(0)));
        assert!(found(-3600, None));
        // Five months ago it went well.
        assert!(!found(-150 * DAY, Some(0)));
        assert!(!found(-150 * DAY, None));
        // Pods that have been stuck since then are its work.
        assert!(found(-150 * DAY, Some(-150 * DAY + 60)));
        assert!(!found(300, Some(0)));
    }

    #[test]
    fn only_fields_tell_what_a_rollout_is_about() {
        let cart = EntityRef::namespaced("Deployment", "shop", "cart");
        let found = |line: &str, field: &str| {
            let mut case = case();
            let mut change = deploy(&cart, "r", -60);
            change.detail = vec![line.to_owned()];
            case.changes = vec![change];
            Facts::new(&case).rollout_before(&cart, None, &[field]).is_some()
        };
        assert!(found("containers[app].env[A]: 1 → 2", "env"));
        assert!(!found("containers[app].image: a/envoy:1 → a/envoy:2", "env"));
    }
}
