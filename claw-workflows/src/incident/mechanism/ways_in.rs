//! Where a way in leads: what loses its traffic when an Ingress, a Gateway, or a route of either or of a mesh is wrong.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use serde_json::Value;

use crate::incident::facts::Facts;

/// A gateway leads to routes, those to Services, and a Service perhaps to another route.
const MAX_STEPS: usize = 4;

/// Everything that requests reach by way of `entity`, with the workloads behind it.
pub(super) fn behind(facts: &Facts<'_>, entity: &EntityRef) -> Vec<EntityRef> {
    let mut reached: BTreeSet<EntityRef> = BTreeSet::from([entity.clone()]);
    for _step in 0..MAX_STEPS {
        let next: BTreeSet<EntityRef> = facts
            .case
            .calls
            .iter()
            .filter(|call| matches!(call.via.as_str(), "gateway" | "mesh" | "ingress"))
            .filter(|call| reached.contains(&call.caller))
            .map(|call| call.callee.clone())
            .filter(|callee| !reached.contains(callee))
            .collect();
        if next.is_empty() {
            break;
        }
        reached.extend(next);
    }
    reached.remove(entity);
    let units: Vec<EntityRef> = reached.iter().map(|one| facts.unit_of(one)).collect();
    reached.extend(units);
    reached.into_iter().collect()
}

/// The elements of a list in an object that is kept as it is, or of nothing.
pub(super) fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// A text in such an object; empty where there is none.
pub(super) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
