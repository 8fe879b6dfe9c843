//! What an action does, read off the action and the object as it is.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::action::{Action, Verb};
use serde_json::{Map, Value};

use super::operation::Operation;

/// Pod templates carry this annotation when `kubectl rollout restart` has touched them.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// The API group of the agent's own objects: policies and approvals.
pub const OWN_GROUP: &str = "claw.dev";

/// Labels and annotations that say what a workload is, and whose write it was.
const OWN_PREFIX: &str = "claw.dev/";

/// What `action` does to the object that is `before` it. Several operations where it changes several things; none where it
/// changes nothing.
///
/// The proposer's words play no part: what counts is the difference between the object and what the API server would make
/// of it. Where the object is not known, all that a patch names counts as changed, and a number as lowered.
pub fn operations(action: &Action, before: Option<&Value>) -> BTreeSet<Operation> {
    let mut found = BTreeSet::new();
    match action.verb {
        Verb::Create => {
            found.insert(Operation::Create);
            of_rights(&action.patch, &mut found);
        }
        Verb::Delete => {
            found.insert(Operation::Delete);
        }
        Verb::Evict => {
            found.insert(Operation::Drain);
        }
        Verb::Patch => {
            let nothing = Value::Null;
            let before = before.unwrap_or(&nothing);
            let mut after = before.clone();
            merge(&mut after, &action.patch);
            let mut path = Vec::new();
            differences(before, &after, &mut path, &mut |path, before, after| {
                found.insert(of_field(&action.target.kind, path, before, after));
            });
            if !found.is_empty() {
                of_rights(&after, &mut found);
            }
        }
        _ => {
            found.insert(Operation::Unknown);
        }
    }
    if !found.is_empty() {
        found.extend(of_kind(action));
    }
    found
}

/// What it is to touch an object of this kind at all.
fn of_kind(action: &Action) -> Option<Operation> {
    let (group, _) = action.api_version.split_once('/').unwrap_or(("", ""));
    match (group, action.target.kind.as_str()) {
        ("", "Secret") => Some(Operation::TouchSecret),
        ("", "Namespace") if action.verb == Verb::Delete => Some(Operation::DeleteNamespace),
        ("rbac.authorization.k8s.io", _) | ("", "ServiceAccount") => Some(Operation::ChangeRbac),
        ("networking.k8s.io" | "policy.networking.k8s.io" | "cilium.io" | "crd.projectcalico.org", kind)
            if kind.ends_with("NetworkPolicy") =>
        {
            Some(Operation::ChangeNetworkPolicy)
        }
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => Some(Operation::ChangeAdmission),
        ("apiextensions.k8s.io", _) => Some(Operation::ChangeKinds),
        (OWN_GROUP, _) => Some(Operation::ChangePolicy),
        _ => None,
    }
}

/// Roles that let others pass on rights, or be somebody else.
fn of_rights(object: &Value, found: &mut BTreeSet<Operation>) {
    let rules = object.get("rules").and_then(Value::as_array);
    let verbs = rules
        .into_iter()
        .flatten()
        .filter_map(|rule| rule.get("verbs").and_then(Value::as_array))
        .flatten()
        .filter_map(Value::as_str);
    if verbs
        .into_iter()
        .any(|verb| matches!(verb, "*" | "escalate" | "bind" | "impersonate"))
    {
        found.insert(Operation::Escalate);
    }
}

/// What a change of one field is.
fn of_field(kind: &str, path: &[&str], before: &Value, after: &Value) -> Operation {
    match (kind, path) {
        (_, ["status", ..]) => Operation::WriteStatus,
        // What a policy reads to judge the next action.
        ("Namespace", ["metadata", "labels", ..]) => Operation::ChangePolicy,
        (_, ["metadata", "labels" | "annotations", key]) if key.starts_with(OWN_PREFIX) => {
            Operation::ChangePolicy
        }
        (
            "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "Rollout",
            ["spec", "replicas"],
        ) => of_number(before, after),
        ("HorizontalPodAutoscaler", ["spec", "minReplicas" | "maxReplicas"]) => Operation::AdjustHpa,
        ("Node", ["spec", "unschedulable"]) => Operation::Cordon,
        (_, ["spec", "template", "metadata", "annotations", RESTARTED_AT]) => Operation::Restart,
        (
            _,
            [
                "spec",
                "template",
                "spec",
                "containers" | "initContainers",
                _,
                "resources",
                ..,
            ],
        )
        | ("Pod", ["spec", "containers" | "initContainers", _, "resources", ..]) => {
            Operation::ChangeResources
        }
        _ => Operation::Configure,
    }
}

