use super::rule;
use crate::policy::{Amounts, Fact, Operation, Policy, Request, Tier};

rule! {
    /// Requests of containers are not reduced below what the policy sets.
    Floor = "resources.floor", looks at [Operation, Amounts], |policy, request| {
        let reduces = matches!(
            request.operation,
            Operation::ChangeResources | Operation::Configure
        );
        let below = request.amounts == Amounts::Below && policy.never_reduce_below.is_some();
        (reduces && below).then_some(Tier::Forbidden)
    }
}
