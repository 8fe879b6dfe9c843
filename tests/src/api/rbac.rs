//! Who may do what, from the roles and bindings among the objects.

use std::sync::Arc;

use serde_json::{Value, json};

use super::kinds::Kind;
use super::select::Selector;
use super::status::Failure;
use super::store::{Key, Store};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Name, `system:serviceaccount:<namespace>:<name>` for service accounts.
    pub name: String,
    /// Groups.
    pub groups: Vec<String>,
}

impl User {
    /// A person, or anything else with a name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            groups: vec!["system:authenticated".to_owned()],
        }
    }

    /// A service account.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self {
            name: format!("system:serviceaccount:{namespace}:{name}"),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ],
        }
    }

    /// Adds a group.
    #[must_use]
    pub fn in_group(mut self, group: impl Into<String>) -> Self {
        self.groups.push(group.into());
        self
    }
}

/// What somebody wants to do.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempt<'a> {
    pub(super) verb: &'a str,
    pub(super) group: &'a str,
    pub(super) resource: &'a str,
    pub(super) subresource: &'a str,
    pub(super) namespace: Option<&'a str>,
    pub(super) name: &'a str,
    /// A path that is no resource, such as `/metrics`.
    pub(super) path: Option<&'a str>,
}

impl Attempt<'_> {
    fn full_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }

    /// The refusal, as the real server words it.
    pub(super) fn refusal(&self, user: &User) -> String {
        if let Some(path) = self.path {
            return format!(
                "forbidden: User \"{}\" cannot {} path \"{path}\"",
                user.name, self.verb
            );
        }
        let qualified = if self.group.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}.{}", self.resource, self.group)
        };
        let object = if self.name.is_empty() {
            qualified
        } else {
            format!("{qualified} \"{}\"", self.name)
        };
        let place = match self.namespace {
            Some(namespace) => format!("in the namespace \"{namespace}\""),
            None => "at the cluster scope".to_owned(),
        };
        format!(
            "{object} is forbidden: User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {place}",
            user.name,
            self.verb,
            self.full_resource(),
            self.group
        )
    }
}

/// The rule that allows the attempt, in words; `None` when none does.
pub(super) fn allows(store: &Store, user: &User, attempt: &Attempt<'_>) -> Option<String> {
    // What every authenticated user may see.
    if let Some(path) = attempt.path
        && attempt.verb == "get"
        && [
            "/api", "/apis", "/version", "/healthz", "/livez", "/readyz", "/openapi",
        ]
        .iter()
        .any(|prefix| path == *prefix || path.starts_with(&format!("{prefix}/")))
    {
        return Some(to_everybody("system:discovery"));
    }
    if matches!(attempt.group, "authorization.k8s.io" | "authentication.k8s.io")
        && attempt.resource.starts_with("selfsubject")
        && attempt.verb == "create"
    {
        return Some(to_everybody("system:basic-user"));
    }
    if user.groups.iter().any(|group| group == "system:masters") {
        return Some(String::new());
    }
    grants(store, user, attempt.namespace)
        .into_iter()
        .find(|grant| {
            grant
                .rules
                .iter()
                .any(|rule| covers(rule, attempt, grant.cluster_wide))
        })
        .map(|grant| grant.reason)
}

/// A right that everybody has who is somebody, in words.
fn to_everybody(role: &str) -> String {
    format!(
        "RBAC: allowed by ClusterRoleBinding \"{role}\" of ClusterRole \"{role}\" to Group \"system:authenticated\""
    )
}

/// All rules that hold for the user in a namespace.
pub(super) fn rules(store: &Store, user: &User, namespace: Option<&str>) -> (Vec<Value>, Vec<Value>) {
    let all = grants(store, user, namespace)
        .into_iter()
        .flat_map(|grant| grant.rules);
    let (paths, resources): (Vec<Value>, Vec<Value>) =
        all.partition(|rule| rule.get("nonResourceURLs").is_some_and(|urls| !urls.is_null()));
    (resources, paths)
}

struct Grant {
    rules: Vec<Value>,
    cluster_wide: bool,
    reason: String,
}

fn grants(store: &Store, user: &User, namespace: Option<&str>) -> Vec<Grant> {
    let mut found = Vec::new();
    for (plural, place) in [("clusterrolebindings", None), ("rolebindings", namespace)] {
        let cluster_wide = plural == "clusterrolebindings";
        if !cluster_wide && place.is_none() {
            continue;
        }
        for binding in of(store, plural, place) {
            let text = |pointer: &str| {
                binding
                    .pointer(pointer)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let subjects = binding.get("subjects").and_then(Value::as_array);
            let Some(subject) = subjects.into_iter().flatten().find(|subject| is(subject, user)) else {
                continue;
            };
            let (role_kind, role_name) = (text("/roleRef/kind"), text("/roleRef/name"));
            let role = if role_kind == "ClusterRole" {
                named(store, "clusterroles", None, role_name)
            } else {
                named(store, "roles", place, role_name)
            };
            let Some(role) = role else {
                continue;
            };
            let (kind, name) = (
                if cluster_wide {
                    "ClusterRoleBinding"
                } else {
                    "RoleBinding"
                },
                text("/metadata/name"),
            );
            let place = place.map(|namespace| format!("/{namespace}")).unwrap_or_default();
            let subject_kind = subject.get("kind").and_then(Value::as_str).unwrap_or_default();
            let subject_name = subject.get("name").and_then(Value::as_str).unwrap_or_default();
            let subject_place = subject.get("namespace").and_then(Value::as_str);
            let subject_place = subject_place
                .map(|namespace| format!("/{namespace}"))
                .unwrap_or_default();
            found.push(Grant {
                rules: rules_of(store, &role),
                cluster_wide,
                reason: format!(
                    "RBAC: allowed by {kind} \"{name}{place}\" of {role_kind} \"{role_name}\" to {subject_kind} \
                     \"{subject_name}{subject_place}\""
                ),
            });
        }
    }
    found
}

fn of<'a>(store: &'a Store, plural: &str, namespace: Option<&str>) -> Vec<&'a Arc<Value>> {
    match store.kinds.get(GROUP, plural) {
        Some(kind) => Store::list(&store.objects, kind, namespace)
            .map(|(_, object)| object)
            .collect(),
        None => Vec::new(),
    }
}