/// More or fewer. What is no number is not known to be less than another.
fn of_number(before: &Value, after: &Value) -> Operation {
    match (before.as_u64(), after.as_u64()) {
        (Some(before), Some(after)) if after > before => Operation::ScaleUp,
        _ => Operation::ScaleDown,
    }
}

/// Applies a JSON merge patch (RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Visits the fields that differ, down to the smallest. Lists of named things are compared name by name, as the API server
/// merges them; other lists are one value. Something is visited wherever the two differ at all.
fn differences<'a>(
    before: &'a Value,
    after: &'a Value,
    path: &mut Vec<&'a str>,
    visit: &mut dyn FnMut(&[&str], &Value, &Value),
) {
    if before == after {
        return;
    }
    let (Some(old), Some(new)) = (fields(before), fields(after)) else {
        visit(path, before, after);
        return;
    };
    let mut inside = false;
    let keys: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    for key in keys {
        let of = |side: &BTreeMap<&'a str, &'a Value>| side.get(key).copied().unwrap_or(&Value::Null);
        let (old, new) = (of(&old), of(&new));
        inside |= old != new;
        path.push(key);
        differences(old, new, path, visit);
        path.pop();
    }
    // What differs in form alone, such as an empty mapping where nothing was.
    if !inside {
        visit(path, before, after);
    }
}

