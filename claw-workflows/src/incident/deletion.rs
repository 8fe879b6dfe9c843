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
    /// Since when it is to be deleted.
    pub(super) since: Timestamp,
}

/// All objects of which the deletion takes longer than usual, in a fixed order.
pub(super) fn stuck<'a>(facts: &Facts<'a>) -> Vec<Stuck<'a>> {
    fn of<'a, O: Object>(objects: &'a [O], now: Timestamp, found: &mut Vec<Stuck<'a>>) {
        found.extend(objects.iter().filter_map(|object| {
            let meta = object.meta();
            let asked = meta.deletion_timestamp?;
            let late = now.duration_since(asked) >= USUAL;
            late.then(|| Stuck {
                entity: object.entity(),
                meta,
                since: asked,
            })
        }));
    }
    // The API server writes the time at which the grace period is over.
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
