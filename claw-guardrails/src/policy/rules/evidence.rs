use super::rule;
use crate::policy::{Evidence, Fact, Operation, Policy, Request, Tier};

rule! {
    /// Requests and limits of containers are not changed on fewer days of data than the policy wants.
    EnoughData = "data.too_short", looks at [Operation, Evidence], |policy, request| {
        let short = request.evidence == Evidence::Short && policy.min_observation_days.is_some();
        (short && request.operation == Operation::ChangeResources).then_some(Tier::Forbidden)
    }
}
