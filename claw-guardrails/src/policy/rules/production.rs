use super::rule;
use crate::policy::{Environment, Fact, Policy, Request, Tier};

rule! {
    /// Every change in production has the approval of a person. A namespace whose labels name no environment is
    /// production.
    Production = "environment.production", looks at [Operation, Environment], |_policy, request| {
        let there = request.environment == Environment::Production;
        (there && request.operation.is_change()).then_some(Tier::AsyncApproval)
    }
}
