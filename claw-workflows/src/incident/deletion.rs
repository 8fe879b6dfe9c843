//! Objects that are deleted and do not go away.

use claw_core::entity::EntityRef;
use claw_k8s::model::{Meta, Object};
use jiff::{SignedDuration, Timestamp};

use super::facts::Facts;

/// How long the deletion of an object may take before it counts as stuck.
const USUAL: SignedDuration = SignedDuration::from_mins(5);

/// An object that was to be gone by now.
#[derive(Clone, Debug)]
pub(super) struct Stuck<'a> {
    /// Which.
    pub(super) entity: EntityRef,
    /// Its metadata.
    pub(super) meta: &'a Meta,
    /// Since when it is to be deleted: the API server notes when the time to do so in good order is over.
    pub(super) since: Timestamp,
}

/// All objects of which the deletion takes longer than usual, in a fixed order.
pub(super) fn stuck<'a>(facts: &Facts<'a>) -> Vec<Stuck<'a>> {
    fn of<'a, O: Object>(objects: &'a [O], now: Timestamp, found: &mut Vec<Stuck<'a>>) {
        found.extend(objects.iter().filter_map(|object| {
            let meta = object.meta();
            let over = meta.deletion_timestamp?;
            let late = now.duration_since(over) >= USUAL;
            let grace = SignedDuration::from_secs(meta.deletion_grace_period_seconds.unwrap_or(0));
            late.then(|| Stuck {
                entity: object.entity(),
                meta,
                since: over.checked_sub(grace).unwrap_or(over),
            })
        }));
    }
    let now = facts.case.window.end;
    let objects = &facts.case.objects;
    let mut found = Vec::new();
    of(&objects.namespaces, now, &mut found);
    of(&objects.workloads, now, &mut found);
    of(&objects.pods, now, &mut found);
    of(&objects.services, now, &mut found);
    of(&objects.ingresses, now, &mut found);
    of(&objects.claims, now, &mut found);
    of(&objects.volumes, now, &mut found);
    of(&objects.config_maps, now, &mut found);
    of(&objects.secrets, now, &mut found);
    of(&objects.nodes, now, &mut found);
    found.sort_by(|a, b| a.entity.cmp(&b.entity));
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::stuck;
    use crate::incident::facts::Facts;
    use crate::incident::testing::{at, case, object};

    #[test]
    fn a_deletion_began_before_the_time_that_is_left_for_it() {
        let mut case = case();
        let deleted = |second: i64, grace: i64| json!({"metadata": {"deletionTimestamp": at(second), "deletionGracePeriodSeconds": grace}});
        case.objects.pods = vec![object("a", deleted(600, 120)), object("b", deleted(1790, 600))];
        case.objects
            .config_maps
            .push(object("c", json!({"metadata": {"deletionTimestamp": at(0)}})));
        let facts = Facts::new(&case);
        let found: Vec<_> = stuck(&facts)
            .into_iter()
            .map(|stuck| (stuck.meta.name.as_str(), stuck.since))
            .collect();
        // The one that still has time is not stuck, however long ago it was asked for.
        assert_eq!(found, [("c", at(0)), ("a", at(480))]);
    }
}
