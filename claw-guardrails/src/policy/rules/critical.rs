use super::rule;
use crate::policy::{Criticality, Fact, Policy, Request, Tier};

rule! {
    /// A person has more to do with changes of critical workloads than with others. A workload of which nothing is said
    /// is critical.
    Critical = "workload.critical", looks at [Operation, Criticality], |_policy, request| {
        let critical = request.criticality == Criticality::Critical;
        (critical && request.operation.is_change()).then(|| request.operation.tier().stricter())
    }
}
