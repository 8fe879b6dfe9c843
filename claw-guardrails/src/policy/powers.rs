//! Rights that are as good as other people's rights.

use serde_json::Value;

use super::classify::OWN_GROUP;

/// Resources that hold such rights, or lead to them.
pub(crate) const POWERS: [&str; 2] = ["*", "secrets"];

/// Subresources that do, of whatever resource: RBAC takes `pods/exec` and `*/exec` alike.
pub(crate) const SUBRESOURCES: [&str; 9] = [
    "*",
    "approval",
    "attach",
    "checkpoint",
    "ephemeralcontainers",
    "exec",
    "portforward",
    "proxy",
    "token",
];

/// Resources by which the API server's own decisions are changed.
pub(crate) const ADMISSION: [&str; 9] = [
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "customresourcedefinitions",
    "apiservices",
    "certificatesigningrequests",
];

/// Verbs by which rights are passed on, or taken.
pub(crate) const PASSING_ON: [&str; 6] = ["*", "escalate", "bind", "impersonate", "approve", "sign"];

/// Verbs that change nothing.
pub(crate) const READS: [&str; 3] = ["get", "list", "watch"];

/// Whether an object passes on such rights: a role that grants them, one that takes in whatever others grant, or a binding to a
/// role that has them.
pub(super) fn are_given_by(object: &Value) -> bool {
    let rules = object.get("rules").and_then(Value::as_array);
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let aggregates = object.get("aggregationRule").is_some_and(|rule| !rule.is_null())
        || labels.is_some_and(|labels| labels.keys().any(|key| key.contains("/aggregate-to-")));
    let role = object.pointer("/roleRef/name").and_then(Value::as_str);
    rules.into_iter().flatten().any(grants) || aggregates || role.is_some_and(is_powerful)
}

fn grants(rule: &Value) -> bool {
    let words = |field: &'static str| {
        let list = rule.get(field).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    };
    let writes = || words("verbs").any(|verb| !READS.contains(&verb));
    words("verbs").any(|verb| PASSING_ON.contains(&verb))
        || words("resources").any(is_power)
        || words("nonResourceURLs")
            .any(|path| matches!(path, "*" | "/*") || path.starts_with("/debug") || path.starts_with("/logs"))
        || words("resources").any(|resource| ADMISSION.contains(&resource)) && writes()
        || words("apiGroups").any(|group| group == OWN_GROUP) && writes()
}

/// Whether a rule about this resource grants one of the powers.
fn is_power(resource: &str) -> bool {
    match resource.split_once('/') {
        Some((_, part)) => SUBRESOURCES.contains(&part),
        None => POWERS.contains(&resource),
    }
}

/// Whether a role of this name has them on every cluster.
fn is_powerful(role: &str) -> bool {
    matches!(role, "cluster-admin" | "admin" | "edit") || role.starts_with("system:")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn role(rule: Value) -> bool {
        are_given_by(&json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}, rule]}))
    }

    #[test]
    fn what_only_reads_or_runs_workloads_is_no_power() {
        for rule in [
            json!({"apiGroups": [""], "resources": ["pods/log", "events", "nodes/metrics"], "verbs": ["get", "list", "watch"]}),
            json!({"apiGroups": ["apps"], "resources": ["deployments", "deployments/scale", "*/scale"], "verbs": ["patch"]}),
            json!({"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": ["list"]}),
            json!({"nonResourceURLs": ["/healthz", "/metrics"], "verbs": ["get"]}),
            json!({"apiGroups": [OWN_GROUP], "resources": ["approvals"], "verbs": ["get", "list", "watch"]}),
        ] {
            assert!(!role(rule.clone()), "{rule}");
        }
    }

    #[test]
    fn what_the_api_server_decides_by_is_a_power_to_write() {
        for (group, resource) in [
            ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
            ("apiregistration.k8s.io", "apiservices"),
            (OWN_GROUP, "approvals"),
        ] {
            let rule = json!({"apiGroups": [group], "resources": [resource], "verbs": ["patch"]});
            assert!(role(rule.clone()), "{rule}");
        }
        for path in ["*", "/*", "/debug/pprof", "/logs/kubelet.log"] {
            assert!(
                role(json!({"nonResourceURLs": [path], "verbs": ["get"]})),
                "{path}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_way_into_pods_is_a_power_whatever_it_is_the_part_of(
            resource in prop::sample::select(vec!["*", "pods", "services", "nodes", "serviceaccounts", "replicationcontrollers", "x"]),
            part in prop::sample::select(SUBRESOURCES.to_vec()),
            verb in prop::sample::select(vec!["get", "create", "update", "patch"]),
        ) {
            let rule = json!({"apiGroups": [""], "resources": [format!("{resource}/{part}")], "verbs": [verb]});
            prop_assert!(role(rule));
        }
    }
}
