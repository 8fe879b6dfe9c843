//! Who feels whose trouble, from one workload, service, node or host to the next.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use claw_core::entity::EntityRef;

use super::site::{Named, Site};
use crate::incident::case::Case;
use crate::incident::facts::Facts;
use crate::incident::graph::FailureGraph;
use crate::incident::spread;

/// Calls are followed so far: beyond, something else is likelier than that one is the other's cause.
pub(super) const FAR: u32 = 3;
/// Two that feel a third are at most so far from it.
const NEAR: u32 = 2;
/// Kinds that many things rest on which otherwise have nothing to do with each other: an alert about them ties what feels them,
/// and they tie nothing by themselves.
const SHARED_BY_ALL: [&str; 9] = [
    "Node",
    "Namespace",
    "ServiceAccount",
    "ConfigMap",
    "Secret",
    "ResourceQuota",
    "LimitRange",
    "StorageClass",
    "NetworkPolicy",
];

/// Distances from one unit, by unit.
type Distances = Rc<BTreeMap<EntityRef, u32>>;

/// The failure graph of a case, from unit to unit: a Deployment with its pods and Services is one.
pub(super) struct Map<'a> {
    facts: Facts<'a>,
    felt_by: BTreeMap<EntityRef, BTreeSet<EntityRef>>,
    feels: BTreeMap<EntityRef, BTreeSet<EntityRef>>,
    /// Of which it is known whom they call, or who calls them. That a unit runs on a node says nothing of that.
    called: BTreeSet<EntityRef>,
    below: RefCell<BTreeMap<EntityRef, Distances>>,
    above: RefCell<BTreeMap<EntityRef, Distances>>,
}

impl<'a> Map<'a> {
    /// The map of a case.
    pub(super) fn of(case: &'a Case) -> Self {
        let facts = Facts::new(case);
        let mut felt_by: BTreeMap<EntityRef, BTreeSet<EntityRef>> = BTreeMap::new();
        let mut feels: BTreeMap<EntityRef, BTreeSet<EntityRef>> = BTreeMap::new();
        between_units(&facts, facts.graph(), |unit, felt| {
            feels.entry(felt.clone()).or_default().insert(unit.clone());
            felt_by.entry(unit.clone()).or_default().insert(felt.clone());
        });
        let mut called = BTreeSet::new();
        between_units(&facts, &spread::calls(&facts), |callee, caller| {
            called.extend([callee.clone(), caller.clone()]);
        });
        Self {
            facts,
            felt_by,
            feels,
            called,
            below: RefCell::default(),
            above: RefCell::default(),
        }
    }

    /// Where that is.
    pub(super) fn place(&self, named: Named) -> Site {
        let units: BTreeSet<EntityRef> = named
            .entities
            .iter()
            .map(|entity| self.facts.unit_of(entity))
            .collect();
        let is_mapped = !units.is_disjoint(&self.called);
        Site {
            units,
            nodes: named.nodes,
            namespaces: named.namespaces,
            is_mapped,
            realm: named.realm,
            is_quiet: named.is_quiet,
        }
    }

    /// How far trouble at one of `from` has to go to be felt at one of `to`.
    pub(super) fn distance(&self, from: &BTreeSet<EntityRef>, to: &BTreeSet<EntityRef>) -> Option<u32> {
        from.iter()
            .flat_map(|unit| {
                let below = self.below(unit);
                to.iter()
                    .filter_map(|felt| below.get(felt).copied())
                    .collect::<Vec<_>>()
            })
            .min()
    }

    /// Whether there is something whose trouble both feel, and most of what calls it: what is at fault and says nothing fails for
    /// all of them.
    pub(super) fn share_cause(
        &self,
        one: &BTreeSet<EntityRef>,
        other: &BTreeSet<EntityRef>,
        alarmed: &BTreeSet<&EntityRef>,
    ) -> bool {
        one.iter().any(|one| {
            let above = self.above(one);
            other.iter().any(|other| {
                let beside = self.above(other);
                above.iter().any(|(cause, distance)| {
                    let near = |distance: &u32| *distance <= NEAR;
                    near(distance)
                        && beside.get(cause).is_some_and(near)
                        && !SHARED_BY_ALL.contains(&cause.kind.as_str())
                        && self.is_felt_by_most(cause, alarmed)
                })
            })
        })
    }

    /// Whether more than half of what feels a unit's trouble first says that something is wrong with it.
    fn is_felt_by_most(&self, cause: &EntityRef, alarmed: &BTreeSet<&EntityRef>) -> bool {
        let called = self.called.contains(cause);
        let felt_by = self.felt_by.get(cause).into_iter().flatten();
        // Where its callers are known, they are meant, and not what scales or routes to it.
        let first: Vec<&EntityRef> = felt_by
            .filter(|unit| !called || self.called.contains(*unit))
            .collect();
        let alarmed = first.iter().filter(|unit| alarmed.contains(**unit)).count();
        alarmed.saturating_mul(2) > first.len()
    }

    /// Everything that feels a unit's trouble.
    fn below(&self, unit: &EntityRef) -> Distances {
        distances(&self.below, &self.felt_by, unit)
    }

    /// Everything whose trouble a unit feels.
    fn above(&self, unit: &EntityRef) -> Distances {
        distances(&self.above, &self.feels, unit)
    }
}

/// What each edge of a graph says of units: whose trouble is felt, and by whom.
fn between_units(facts: &Facts<'_>, graph: &FailureGraph, mut edge: impl FnMut(&EntityRef, &EntityRef)) {
    for entity in graph.entities() {
        let unit = facts.unit_of(entity);
        for felt in graph.felt_by(entity) {
            let felt = facts.unit_of(felt);
            if felt != unit {
                edge(&unit, &felt);
            }
        }
    }
}

fn distances(
    known: &RefCell<BTreeMap<EntityRef, Distances>>,
    edges: &BTreeMap<EntityRef, BTreeSet<EntityRef>>,
    from: &EntityRef,
) -> Distances {
    if let Some(found) = known.borrow().get(from) {
        return Rc::clone(found);
    }
    let mut found = BTreeMap::from([(from.clone(), 0)]);
    let mut queue = VecDeque::from([(from, 0)]);
    while let Some((unit, distance)) = queue.pop_front() {
        let next = distance + 1;
        for unit in edges.get(unit).into_iter().flatten().filter(|_| next <= FAR) {
            if !found.contains_key(unit) {
                found.insert(unit.clone(), next);
                queue.push_back((unit, next));
            }
        }
    }
    let found = Rc::new(found);
    known.borrow_mut().insert(from.clone(), Rc::clone(&found));
    found
}