/// The parts of an object, or of a list of named things. What is absent has none, so that what is added is looked at part
/// by part as well.
fn fields(value: &Value) -> Option<BTreeMap<&str, &Value>> {
    match value {
        Value::Null => Some(BTreeMap::new()),
        Value::Object(map) => Some(map.iter().map(|(key, value)| (key.as_str(), value)).collect()),
        Value::Array(items) => {
            let named = items.iter().map(|item| Some((item.get("name")?.as_str()?, item)));
            let parts: BTreeMap<_, _> = named.collect::<Option<_>>()?;
            (parts.len() == items.len()).then_some(parts)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn action(verb: Verb, api_version: &str, kind: &str, patch: Value) -> Action {
        serde_json::from_value(json!({
            "verb": verb, "target": EntityRef::namespaced(kind, "shop", "cart"), "api_version": api_version,
            "uid": "1", "resource_version": "2", "pre_image": null, "patch": patch,
            "expected": "", "reversal": null, "reason": "",
        }))
        .unwrap()
    }

    fn deployment() -> Value {
        json!({"spec": {"replicas": 4, "template": {
            "metadata": {"labels": {"app": "cart"}},
            "spec": {"containers": [
                {"name": "web", "image": "cart:1", "resources": {"requests": {"cpu": "1"}}},
                {"name": "proxy", "image": "proxy:1"}]}}}})
    }

    fn patched(patch: Value) -> Vec<&'static str> {
        let action = action(Verb::Patch, "apps/v1", "Deployment", patch);
        names(&operations(&action, Some(&deployment())))
    }

    fn names(operations: &BTreeSet<Operation>) -> Vec<&'static str> {
        operations.iter().map(|operation| operation.name()).collect()
    }

    #[test]
    fn a_patch_is_what_it_changes() {
        let template = |spec: Value| json!({"spec": {"template": {"spec": spec}}});
        let containers =
            |web: Value| template(json!({"containers": [web, {"name": "proxy", "image": "proxy:1"}]}));
        assert_eq!(patched(json!({"spec": {"replicas": 5}})), ["scale_up"]);
        assert_eq!(patched(json!({"spec": {"replicas": 3}})), ["scale_down"]);
        assert_eq!(patched(json!({"spec": {"replicas": null}})), ["scale_down"]);
        assert_eq!(patched(json!({"spec": {"replicas": "9"}})), ["scale_down"]);
        assert_eq!(patched(json!({"spec": {"replicas": 4}})), [""; 0]);
        assert_eq!(patched(json!({})), [""; 0]);
        assert_eq!(
            patched(containers(
                json!({"name": "web", "image": "cart:1", "resources": {"requests": {"cpu": "2"}}})
            )),
            ["change_resources"]
        );
        assert_eq!(
            patched(containers(
                json!({"name": "web", "image": "cart:2", "resources": {"requests": {"cpu": "2"}}})
            )),
            ["change_resources", "configure"]
        );
        // The proxy is taken out.
        assert_eq!(
            patched(template(json!({"containers": [
                {"name": "web", "image": "cart:1", "resources": {"requests": {"cpu": "1"}}}]}))),
            ["configure"]
        );
        assert_eq!(patched(template(json!({"securityContext": {}}))), ["configure"]);
        assert_eq!(
            patched(json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: "now"}}}}})),
            ["restart"]
        );
        assert_eq!(
            patched(json!({"metadata": {"labels": {"a": "b"}}})),
            ["configure"]
        );
        assert_eq!(
            patched(json!({"metadata": {"annotations": {"claw.dev/criticality": "sandbox"}}})),
            ["change_policy"]
        );
        assert_eq!(patched(json!({"status": {"replicas": 1}})), ["write_status"]);
        assert_eq!(
            patched(json!({"spec": {"replicas": 5, "paused": true}})),
            ["scale_up", "configure"]
        );
        // Everything is taken away.
        assert_eq!(
            patched(json!(null)),
            ["change_resources", "scale_down", "configure"]
        );
    }

    #[test]
    fn kinds_and_verbs_count_besides() {
        let of = |verb, api_version, kind, patch| {
            names(&operations(&action(verb, api_version, kind, patch), None))
        };
        assert_eq!(
            of(Verb::Delete, "v1", "Namespace", json!(null)),
            ["delete", "delete_namespace"]
        );
        assert_eq!(of(Verb::Create, "v1", "Namespace", json!({})), ["create"]);
        assert_eq!(of(Verb::Evict, "v1", "Pod", json!(null)), ["drain"]);
        assert_eq!(
            of(Verb::Patch, "v1", "Secret", json!({"data": {"a": "b"}})),
            ["configure", "touch_secret"]
        );
        // Another group's kind of the same name is another kind.
        assert_eq!(
            of(Verb::Create, "vault.example/v1", "Secret", json!({})),
            ["create"]
        );
        let role = json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
        let group = "rbac.authorization.k8s.io/v1";
        assert_eq!(of(Verb::Create, group, "Role", role), ["create", "change_rbac"]);
        for verb in ["*", "escalate", "bind", "impersonate"] {
            let role = json!({"rules": [{"verbs": ["get"]}, {"verbs": [verb]}]});
            assert_eq!(
                of(Verb::Create, group, "Role", role),
                ["create", "change_rbac", "escalate"],
                "{verb}"
            );
        }
        assert_eq!(
            of(Verb::Create, "networking.k8s.io/v1", "NetworkPolicy", json!({})),
            ["create", "change_network_policy"]
        );
        assert_eq!(
            of(
                Verb::Create,
                "apiextensions.k8s.io/v1",
                "CustomResourceDefinition",
                json!({})
            ),
            ["create", "change_kinds"]
        );
        assert_eq!(
            of(
                Verb::Create,
                "admissionregistration.k8s.io/v1",
                "ValidatingAdmissionPolicy",
                json!({})
            ),
            ["create", "change_admission"]
        );
        let own = format!("{OWN_GROUP}/v1");
        assert_eq!(
            of(Verb::Create, &own, "Approval", json!({})),
            ["create", "change_policy"]
        );
        assert_eq!(
            of(
                Verb::Patch,
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                json!({"spec": {"maxReplicas": 9}})
            ),
            ["adjust_hpa"]
        );
        assert_eq!(
            of(
                Verb::Patch,
                "v1",
                "Node",
                json!({"spec": {"unschedulable": true}})
            ),
            ["cordon"]
        );
        // More replicas of something that is not known may be fewer.
        assert_eq!(
            of(
                Verb::Patch,
                "apps/v1",
                "Deployment",
                json!({"spec": {"replicas": 99}})
            ),
            ["scale_down"]
        );
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..3_i64).prop_map(Value::from),
            prop::sample::select(vec!["a", "b"]).prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let key =
                prop::sample::select(vec!["name", "spec", "replicas", "template"]).prop_map(str::to_owned);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

        #[test]
        fn a_patch_that_changes_anything_is_an_operation(before in value(), patch in value()) {
            let mut after = before.clone();
            merge(&mut after, &patch);
            let action = action(Verb::Patch, "apps/v1", "Deployment", patch);
            prop_assert_eq!(operations(&action, Some(&before)).is_empty(), after == before);
        }

        #[test]
        fn a_patch_that_is_applied_changes_nothing_more(before in value(), patch in value()) {
            let mut after = before;
            merge(&mut after, &patch);
            let once = after.clone();
            merge(&mut after, &patch);
            prop_assert_eq!(after, once);
        }
    }
}
