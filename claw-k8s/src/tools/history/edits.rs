//! Changes that leave no revision behind, told from who wrote to an object last and when.

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use jiff::Timestamp;

use super::rollout::CONTROLLER;
use crate::model::Object;

/// Two writes this close together are one change, in seconds.
const SAME_CHANGE: u64 = 10;

/// Annotation of objects that replicas of a program agree on a leader with.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";

/// The last edit of an object by each of its writers, other than the creation of the object.
///
/// Kubernetes keeps the last write of each writer only, and not what it was: there is no difference to show.
pub(in crate::tools) fn edits<T: Object>(
    objects: &[T],
    kind: ChangeKind,
    not_at: &[Timestamp],
) -> Vec<Change> {
    objects
        .iter()
        // Written every few seconds by whoever holds the lead.
        .filter(|object| !object.meta().annotations.contains_key(LEADER))
        .flat_map(|object| {
            let meta = object.meta();
            let created = meta.creation_timestamp;
            let entity = object.entity();
            meta.managed_fields
                .iter()
                .filter(|fields| fields.subresource.is_empty() && fields.manager != CONTROLLER)
                .filter_map(move |fields| {
                    let time = fields.time?;
                    let known = created.iter().chain(not_at).any(|known| near(*known, time));
                    (!known).then(|| Change {
                        reference: reference(&entity, "", time, &fields.manager),
                        time,
                        kind,
                        entity: entity.clone(),
                        summary: format!("{entity} edited by {}", fields.manager),
                        detail: Vec::new(),
                        author: Some(fields.manager.clone()),
                    })
                })
        })
        .collect()
}

/// Two writers may write in the same second.
pub(super) fn reference(entity: &EntityRef, what: &str, time: Timestamp, writer: &str) -> String {
    let (kind, path, second) = (&entity.kind, entity.path(), time.as_second());
    format!("{kind}/{path}#{what}{second}-{writer}")
}

/// Whether two times are those of one change.
pub(super) fn near(a: Timestamp, b: Timestamp) -> bool {
    a.as_second().abs_diff(b.as_second()) <= SAME_CHANGE
}
