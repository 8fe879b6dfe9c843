//! Back to the revision before the one that is blamed.

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;

use crate::incident::candidate::Advice;
use crate::incident::facts::{Facts, SAME};

/// Advice to take `workload` back to the revision before `blamed`. `None` where there is none: the kind keeps no
/// revisions, the blamed one is the first or no longer in use, or the one before is gone.
pub(super) fn roll_back(
    facts: &Facts<'_>,
    workload: &EntityRef,
    blamed: &Change,
    reason: &str,
) -> Option<Advice> {
    if !matches!(workload.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet")
        || blamed.entity != *workload
        || blamed.kind != ChangeKind::Deploy
    {
        return None;
    }
    let namespace = workload.namespace.as_deref().unwrap_or("default");
    let command = format!(
        "kubectl -n {namespace} rollout undo {}/{}",
        workload.kind.to_lowercase(),
        workload.name
    );
    let known = facts.revisions(workload);
    let number = facts.revision_of(blamed);
    if facts.is_creation(blamed) || facts.keeps_revisions(workload) && known.len() < 2 {
        // `rollout undo` would find nothing to go back to.
        return None;
    }
    let before = number.and_then(|number| known.range(..number).next_back().copied());
    let advice = match (number, before) {
        (_, Some(before)) => Advice::new(format!("Roll {workload} back to revision {before}"), reason)
            .command(format!("{command} --to-revision={before}")),
        // The last rollout is blamed, and kubectl knows the revision before it better than we do.
        _ if is_last(facts, workload, blamed) => {
            Advice::new(format!("Roll {workload} back"), reason).command(command)
        }
        _ => return None,
    };
    Some(advice)
}

/// Whether nothing was rolled out after a change.
fn is_last(facts: &Facts<'_>, workload: &EntityRef, change: &Change) -> bool {
    let later = facts
        .changes_of(workload)
        .iter()
        .any(|other| other.kind == ChangeKind::Deploy && other.time > change.time);
    let set_later = facts.owned_by(workload).any(|set| {
        set.metadata
            .creation_timestamp
            .is_some_and(|made| made.duration_since(change.time) > SAME)
    });
    !later && !set_later
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::testing::{at, case, deploy};

    fn cart() -> EntityRef {
        EntityRef::namespaced("Deployment", "shop", "cart")
    }

    fn command(case: &crate::incident::case::Case, blamed: &Change) -> Option<String> {
        roll_back(&Facts::new(case), &cart(), blamed, "why")?.command
    }

    #[test]
    fn goes_to_the_revision_before_the_blamed_one() {
        let mut case = case();
        let revision =
            |number: i64, second| deploy(&cart(), &format!("Deployment/shop/cart@{number}"), second);
        case.changes = vec![revision(12, -9000), revision(13, -4000), revision(14, -60)];
        let undo = "kubectl -n shop rollout undo deployment/cart";
        let of = |index: usize| command(&case, &case.changes[index]);
        assert_eq!(of(2), Some(format!("{undo} --to-revision=13")));
        assert_eq!(of(1), Some(format!("{undo} --to-revision=12")));
        // Nothing is known before revision 12, and it is no longer in use.
        assert_eq!(of(0), None);
    }

    #[test]
    fn the_last_rollout_needs_no_number() {
        let mut case = case();
        case.changes = vec![deploy(&cart(), "1fd0a62", -600), deploy(&cart(), "9c41e7b", -60)];
        let undo = "kubectl -n shop rollout undo deployment/cart";
        assert_eq!(command(&case, &case.changes[1]), Some(undo.to_owned()));
        assert_eq!(command(&case, &case.changes[0]), None);
    }

    #[test]
    fn a_recorded_rollout_is_the_replica_set_of_its_time() {
        let case = with_sets(&[(7, -90_000), (9, -605), (10, -30)]);
        let found = command(&case, &case.changes[0]).unwrap();
        assert!(found.ends_with("--to-revision=7"), "{found}");
    }

    #[test]
    fn the_first_revision_has_nothing_before_it() {
        let blamed = |sets: &[(i64, i64)], reference: &str| {
            let case = with_sets(sets);
            command(&case, &deploy(&cart(), reference, -600))
        };
        assert_eq!(blamed(&[], "Deployment/shop/cart@1"), None);
        assert_eq!(blamed(&[(1, -605)], "Deployment/shop/cart@1"), None);
        assert_eq!(blamed(&[(1, -605)], "9c41e7b"), None);
        // The only one that is kept, whatever its number, and a recorded change that made none.
        assert_eq!(blamed(&[(14, -605)], "Deployment/shop/cart@14"), None);
        assert_eq!(blamed(&[(1, -90_000)], "9c41e7b"), None);
        assert!(blamed(&[(1, -90_000), (2, -605)], "9c41e7b").is_some());
        // Of ReplicaSets without pods the history may tell alone.
        let mut case = with_sets(&[(2, -605)]);
        for (number, second) in [(1, -90_000), (2, -600)] {
            let reference = format!("Deployment/shop/cart@{number}");
            case.changes.push(deploy(&cart(), &reference, second));
        }
        let found = command(&case, &case.changes[2]).unwrap();
        assert!(found.ends_with("--to-revision=1"), "{found}");
    }

    /// A recorded rollout ten minutes ago, and ReplicaSets by number and time.
    fn with_sets(sets: &[(i64, i64)]) -> crate::incident::case::Case {
        let mut case = case();
        case.changes = vec![deploy(&cart(), "9c41e7b", -600)];
        for &(revision, second) in sets {
            case.objects.workloads.push(
                serde_json::from_value(serde_json::json!({
                    "kind": "ReplicaSet",
                    "metadata": {
                        "name": format!("cart-{revision}"), "namespace": "shop", "creationTimestamp": at(second),
                        "annotations": {"deployment.kubernetes.io/revision": revision.to_string()},
                        "ownerReferences": [{"kind": "Deployment", "name": "cart", "controller": true}],
                    },
                }))
                .unwrap(),
            );
        }
        case
    }

    #[test]
    fn jobs_and_edits_have_nothing_to_go_back_to() {
        let case = case();
        let job = EntityRef::namespaced("Job", "shop", "cart");
        let change = deploy(&job, "x", -60);
        assert!(roll_back(&Facts::new(&case), &job, &change, "why").is_none());
        let mut edit = deploy(&cart(), "x", -60);
        edit.kind = ChangeKind::Config;
        assert!(roll_back(&Facts::new(&case), &cart(), &edit, "why").is_none());
    }
}
