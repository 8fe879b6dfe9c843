//! The revisions of workloads, and which of them a change rolled out.

use std::collections::BTreeSet;

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_k8s::model::PodSpec;

use super::Facts;

/// A ReplicaSet made this close to a rollout is that rollout's.
pub(in crate::incident) const SAME: jiff::SignedDuration = jiff::SignedDuration::from_mins(2);

impl Facts<'_> {
    /// Numbers of the revisions that a workload can go back to, its present one among them. A Deployment keeps a ReplicaSet for
    /// each; those without pods may have been read for their history alone.
    pub(in crate::incident) fn revisions(&self, workload: &EntityRef) -> BTreeSet<i64> {
        let kept = self.owned_by(workload).filter_map(|set| set.revision());
        let told = self.changes_of(workload).iter();
        kept.chain(told.filter_map(|change| written_number(change)))
            .collect()
    }

    /// Whether the objects were read in which a workload keeps its revisions.
    pub(in crate::incident) fn keeps_revisions(&self, workload: &EntityRef) -> bool {
        self.owned_by(workload).any(|set| set.revision().is_some())
    }

    /// The number of the revision that a change rolled out.
    pub(in crate::incident) fn revision_of(&self, change: &Change) -> Option<i64> {
        written_number(change).or_else(|| {
            self.owned_by(&change.entity)
                .filter_map(|set| {
                    let apart = set.metadata.creation_timestamp?.duration_since(change.time).abs();
                    (apart <= SAME).then_some((apart, set.revision()?))
                })
                .min()
                .map(|(_, number)| number)
        })
    }

    /// Whether a container of a workload's pods is not of its making: neither its template nor that of a revision has it.
    pub(in crate::incident) fn is_injected(&self, workload: &EntityRef, container: &str) -> bool {
        let Some(known) = self.workload(workload) else {
            return false;
        };
        let templates = std::iter::once(known).chain(self.owned_by(workload));
        let mut specs = templates.map(|known| &known.template().spec);
        let makes = |spec: &PodSpec| spec.all_containers().any(|own| own.name == container);
        !known.template().spec.containers.is_empty() && !specs.any(makes)
    }

    /// Whether a change is that a workload was created: nothing of it ran before that could have been well, and there is
    /// nothing to go back to. What is rolled out again gets a new number, so that the first is always this one.
    pub(in crate::incident) fn is_creation(&self, change: &Change) -> bool {
        change.kind == ChangeKind::Deploy && self.revision_of(change).is_some_and(|number| number <= 1)
    }
}

/// The number in the reference of a change that was told from revisions: `Deployment/shop/cart@14`.
fn written_number(change: &Change) -> Option<i64> {
    let rest = change.reference.strip_prefix(change.entity.kind.as_str())?;
    let rest = rest
        .strip_prefix('/')?
        .strip_prefix(change.entity.path().as_str())?;
    rest.strip_prefix('@')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use claw_core::change::ChangeKind;
    use claw_core::entity::EntityRef;

    use crate::incident::facts::Facts;
    use crate::incident::testing::{case, deploy};

    #[test]
    fn the_first_revision_is_the_creation() {
        let cart = EntityRef::namespaced("Deployment", "shop", "cart");
        let case = case();
        let facts = Facts::new(&case);
        let created = |reference: &str| facts.is_creation(&deploy(&cart, reference, -60));
        assert!(created("Deployment/shop/cart@1"));
        assert!(!created("Deployment/shop/cart@2"));
        // A recorded rollout of which no ReplicaSet is known may be any.
        assert!(!created("9c41e7b"));
        let mut edit = deploy(&cart, "Deployment/shop/cart@1", -60);
        edit.kind = ChangeKind::Config;
        assert!(!facts.is_creation(&edit));
    }
}
