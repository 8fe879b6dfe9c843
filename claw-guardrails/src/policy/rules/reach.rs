use super::rule;
use crate::policy::{Fact, Policy, Reach, Request, Tier};

rule! {
    /// What reaches further than the limits of the blast radius is looked at by a person.
    BlastRadius = "reach.beyond", looks at [Operation, Reach], |_policy, request| {
        let beyond = request.reach == Reach::Beyond;
        (beyond && request.operation.is_write()).then_some(Tier::SyncApproval)
    }
}
