use super::rule;
use crate::policy::{Fact, Policy, Request, Tier};

rule! {
    /// What belongs to a later phase is not done yet. It can be recommended.
    PhaseCap = "phase.cap", looks at [Operation, Phase], |policy, request| {
        (request.operation.phase() > policy.phase).then_some(Tier::Forbidden)
    }
}
