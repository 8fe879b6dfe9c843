//! Which change may have brought the trouble.

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_k8s::model::Meta;
use claw_metrics::classify::UNKNOWN_WORKLOAD;
use jiff::{SignedDuration, Timestamp};

use super::scaling;
use crate::incident::candidate::Candidate;
use crate::incident::facts::{Closeness, Facts, SKEW, needs};

/// So long before the time that is looked at, a fault would have been noticed.
const LONG: SignedDuration = SignedDuration::from_hours(24);

/// The last change of an entity that `test` accepts, that lies in the time that is looked at, and that was made no later
/// than the trouble began: `trouble` where the mechanism knows it, otherwise the beginning that the alert or a person names.
///
/// What was made years ago has worked since, and an edit after the beginning is more likely a try to repair than the cause:
/// neither speaks for a mechanism.
pub(super) fn before_trouble<'a>(
    facts: &Facts<'a>,
    entity: &EntityRef,
    trouble: Option<Timestamp>,
    test: impl Fn(&Change) -> bool,
) -> Option<&'a Change> {
    let case = facts.case;
    let began = trouble.into_iter().chain(case.began).min();
    facts.any_change_before(entity, began.or(Some(case.window.end)), |change| {
        change.time >= case.window.start && test(change)
    })
}

/// Takes weight from a fault that stood long before the trouble, as far as the object tells: things worked with it, or did
/// without what it breaks.
pub(super) fn doubt_old(facts: &Facts<'_>, meta: &Meta, found: Candidate) -> Candidate {
    // `kubectl get` leaves out who edited an object; its generation counts the edits.
    let untouched = meta.creation_timestamp.filter(|_| meta.generation == Some(1));
    let edited = meta.last_edit().and_then(|edit| edit.time).or(untouched);
    let before = facts.case.window.start.checked_sub(LONG).ok();
    let old = edited.zip(before).is_some_and(|(edited, before)| edited < before);
    if old && found.change.is_none() && facts.case.began.is_some() {
        found.clue("was like this long before", -1.5, Vec::new())
    } else {
        found
    }
}

/// The last change of a unit at or before the beginning of the trouble, as [`before_trouble`] understands it, with how long
/// before: of the unit itself, of its Service, or of configuration that its pods need. Recorded changes name a unit as
/// people do: often without kind and namespace, or as a repository or chart is called.
///
/// A change of the number of replicas is left out: an autoscaler makes it because of the trouble.
pub(super) fn of_unit<'a>(
    facts: &Facts<'a>,
    unit: &EntityRef,
    trouble: Option<Timestamp>,
) -> Option<(&'a Change, SignedDuration)> {
    let changes = all_of_unit(facts, unit, trouble);
    let named = changes.into_iter().filter(|(change, _)| {
        !matches!(change.kind, ChangeKind::Scale | ChangeKind::Job) && is_named(facts, change)
    });
    named.max_by(|(a, _), (b, _)| (a.time, &b.reference).cmp(&(b.time, &a.reference)))
}

/// Whether a change names what it concerns, and not only has a word in common with it.
pub(super) fn is_named(facts: &Facts<'_>, change: &Change) -> bool {
    let concern = facts.concern_of(change);
    concern.is_none_or(|concern| concern.closeness > Closeness::Shared)
}

/// The changes that [`of_unit`] chooses from, with replicas that a person took away, Jobs that carried something to the unit,
/// and what has no more than a word in common with it: whoever takes these has to say how little that is.
pub(super) fn all_of_unit<'a>(
    facts: &Facts<'a>,
    unit: &EntityRef,
    trouble: Option<Timestamp>,
) -> Vec<(&'a Change, SignedDuration)> {
    let case = facts.case;
    let Some(began) = trouble.into_iter().chain(case.began).min() else {
        return Vec::new();
    };
    let limit = began.checked_add(SKEW).unwrap_or(began);
    let needed = facts
        .workload(unit)
        .map(|workload| needs(&workload.template().spec))
        .unwrap_or_default();
    let configures = |entity: &EntityRef| {
        entity.namespace == unit.namespace && needed.contains(&(entity.kind.clone(), entity.name.clone()))
    };
    case.changes
        .iter()
        .filter(|change| change.time >= case.window.start && change.time <= limit)
        .filter(|change| match change.kind {
            ChangeKind::Node => false,
            ChangeKind::Scale => scaling::takes_away(facts, unit, change),
            _ => true,
        })
        .filter(|change| {
            let concerns = facts
                .concern_of(change)
                .is_some_and(|concern| concern.unit == *unit);
            concerns || means(facts, &change.entity, unit) || configures(&change.entity)
        })
        .map(|change| {
            let age = began.duration_since(change.time).max(SignedDuration::ZERO);
            (change, age)
        })
        .collect()
}

/// Whether `named` is the unit, or what somebody calls it who leaves kind or namespace open.
fn means(facts: &Facts<'_>, named: &EntityRef, unit: &EntityRef) -> bool {
    if named == unit || facts.unit_of(named) == *unit {
        return true;
    }
    let open = named.namespace.is_none() || unit.namespace.is_none();
    let called = matches!(named.kind.as_str(), "Service" | UNKNOWN_WORKLOAD) || named.kind == unit.kind;
    open && called && named.name == unit.name
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::super::fixture;
    use super::before_trouble;
    use crate::incident::facts::Facts;

    fn found(times: &[&str], trouble: Option<&str>) -> Option<String> {
        let mut case = fixture::case(json!({}));
        let entity = EntityRef::namespaced("Service", "shop", "cart");
        for time in times {
            case.changes.push(fixture::change(time, &entity, &["x: 1 → 2"]));
        }
        let facts = Facts::new(&case);
        let trouble = trouble.map(|time| time.parse().unwrap());
        before_trouble(&facts, &entity, trouble, |_| true).map(|change| change.time.to_string())
    }

    #[test]
    fn a_change_counts_within_the_window_and_before_the_trouble() {
        assert_eq!(
            found(&["2026-05-01T09:40:00Z"], None).as_deref(),
            Some("2026-05-01T09:40:00Z")
        );
        // Years ago, and after the alert.
        assert_eq!(found(&["2023-01-01T00:00:00Z"], None), None);
        assert_eq!(found(&["2026-05-01T10:15:00Z"], None), None);
        // The repair hides the change before it no more.
        assert_eq!(
            found(&["2026-05-01T09:40:00Z", "2026-05-01T10:15:00Z"], None).as_deref(),
            Some("2026-05-01T09:40:00Z")
        );
        // The mechanism saw the trouble earlier than the alert.
        assert_eq!(
            found(&["2026-05-01T09:40:00Z"], Some("2026-05-01T09:20:00Z")),
            None
        );
    }
}
