//! Along which ways trouble spreads.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use claw_core::entity::EntityRef;

/// Directed graph in which an edge `a → b` says: trouble at `a` is felt at `b`.
///
/// A node's trouble is felt by its pods, a pod's by its workload, a workload's by its services, a service's by its callers.
#[derive(Clone, Debug, Default)]
pub struct FailureGraph {
    index: BTreeMap<EntityRef, usize>,
    entities: Vec<EntityRef>,
    felt_by: Vec<BTreeSet<usize>>,
}

impl FailureGraph {
    /// Adds an entity without edges.
    pub fn insert(&mut self, entity: &EntityRef) -> usize {
        if let Some(&index) = self.index.get(entity) {
            return index;
        }
        let index = self.entities.len();
        self.index.insert(entity.clone(), index);
        self.entities.push(entity.clone());
        self.felt_by.push(BTreeSet::new());
        index
    }

    /// Says that trouble at `at` is felt at `felt`.
    pub fn connect(&mut self, at: &EntityRef, felt: &EntityRef) {
        let (from, to) = (self.insert(at), self.insert(felt));
        if from != to
            && let Some(edges) = self.felt_by.get_mut(from)
        {
            edges.insert(to);
        }
    }

    /// Whether the entity is in the graph.
    pub fn contains(&self, entity: &EntityRef) -> bool {
        self.index.contains_key(entity)
    }

    /// Whether there is anything whose trouble the entity would feel.
    pub fn feels_any(&self, entity: &EntityRef) -> bool {
        let index = self.index.get(entity);
        index.is_some_and(|index| self.felt_by.iter().any(|edges| edges.contains(index)))
    }

    /// All entities, in the order in which they were added.
    pub fn entities(&self) -> &[EntityRef] {
        &self.entities
    }

    /// Everything that feels trouble at one of `seeds`, with its distance in edges; the seeds themselves at 0.
    pub fn reach<'a>(&self, seeds: impl IntoIterator<Item = &'a EntityRef>) -> BTreeMap<EntityRef, u32> {
        let mut distance: BTreeMap<usize, u32> = BTreeMap::new();
        let mut reached: BTreeMap<EntityRef, u32> = BTreeMap::new();
        let mut queue = VecDeque::new();
        for seed in seeds {
            reached.insert(seed.clone(), 0);
            if let Some(&index) = self.index.get(seed)
                && distance.insert(index, 0).is_none()
            {
                queue.push_back(index);
            }
        }
        while let Some(index) = queue.pop_front() {
            let here = distance.get(&index).copied().unwrap_or(0);
            for &next in self.felt_by.get(index).into_iter().flatten() {
                if let std::collections::btree_map::Entry::Vacant(slot) = distance.entry(next) {
                    slot.insert(here + 1);
                    queue.push_back(next);
                }
            }
        }
        for (index, steps) in distance {
            if let Some(entity) = self.entities.get(index) {
                reached.entry(entity.clone()).or_insert(steps);
            }
        }
        reached
    }

    /// Entities that feel trouble at `entity` directly.
    pub fn felt_by(&self, entity: &EntityRef) -> Vec<&EntityRef> {
        let Some(&index) = self.index.get(entity) else {
            return Vec::new();
        };
        self.felt_by
            .get(index)
            .into_iter()
            .flatten()
            .filter_map(|&next| self.entities.get(next))
            .collect()
    }
}
