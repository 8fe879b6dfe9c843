use super::rule;
use crate::policy::{Activity, Fact, Nature, Policy, Request, Tier};

rule! {
    /// What is at a piece of work is not broken off: a consumer with messages in its queue, a batch with an active job.
    Working = "workload.working", looks at [Operation, Nature, Activity], |_policy, request| {
        let held = matches!(request.nature, Nature::Consumer | Nature::Batch);
        let working = request.activity == Activity::Working;
        (held && working && request.operation.ends_pods()).then_some(Tier::Forbidden)
    }
}
