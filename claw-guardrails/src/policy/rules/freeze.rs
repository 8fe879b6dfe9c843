use super::Rule;
use crate::policy::{Fact, Policy, Request, Season, Tier};

/// In a freeze window a person decides on every change, if the policy allows changes at all.
pub(super) struct Freeze;

impl Rule for Freeze {
    fn id(&self) -> &'static str {
        "season.frozen"
    }

    fn text(&self) -> &'static str {
        "In a freeze window a person decides on every change, if the policy allows changes at all."
    }

    fn looks_at(&self) -> &'static [Fact] {
        &[Fact::Operation, Fact::Season]
    }

    fn judge(&self, policy: &Policy, request: &Request) -> Option<Tier> {
        let frozen = request.season == Season::Frozen && request.operation.is_change();
        frozen.then(|| policy.freeze.max(Tier::SyncApproval))
    }
}
