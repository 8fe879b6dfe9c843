//! Who calls whom among units that are measured.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;

use super::Strains;

/// Callers and callees. What is not measured is looked through: who calls it calls whom it calls.
pub(super) struct Ties<'s> {
    callees: BTreeMap<&'s EntityRef, BTreeSet<&'s EntityRef>>,
    callers: BTreeMap<&'s EntityRef, BTreeSet<&'s EntityRef>>,
}

impl<'s> Ties<'s> {
    pub(super) fn of(strains: &'s Strains<'_>) -> Self {
        let mut direct: BTreeMap<&EntityRef, BTreeSet<&EntityRef>> = BTreeMap::new();
        for (caller, callees) in &strains.callees {
            direct.entry(caller).or_default().extend(callees);
        }
        for (caller, callee) in strains.edges.keys() {
            direct.entry(caller).or_default().insert(callee);
        }
        let seen: BTreeSet<&EntityRef> = strains
            .measured
            .iter()
            .chain(strains.units.keys())
            .chain(strains.edges.keys().flat_map(|(from, to)| [from, to]))
            .collect();
        let mut ties = Self {
            callees: BTreeMap::new(),
            callers: BTreeMap::new(),
        };
        for caller in direct.keys() {
            let mut passed = BTreeSet::from([*caller]);
            let mut left = vec![*caller];
            while let Some(at) = left.pop() {
                for &callee in direct.get(at).into_iter().flatten() {
                    if !passed.insert(callee) {
                        continue;
                    }
                    if seen.contains(callee) {
                        ties.callees.entry(caller).or_default().insert(callee);
                        ties.callers.entry(callee).or_default().insert(caller);
                    } else {
                        left.push(callee);
                    }
                }
            }
        }
        ties
    }

    /// Whether no calls are known.
    pub(super) fn is_empty(&self) -> bool {
        self.callees.is_empty()
    }

    pub(super) fn callees(&self, caller: &EntityRef) -> impl Iterator<Item = &'s EntityRef> {
        self.callees.get(caller).into_iter().flatten().copied()
    }

    pub(super) fn callers(&self, callee: &EntityRef) -> impl Iterator<Item = &'s EntityRef> {
        self.callers.get(callee).into_iter().flatten().copied()
    }
}
