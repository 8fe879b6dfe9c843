use super::rule;
use crate::policy::{Fact, Policy, Request, Season, Tier};

rule! {
    /// In a freeze window a person decides on every change, if the policy allows changes at all.
    Freeze = "season.frozen", looks at [Operation, Season], |policy, request| {
        let frozen = request.season == Season::Frozen && request.operation.is_change();
        frozen.then(|| policy.freeze.max(Tier::SyncApproval))
    }
}
