use super::Rule;
use crate::policy::{Fact, Policy, Request, Tier};

/// An operation is in a tier of its own, whatever its target is.
pub(super) struct OwnTier;

impl Rule for OwnTier {
    fn id(&self) -> &'static str {
        "operation.tier"
    }

    fn text(&self) -> &'static str {
        "An operation is in a tier of its own, whatever its target is."
    }

    fn looks_at(&self) -> &'static [Fact] {
        &[Fact::Operation]
    }

    fn judge(&self, _policy: &Policy, request: &Request) -> Option<Tier> {
        Some(request.operation.tier())
    }
}
