//! Who calls whom.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;

use super::facts::Facts;

/// Who calls whom, by unit. Made once for all that is asked: there may be many calls.
#[derive(Debug)]
pub(in crate::incident) struct Callees(BTreeMap<EntityRef, BTreeSet<EntityRef>>);

impl Callees {
    pub(in crate::incident) fn of(facts: &Facts<'_>) -> Self {
        let mut found: BTreeMap<EntityRef, BTreeSet<EntityRef>> = BTreeMap::new();
        for call in &facts.case.calls {
            let callees = found.entry(facts.unit_of(&call.caller)).or_default();
            callees.insert(facts.unit_of(&call.callee));
        }
        Self(found)
    }

    /// Adds that one unit calls another.
    pub(in crate::incident) fn add(&mut self, caller: EntityRef, callee: EntityRef) {
        self.0.entry(caller).or_default().insert(callee);
    }

    /// The units that a unit calls.
    pub(in crate::incident) fn called_by(&self, caller: &EntityRef) -> impl Iterator<Item = &EntityRef> {
        self.0.get(caller).into_iter().flatten()
    }

    /// Whether it is known whom a unit calls.
    pub(in crate::incident) fn knows(&self, caller: &EntityRef) -> bool {
        self.0.contains_key(caller)
    }

    /// Whether calls lead from one unit to the other, over whatever lies between.
    pub(in crate::incident) fn reaches(&self, caller: &EntityRef, callee: &EntityRef) -> bool {
        let mut seen: BTreeSet<&EntityRef> = BTreeSet::new();
        let mut left = vec![caller];
        while let Some(unit) = left.pop() {
            for next in self.called_by(unit) {
                if next == callee {
                    return true;
                }
                if seen.insert(next) {
                    left.push(next);
                }
            }
        }
        false
    }

    /// Whether one unit calls the other.
    pub(in crate::incident) fn calls(&self, caller: &EntityRef, callee: &EntityRef) -> bool {
        self.0.get(caller).is_some_and(|callees| callees.contains(callee))
    }
}
