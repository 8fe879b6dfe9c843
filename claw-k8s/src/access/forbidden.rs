//! Rights that no role for writing gives, whoever declares them.

use crate::cluster::AccessQuestion;

/// Verbs that roles for writing may give. The others pass on rights, act on whatever matches, or approve.
const VERBS: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];

/// Groups whose objects are rights, ways into the API server, or the agent's own rules.
const GROUPS: [(&str, &str); 7] = [
    (
        "rbac.authorization.k8s.io",
        "who may do what is for people to change",
    ),
    (
        "admissionregistration.k8s.io",
        "what is asked at admission is for people to change",
    ),
    (
        "apiregistration.k8s.io",
        "what answers for the API is for people to change",
    ),
    (
        "apiextensions.k8s.io",
        "which kinds there are is for people to change",
    ),
    ("authentication.k8s.io", "tokens are rights of others"),
    ("certificates.k8s.io", "certificates are rights of others"),
    (OWN_GROUP, "policies and approvals are for people to write"),
];

/// The API group of policies and approvals.
const OWN_GROUP: &str = "claw.dev";

/// Parts of objects by which something is run in a pod, or a way to one is opened.
const WAYS_IN: [&str; 5] = ["exec", "attach", "portforward", "proxy", "ephemeralcontainers"];

/// Why no role for writing gives this right; `None` where one may.
///
/// ```
/// use claw_k8s::access::forbidden;
///
/// assert!(forbidden("", "secrets", "get").is_some());
/// assert!(forbidden("apps", "deployments", "deletecollection").is_some());
/// assert!(forbidden("apps", "deployments", "patch").is_none());
/// ```
pub fn forbidden(group: &str, resource: &str, verb: &str) -> Option<&'static str> {
    let (kind, part) = resource.split_once('/').unwrap_or((resource, ""));
    let reads = matches!(verb, "get" | "list" | "watch");
    if [group, resource, verb].iter().any(|word| word.contains('*')) {
        return Some("it would be everything; name what it is");
    }
    if verb == "deletecollection" {
        return Some("objects are deleted by name");
    }
    if !VERBS.contains(&verb) {
        return Some("it passes on rights, or is for people alone");
    }
    if group.is_empty() && kind == "secrets" {
        return Some("Secrets are not touched");
    }
    if group.is_empty() && WAYS_IN.contains(&part) {
        return Some("nothing is run in a pod, and no way is opened to one");
    }
    if reads {
        return None;
    }
    if group.is_empty() && kind == "serviceaccounts" {
        return Some("accounts and their tokens are rights of others");
    }
    if group.is_empty() && kind == "namespaces" && (verb == "delete" || part == "finalize") {
        return Some("a namespace is not deleted");
    }
    if group.is_empty() && (kind == "bindings" || part == "binding") {
        return Some("the scheduler alone puts pods on nodes");
    }
    if part == "status" {
        return Some("a status is for controllers to write");
    }
    let known = GROUPS.iter().find(|(name, _)| *name == group);
    known.map(|(_, why)| *why)
}

/// What the account that writes must be denied, each right by its name.
#[rustfmt::skip]
const DENIED: [(&str, &str, &[&str]); 41] = [
    ("", "namespaces", &["delete"]),
    ("", "namespaces/finalize", &["update"]),
    ("", "secrets", &["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]),
    ("", "serviceaccounts", &["create", "update", "patch", "delete", "impersonate"]),
    ("", "serviceaccounts/token", &["create"]),
    ("", "users", &["impersonate"]),
    ("", "groups", &["impersonate"]),
    ("", "pods/exec", &["get", "create"]),
    ("", "pods/attach", &["get", "create"]),
    ("", "pods/portforward", &["get", "create"]),
    ("", "pods/proxy", &["get", "create"]),
    ("", "pods/ephemeralcontainers", &["update", "patch"]),
    ("", "pods/binding", &["create"]),
    ("", "pods/status", &["update", "patch"]),
    ("", "services/proxy", &["get", "create"]),
    ("", "nodes/proxy", &["get", "create"]),
    ("", "nodes/status", &["update", "patch"]),
    ("", "bindings", &["create"]),
    ("", "pods", &["deletecollection"]),
    ("", "configmaps", &["deletecollection"]),
    ("", "services", &["deletecollection"]),
    ("", "persistentvolumeclaims", &["deletecollection"]),
    ("", "persistentvolumes", &["deletecollection"]),
    ("", "nodes", &["deletecollection"]),
    ("apps", "deployments", &["deletecollection"]),
    ("apps", "statefulsets", &["deletecollection"]),
    ("apps", "daemonsets", &["deletecollection"]),
    ("rbac.authorization.k8s.io", "roles", &["create", "update", "patch", "delete", "escalate", "bind"]),
    ("rbac.authorization.k8s.io", "clusterroles", &["create", "update", "patch", "delete", "escalate", "bind"]),
    ("rbac.authorization.k8s.io", "rolebindings", &["create", "update", "patch", "delete"]),
    ("rbac.authorization.k8s.io", "clusterrolebindings", &["create", "update", "patch", "delete"]),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations", &["create", "update", "patch", "delete"]),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", &["create", "update", "patch", "delete"]),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies", &["create", "update", "patch", "delete"]),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings", &["create", "update", "patch", "delete"]),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies", &["create", "update", "patch", "delete"]),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings", &["create", "update", "patch", "delete"]),
    ("apiregistration.k8s.io", "apiservices", &["create", "update", "patch", "delete"]),
    ("apiextensions.k8s.io", "customresourcedefinitions", &["create", "update", "patch", "delete"]),
    ("certificates.k8s.io", "certificatesigningrequests/approval", &["update", "patch"]),
    (OWN_GROUP, "approvals", &["update", "patch"]),
];

/// Kinds of that list that are in no namespace.
const IN_NONE: [&str; 16] = [
    "apiservices",
    "certificatesigningrequests",
    "clusterrolebindings",
    "clusterroles",
    "customresourcedefinitions",
    "groups",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
    "mutatingwebhookconfigurations",
    "namespaces",
    "nodes",
    "persistentvolumes",
    "users",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "validatingwebhookconfigurations",
];

/// The questions that a self-check of the account that writes asks, each of which has to be answered with no: in all namespaces,
/// and in each of these, where a role of its own might grant it.
pub fn denied<'a>(namespaces: impl IntoIterator<Item = &'a str>) -> Vec<AccessQuestion> {
    let namespaces: Vec<&str> = namespaces.into_iter().collect();
    let mut questions = Vec::new();
    for (group, resource, verbs) in DENIED {
        for verb in verbs {
            let all = question(group, resource, verb, None);
            if !IN_NONE.contains(&all.resource.as_str()) {
                let inside = namespaces
                    .iter()
                    .map(|name| question(group, resource, verb, Some(name)));
                questions.extend(inside);
            }
            questions.push(all);
        }
    }
    questions
}

/// A question about a right as roles write it.
pub(super) fn question(group: &str, resource: &str, verb: &str, namespace: Option<&str>) -> AccessQuestion {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    AccessQuestion {
        verb: verb.to_owned(),
        group: group.to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        namespace: namespace.map(str::to_owned),
    }
}
