use super::Rule;
use crate::policy::{Fact, Policy, Reach, Request, Tier};

/// What reaches further than the limits of the blast radius is looked at by a person.
pub(super) struct BlastRadius;

impl Rule for BlastRadius {
    fn id(&self) -> &'static str {
        "reach.beyond"
    }

    fn text(&self) -> &'static str {
        "What reaches further than the limits of the blast radius is looked at by a person."
    }

    fn looks_at(&self) -> &'static [Fact] {
        &[Fact::Operation, Fact::Reach]
    }

    fn judge(&self, _policy: &Policy, request: &Request) -> Option<Tier> {
        let beyond = request.reach == Reach::Beyond;
        (beyond && request.operation.is_write()).then_some(Tier::SyncApproval)
    }
}
