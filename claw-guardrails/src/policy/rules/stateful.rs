use super::rule;
use crate::policy::{Fact, Nature, Operation, Policy, Request, Tier};

rule! {
    /// A person looks when pods that hold data, or a place among others, may end or change in number. A workload of which
    /// nothing is said is stateful.
    Stateful = "workload.stateful", looks at [Operation, Nature], |_policy, request| {
        let operation = request.operation;
        let moved = operation.ends_pods() || matches!(operation, Operation::ScaleUp | Operation::AdjustHpa);
        (request.nature == Nature::Stateful && moved).then_some(Tier::SyncApproval)
    }
}
