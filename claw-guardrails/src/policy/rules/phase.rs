use super::Rule;
use crate::policy::{Fact, Policy, Request, Tier};

/// What belongs to a later phase is not done yet. It can be recommended.
pub(super) struct PhaseCap;

impl Rule for PhaseCap {
    fn id(&self) -> &'static str {
        "phase.cap"
    }

    fn text(&self) -> &'static str {
        "What belongs to a later phase is not done yet. It can be recommended."
    }

    fn looks_at(&self) -> &'static [Fact] {
        &[Fact::Operation, Fact::Phase]
    }

    fn judge(&self, policy: &Policy, request: &Request) -> Option<Tier> {
        (request.operation.phase() > policy.phase).then_some(Tier::Forbidden)
    }
}
