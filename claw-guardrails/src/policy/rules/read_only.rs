use super::rule;
use crate::policy::{Fact, Policy, Request, Tier};

rule! {
    /// Where the policy says `max_actions: read_only`, nothing is changed. It can be recommended.
    ReadOnly = "actions.read_only", looks at [Operation], |policy, request| {
        (policy.max_actions.is_some() && request.operation.is_change()).then_some(Tier::Forbidden)
    }
}
