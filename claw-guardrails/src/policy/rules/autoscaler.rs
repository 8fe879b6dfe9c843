use super::rule;
use crate::policy::{Fact, Operation, Policy, Request, Tier};

rule! {
    /// A person looks when an autoscaler could run more replicas than the policy lets the agent have by itself, or nobody
    /// knows how many.
    Autoscaler = "scale.autoscaler", looks at [Operation, Replicas], |policy, request| {
        let within = request
            .replicas
            .is_some_and(|replicas| replicas.wanted <= policy.most_replicas());
        (request.operation == Operation::AdjustHpa && !within).then_some(Tier::SyncApproval)
    }
}
