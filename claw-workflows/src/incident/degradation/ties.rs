//! Who calls whom among units that are measured.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;

use super::Strains;
use crate::incident::units::{Strain, strain};

/// Callers and callees, for each strain that travels along calls. What is not measured in that respect is looked through: who
/// calls it calls whom it calls.
pub(super) struct Ties<'s> {
    latency: Calls<'s>,
    errors: Calls<'s>,
    traffic: Calls<'s>,
}

/// The calls among units of which one strain is measured, and from others to them.
struct Calls<'s> {
    seen: BTreeSet<&'s EntityRef>,
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
        Self {
            latency: Calls::of(seen(strains, Strain::Latency), &direct),
            errors: Calls::of(seen(strains, Strain::Errors), &direct),
            traffic: Calls::of(seen(strains, Strain::Traffic), &direct),
        }
    }

    /// Whether no calls are known.
    pub(super) fn is_empty(&self) -> bool {
        let empty = |calls: &Calls<'_>| calls.callees.is_empty();
        empty(&self.latency) && empty(&self.errors) && empty(&self.traffic)
    }

    /// Whether it is known how a unit stands in some respect.
    pub(super) fn is_measured(&self, by: Strain, entity: &EntityRef) -> bool {
        self.calls(by).is_some_and(|calls| calls.seen.contains(entity))
    }

    /// Whom a unit calls, directly or by way of what is not measured, among those that are.
    pub(super) fn callees(&self, by: Strain, caller: &EntityRef) -> impl Iterator<Item = &'s EntityRef> {
        let callees = self.calls(by).and_then(|calls| calls.callees.get(caller));
        callees.into_iter().flatten().copied()
    }

    /// Who calls a unit that is measured, whether the caller is or not.
    pub(super) fn callers(&self, by: Strain, callee: &EntityRef) -> impl Iterator<Item = &'s EntityRef> {
        let callers = self.calls(by).and_then(|calls| calls.callers.get(callee));
        callers.into_iter().flatten().copied()
    }

    fn calls(&self, by: Strain) -> Option<&Calls<'s>> {
        match by {
            Strain::Latency => Some(&self.latency),
            Strain::Errors => Some(&self.errors),
            Strain::Traffic => Some(&self.traffic),
            _ => None,
        }
    }
}

impl<'s> Calls<'s> {
    fn of(seen: BTreeSet<&'s EntityRef>, direct: &BTreeMap<&'s EntityRef, BTreeSet<&'s EntityRef>>) -> Self {
        let mut calls = Self {
            seen,
            callees: BTreeMap::new(),
            callers: BTreeMap::new(),
        };
        for &caller in direct.keys() {
            let mut passed = BTreeSet::from([caller]);
            let mut left = vec![caller];
            while let Some(at) = left.pop() {
                for &callee in direct.get(at).into_iter().flatten() {
                    if !passed.insert(callee) {
                        continue;
                    }
                    if calls.seen.contains(callee) {
                        calls.callees.entry(caller).or_default().insert(callee);
                        calls.callers.entry(callee).or_default().insert(caller);
                    } else {
                        left.push(callee);
                    }
                }
            }
        }
        calls
    }
}

/// The units of which something is measured that shows a strain, and the ends of calls of which something moved that does.
fn seen<'s>(strains: &'s Strains<'_>, by: Strain) -> BTreeSet<&'s EntityRef> {
    let measured = strains.measured.iter().filter(|(_, known)| *known == by);
    let units = strains
        .units
        .iter()
        .filter(|(_, unit)| unit.strains.contains_key(&by));
    let edges = strains.edges.iter();
    let edges = edges.filter(|(_, signals)| signals.iter().any(|signal| strain(signal) == by));
    measured
        .map(|(entity, _)| entity)
        .chain(units.map(|(entity, _)| entity))
        .chain(edges.flat_map(|((from, to), _)| [from, to]))
        .collect()
}
