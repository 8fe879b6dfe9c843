//! What nobody can have the agent do, wherever: operations whose own tier is `forbidden`.

use super::Demand;
use crate::policy::{ADMISSION, OWN_GROUP, PASSING_ON, POWERS, READS, SUBRESOURCES};
use crate::walls::cel;

pub(super) fn demands() -> Vec<Demand> {
    let refusing = |condition: &str, text: &str| Demand::refusing("operation.tier", condition, text);
    let groups = |groups: &[&str]| {
        let groups = cel::texts(groups);
        format!("request.kind.group in {groups} || request.resource.group in {groups}")
    };
    vec![
        refusing(
            "variables.is_namespace && (request.operation == 'DELETE' || variables.part == 'finalize' || variables.freed)",
            "a namespace is not deleted, nor freed to be (delete_namespace); have a person do it",
        ),
        refusing(
            "request.operation == 'DELETE' && (!has(request.name) || request.name == '')",
            "objects are deleted by name, never all that match (delete_collection); delete one by one",
        ),
        refusing(
            "request.resource.group == '' && request.resource.resource == 'secrets'",
            "Secrets are not touched (touch_secret); have a person do it",
        ),
        refusing(
            &format!(
                "({}) || {}",
                groups(&["authentication.k8s.io", "certificates.k8s.io"]),
                escalates()
            ),
            "the agent gives nobody rights to pass rights on, to be somebody else, to read Secrets or to run anything in pods \
             (escalate); have a person do it",
        ),
        refusing(
            "request.operation == 'CONNECT' || request.resource.group == '' && request.resource.resource == 'pods' && \
             variables.part in ['exec', 'attach', 'portforward', 'proxy', 'ephemeralcontainers']",
            "nothing is run in a pod, and no way is opened to one (exec); read its logs, or have a person do it",
        ),
        refusing(
            &groups(&["admissionregistration.k8s.io", "apiregistration.k8s.io"]),
            "what the API server asks at admission is not changed (change_admission); have a person do it",
        ),
        refusing(
            &groups(&["apiextensions.k8s.io"]),
            "which kinds there are is not changed (change_kinds); have a person do it",
        ),
        refusing(
            &format!("request.resource.group == {}", cel::text(OWN_GROUP)),
            "the agent asks for approvals, and neither grants nor changes one; nor does it change its own policy \
             (change_policy); have a person do it",
        ),
        refusing(
            "variables.relabelled",
            "labels and annotations that the policy reads, and the labels of namespaces, are for people to write (change_policy)",
        ),
        refusing(
            // Of built-in kinds, a status in the object itself is left as it was before anybody looks.
            "variables.part == 'status' || \
             variables.changed && request.operation == 'UPDATE' && request.resource.group.contains('.') && \
             !request.resource.group.endsWith('.k8s.io') && \
             (has(variables.before.status) ? variables.before.status : dyn({})) != \
             (has(variables.after.status) ? variables.after.status : dyn({}))",
            "a status is for controllers to write (write_status); change what it follows from",
        ),
        refusing(
            "request.resource.group == '' && (request.resource.resource == 'bindings' || variables.part == 'binding')",
            "pods are put on nodes by the scheduler alone (unknown); have a person do it",
        ),
    ]
}

/// Roles that let others pass on rights, be somebody else, or do what only people may; bindings to those that do.
fn escalates() -> String {
    let ruled = |condition: &str| {
        format!(
            "(has(variables.after.rules) && dyn(variables.after.rules) != null && \
             variables.after.rules.exists(rule, {condition}))"
        )
    };
    let listed = |field: &str, condition: &str| {
        ruled(&format!(
            "has(rule.{field}) && rule.{field}.exists(word, {condition})"
        ))
    };
    let powers = format!(
        "word in {} || (word.contains('/') && word.split('/')[1] in {})",
        cel::texts(POWERS),
        cel::texts(SUBRESOURCES)
    );
    let changing = format!(
        "has(rule.verbs) && rule.verbs.exists(verb, !(verb in {})) && \
         ((has(rule.resources) && rule.resources.exists(word, word in {})) || \
         (has(rule.apiGroups) && '{OWN_GROUP}' in rule.apiGroups))",
        cel::texts(READS),
        cel::texts(ADMISSION)
    );
    let role = "variables.after.roleRef.name";
    let conditions = [
        listed("verbs", &format!("word in {}", cel::texts(PASSING_ON))),
        listed("resources", &powers),
        listed(
            "nonResourceURLs",
            "word in ['*', '/*'] || word.startsWith('/debug') || word.startsWith('/logs')",
        ),
        ruled(&changing),
        "has(variables.after.aggregationRule)".to_owned(),
        "variables.new_labels.exists(key, key.contains('/aggregate-to-'))".to_owned(),
        // Other roles take in the rights of those that have such labels, and which do is written elsewhere.
        "variables.kind == 'ClusterRole' && variables.new_labels != variables.old_labels".to_owned(),
        format!(
            "has(variables.after.roleRef) && ({role} in ['cluster-admin', 'admin', 'edit'] || {role}.startsWith('system:'))"
        ),
    ];
    format!(
        "variables.changed && request.resource.group == 'rbac.authorization.k8s.io' && ({})",
        cel::one_of(&conditions)
    )
}
