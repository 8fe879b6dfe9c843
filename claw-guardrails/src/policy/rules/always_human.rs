use super::rule;
use crate::policy::{Fact, Policy, Request, Tier};

rule! {
    /// Where the policy says `escalation: always_human`, every change has the approval of a person.
    AlwaysHuman = "actions.always_human", looks at [Operation], |policy, request| {
        (policy.escalation.is_some() && request.operation.is_change()).then_some(Tier::AsyncApproval)
    }
}
