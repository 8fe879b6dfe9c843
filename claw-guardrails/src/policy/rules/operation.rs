use super::rule;
use crate::policy::{Fact, Policy, Request, Tier};

rule! {
    /// An operation is in a tier of its own, whatever its target is.
    OwnTier = "operation.tier", looks at [Operation], |_policy, request| {
        Some(request.operation.tier())
    }
}
