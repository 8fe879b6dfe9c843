//! What is the agent's own: not for it to change, whoever would approve.

use claw_core::action::Action;
use serde_json::Value;

use super::Policy;

/// The namespace that agents run in unless they are put elsewhere. It is theirs in every policy.
pub(super) const OWN_NAMESPACE: &str = "claw";
/// How the names of the roles and bindings begin that come with agents.
const OWN_NAMES: [&str; 2] = ["claw", "openclaw"];

impl Policy {
    /// Whether an action is about the agent itself: its namespace and what is in it, its roles, or the rights of accounts from there.
    /// `before` is the object as it is.
    pub(super) fn is_own(&self, action: &Action, before: Option<&Value>) -> bool {
        let target = &action.target;
        let namespace = target.namespace.as_deref();
        let in_own = namespace.is_some_and(|name| self.is_own_namespace(name))
            || target.kind.eq_ignore_ascii_case("Namespace") && self.is_own_namespace(&target.name);
        if in_own {
            return true;
        }
        // The subjects that are there afterwards are in one of these; and those that lose their rights in the latter.
        let objects = std::iter::once(&action.patch).chain(before);
        let mut subjects = objects
            .filter_map(|object| object.get("subjects")?.as_array())
            .flatten();
        let group = action.api_version.split('/').next().unwrap_or_default();
        let rights = matches!(group, "rbac.authorization.k8s.io" | "authorization.openshift.io");
        rights && self.is_own_role(&target.name) || subjects.any(|subject| self.is_own_subject(subject))
    }

    fn is_own_namespace(&self, name: &str) -> bool {
        name == self.own_namespace || name == OWN_NAMESPACE
    }

    fn is_own_role(&self, name: &str) -> bool {
        let is_named = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == pattern,
        };
        OWN_NAMES.iter().any(|beginning| name.starts_with(beginning)) || self.own_roles.iter().any(is_named)
    }

    /// Whether accounts of the agent's namespace are among those that a binding names, by whichever of their names.
    fn is_own_subject(&self, subject: &Value) -> bool {
        let text = |field: &str| subject.get(field).and_then(Value::as_str);
        let name = text("name").unwrap_or_default();
        if let Some(account) = name.strip_prefix("system:serviceaccount:") {
            let namespace = account.split(':').next().unwrap_or_default();
            return self.is_own_namespace(namespace);
        }
        if let Some(namespace) = name.strip_prefix("system:serviceaccounts:") {
            return self.is_own_namespace(namespace);
        }
        let everybody = [
            "system:serviceaccounts",
            "system:authenticated",
            "system:unauthenticated",
            "system:masters",
        ];
        match text("namespace") {
            Some(namespace) => self.is_own_namespace(namespace) || everybody.contains(&name),
            // Which account that is, is not said.
            None => everybody.contains(&name) || text("kind") == Some("ServiceAccount"),
        }
    }
}

#[cfg(test)]
mod tests {
    use claw_core::action::Verb;
    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::*;
    use crate::policy::{Facts, Phase, Tier};

    const GROUP: &str = "rbac.authorization.k8s.io/v1";

    fn tier(kind: &str, name: &str, before: Option<Value>, patch: Value) -> Tier {
        let verb = if before.is_some() {
            Verb::Patch
        } else {
            Verb::Create
        };
        let target = match kind.starts_with("Cluster") {
            true => EntityRef::cluster(kind, name),
            false => EntityRef::namespaced(kind, "shop", name),
        };
        let action: Action = serde_json::from_value(json!({
            "verb": verb, "target": target, "api_version": GROUP, "uid": null, "resource_version": null,
            "pre_image": null, "patch": patch, "expected": "", "reversal": null, "reason": "",
        }))
        .unwrap();
        let policy = Policy {
            own_namespace: "agents".to_owned(),
            own_roles: vec!["watchers".to_owned(), "ops-*".to_owned()],
            ..Policy::default().with_phase(Phase::Expanded)
        };
        let facts = Facts {
            object: before,
            ..Facts::default()
        };
        let now = jiff::Timestamp::UNIX_EPOCH;
        policy.judge(&action, &facts, now).unwrap().tier
    }

