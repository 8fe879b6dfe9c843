use super::rule;
use crate::policy::{Fact, Operation, Policy, Request, Tier};

rule! {
    /// More replicas than the policy lets the agent have by itself are for a person to decide, and so is what was not
    /// counted.
    ScaleUp = "scale.up", looks at [Operation, Replicas], |policy, request| {
        if request.operation != Operation::ScaleUp {
            return None;
        }
        let within = request.replicas.is_some_and(|replicas| {
            replicas.is_within(policy.most_percent()) && replicas.wanted <= policy.most_replicas()
        });
        Some(if within {
            Tier::AutoLogged
        } else {
            Tier::AsyncApproval
        })
    }
}
