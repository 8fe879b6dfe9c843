//! Where nothing is changed: `namespace.system`, `namespace.excluded`, and what is the agent's own.

use super::Demand;
use crate::policy::{CLUSTER_KINDS, Policy, SYSTEM_NAMESPACES};
use crate::walls::cel;

pub(super) fn demands(policy: &Policy) -> Vec<Demand> {
    let own = cel::text(&policy.own_namespace);
    let mut demands = vec![
        Demand::refusing(
            "namespace.system",
            &format!("variables.place in {}", cel::texts(SYSTEM_NAMESPACES)),
            "nothing in the namespaces of Kubernetes itself is changed; have a person do it",
        ),
        Demand::refusing(
            "namespace.system",
            &format!(
                "variables.place == '' && !(request.kind.kind in {})",
                cel::texts(CLUSTER_KINDS)
            ),
            "objects of this kind are in no namespace, and not among those that the agent may change; have a person do it",
        ),
        Demand::refusing(
            "operation.tier",
            &format!("variables.place == {own}"),
            "the agent's own namespace holds its policy, its switch and its rights; have a person do it",
        ),
        Demand::refusing(
            "operation.tier",
            &format!(
                "variables.changed && request.resource.group == 'rbac.authorization.k8s.io' && \
                 has(variables.after.subjects) && \
                 !(has(variables.before.subjects) && variables.before.subjects == variables.after.subjects) && \
                 variables.after.subjects.exists(subject, has(subject.namespace) && subject.namespace == {own})"
            ),
            "the agent gives no rights to accounts of its own namespace; have a person do it",
        ),
    ];
    if !policy.excluded_namespaces.is_empty() {
        demands.push(Demand::refusing(
            "namespace.excluded",
            &format!("variables.place in {}", cel::texts(&policy.excluded_namespaces)),
            "nothing in a namespace that the policy takes out is changed; have a person do it, or take it off \
             excluded_namespaces",
        ));
    }
    demands
}