    #[test]
    fn no_name_of_its_accounts_gets_the_agent_rights() {
        let bound = |subject: Value| {
            tier(
                "RoleBinding",
                "b",
                None,
                json!({"roleRef": {"name": "reader"}, "subjects": [subject]}),
            )
        };
        for subject in [
            json!({"kind": "ServiceAccount", "namespace": "agents", "name": "agent"}),
            json!({"kind": "ServiceAccount", "namespace": "claw", "name": "agent"}),
            json!({"kind": "ServiceAccount", "name": "agent"}),
            json!({"kind": "User", "name": "system:serviceaccount:agents:agent"}),
            json!({"kind": "Group", "name": "system:serviceaccounts:agents"}),
            json!({"kind": "Group", "name": "system:serviceaccounts"}),
            json!({"kind": "Group", "name": "system:authenticated"}),
            json!({"kind": "group", "name": "system:masters"}),
        ] {
            assert_eq!(bound(subject.clone()), Tier::Forbidden, "{subject}");
        }
        for subject in [
            json!({"kind": "ServiceAccount", "namespace": "shop", "name": "agents"}),
            json!({"kind": "User", "name": "system:serviceaccount:shop:agents"}),
            json!({"kind": "Group", "name": "system:serviceaccounts:agents-of-others"}),
            json!({"kind": "User", "name": "kim"}),
        ] {
            assert_eq!(bound(subject.clone()), Tier::SyncApproval, "{subject}");
        }
    }

    #[test]
    fn its_namespace_is_its_own_and_nothing_else_of_that_name() {
        let is_own = |kind: &str, namespace: Option<&str>, name: &str| {
            let action: Action = serde_json::from_value(json!({
                "verb": "patch", "target": {"kind": kind, "namespace": namespace, "name": name}, "api_version": "v1",
                "uid": null, "resource_version": null, "pre_image": null, "patch": {}, "expected": "", "reversal": null,
                "reason": "",
            }))
            .unwrap();
            Policy::default().is_own(&action, None)
        };
        assert!(is_own("Namespace", None, "claw") && is_own("namespace", None, "claw"));
        assert!(is_own("ConfigMap", Some("claw"), "any"));
        assert!(!is_own("Namespace", None, "shop") && !is_own("ConfigMap", Some("shop"), "claw"));
    }

    #[test]
    fn rights_that_the_agent_has_are_not_taken_from_it_either() {
        let agent = json!({"kind": "ServiceAccount", "namespace": "agents", "name": "agent"});
        let before = json!({"roleRef": {"name": "reader"}, "subjects": [agent]});
        let patch = json!({"subjects": [{"kind": "User", "name": "kim"}]});
        assert_eq!(tier("RoleBinding", "b", Some(before), patch), Tier::Forbidden);
    }

    #[test]
    fn its_roles_are_its_own_by_their_names() {
        let rules = json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
        let before = || Some(json!({"rules": []}));
        for name in ["openclaw-agent-readonly", "claw-writes", "watchers", "ops-eu"] {
            assert_eq!(
                tier("ClusterRole", name, before(), rules.clone()),
                Tier::Forbidden,
                "{name}"
            );
        }
        for name in ["readers", "watchers-2", "ops"] {
            assert_eq!(
                tier("ClusterRole", name, before(), rules.clone()),
                Tier::SyncApproval,
                "{name}"
            );
        }
        // Which roles take it in by its labels, nobody has read.
        let labels = json!({"metadata": {"labels": {"team": "shop"}}});
        assert_eq!(tier("ClusterRole", "readers", before(), labels), Tier::Forbidden);
    }
}
