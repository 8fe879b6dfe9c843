use super::rule;
use crate::policy::{Fact, Place, Policy, Request, Tier};

rule! {
    /// Nothing in a namespace that the policy takes out is changed.
    ExcludedNamespace = "namespace.excluded", looks at [Operation, Place], |_policy, request| {
        (request.operation.is_change() && request.place == Place::Excluded).then_some(Tier::Forbidden)
    }
}
