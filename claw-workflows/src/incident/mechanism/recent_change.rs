//! Which change may have brought the trouble.

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use jiff::Timestamp;

use crate::incident::facts::Facts;

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
    facts.change_before(entity, began.or(Some(case.window.end)), |change| {
        change.time >= case.window.start && test(change)
    })
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