fn named(store: &Store, plural: &str, namespace: Option<&str>, name: &str) -> Option<Arc<Value>> {
    let kind = store.kinds.get(GROUP, plural)?;
    store.objects.get(&Key::new(kind, namespace, name)).cloned()
}

/// The rules of a role, with those of the roles that it aggregates.
fn rules_of(store: &Store, role: &Value) -> Vec<Value> {
    let own = |role: &Value| {
        role.get("rules")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let mut rules = own(role);
    let selectors = role
        .pointer("/aggregationRule/clusterRoleSelectors")
        .and_then(Value::as_array);
    for selector in selectors
        .into_iter()
        .flatten()
        .filter_map(|selector| Selector::of_object(Some(selector)))
    {
        for other in of(store, "clusterroles", None) {
            if selector.matches(other) {
                rules.extend(own(other));
            }
        }
    }
    rules
}

fn is(subject: &Value, user: &User) -> bool {
    let text = |key: &str| subject.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("kind") {
        "User" => text("name") == user.name,
        "Group" => user.groups.iter().any(|group| group == text("name")),
        "ServiceAccount" => {
            user.name == format!("system:serviceaccount:{}:{}", text("namespace"), text("name"))
        }
        _ => false,
    }
}

fn covers(rule: &Value, attempt: &Attempt<'_>, cluster_wide: bool) -> bool {
    let has = |key: &str, wanted: &dyn Fn(&str) -> bool| {
        let list = rule.get(key).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).any(wanted)
    };
    if !has("verbs", &|verb| verb == "*" || verb == attempt.verb) {
        return false;
    }
    if let Some(path) = attempt.path {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => path == pattern,
        };
        return cluster_wide && has("nonResourceURLs", &fits);
    }
    let resource = attempt.full_resource();
    let names = rule.get("resourceNames").and_then(Value::as_array);
    has("apiGroups", &|group| group == "*" || group == attempt.group)
        && has("resources", &|pattern| {
            pattern == "*"
                || pattern == resource
                || pattern
                    .strip_prefix("*/")
                    .is_some_and(|sub| !attempt.subresource.is_empty() && sub == attempt.subresource)
        })
        && names.is_none_or(|names| {
            names.is_empty()
                || (!attempt.name.is_empty() && names.iter().any(|name| name.as_str() == Some(attempt.name)))
        })
}

/// Answers `SelfSubjectAccessReview` and its relatives for a user; `None` is somebody who may do everything.
pub(super) fn review(
    store: &Store,
    kind: &Kind,
    user: Option<&User>,
    body: &Value,
) -> Result<Value, Failure> {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let status = match kind.kind.as_str() {
        "SelfSubjectReview" => {
            let name = user.map_or("system:admin", |user| user.name.as_str());
            let groups = user.map_or_else(|| vec!["system:masters".to_owned()], |user| user.groups.clone());
            json!({"userInfo": {"username": name, "groups": groups}})
        }
        "SelfSubjectRulesReview" => {
            let everything = (
                vec![json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})],
                vec![json!({"verbs": ["*"], "nonResourceURLs": ["*"]})],
            );
            let namespace = text("/spec/namespace");
            let (resources, paths) = user.map_or(everything, |user| rules(store, user, Some(namespace)));
            json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false})
        }
        _ => {
            let path = body.pointer("/spec/nonResourceAttributes");
            if path.is_some() == body.pointer("/spec/resourceAttributes").is_some() {
                let given = path.unwrap_or(&Value::Null);
                let why = format!(
                    "Invalid value: {given}: exactly one of nonResourceAttributes or resourceAttributes must be specified"
                );
                return Err(Failure::invalid_options("", &kind.group, "", "spec", &why));
            }
            let mut attempt = Attempt {
                verb: text("/spec/resourceAttributes/verb"),
                group: text("/spec/resourceAttributes/group"),
                resource: text("/spec/resourceAttributes/resource"),
                subresource: text("/spec/resourceAttributes/subresource"),
                namespace: Some(text("/spec/resourceAttributes/namespace")).filter(|text| !text.is_empty()),
                name: text("/spec/resourceAttributes/name"),
                path: None,
            };
            if path.is_some() {
                attempt.verb = text("/spec/nonResourceAttributes/verb");
                attempt.path = Some(text("/spec/nonResourceAttributes/path"));
            }
            match user.map(|user| allows(store, user, &attempt)) {
                None => json!({"allowed": true}),
                Some(Some(reason)) => json!({"allowed": true, "reason": reason}),
                Some(None) => json!({"allowed": false}),
            }
        }
    };
    let mut answer = body.clone();
    if let Value::Object(map) = &mut answer {
        map.insert("kind".to_owned(), kind.kind.as_str().into());
        map.insert("apiVersion".to_owned(), kind.api_version("v1").into());
        map.entry("metadata").or_insert_with(|| json!({}));
        map.insert("status".to_owned(), status);
    }
    Ok(answer)
}
