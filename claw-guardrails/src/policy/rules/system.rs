use super::rule;
use crate::policy::{Fact, Place, Policy, Request, Tier};

rule! {
    /// Nothing in the namespaces of Kubernetes itself is changed.
    SystemNamespace = "namespace.system", looks at [Operation, Place], |_policy, request| {
        (request.operation.is_change() && request.place == Place::System).then_some(Tier::Forbidden)
    }
}
