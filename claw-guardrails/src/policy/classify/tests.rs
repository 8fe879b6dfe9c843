use claw_core::entity::EntityRef;
use claw_core::patch::merge;
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
    names(&operations(&action, Some(&deployment()), &Labels::default()))
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
        names(&operations(
            &action(verb, api_version, kind, patch),
            None,
            &Labels::default(),
        ))
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
        ["adjust_hpa", "scale_down"]
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

#[test]
fn what_lowers_an_autoscaler_scales_down() {
    let before = json!({"spec": {"minReplicas": 4, "maxReplicas": 9}});
    let of = |patch: Value| {
        let action = action(Verb::Patch, "autoscaling/v2", "HorizontalPodAutoscaler", patch);
        names(&operations(&action, Some(&before), &Labels::default()))
    };
    assert_eq!(
        of(json!({"spec": {"maxReplicas": 12, "minReplicas": 5}})),
        ["adjust_hpa"]
    );
    for patch in [
        json!({"maxReplicas": 5}),
        json!({"minReplicas": 1}),
        json!({"minReplicas": null}),
        json!({"maxReplicas": 12, "minReplicas": 3}),
    ] {
        assert_eq!(
            of(json!({"spec": patch})),
            ["adjust_hpa", "scale_down"],
            "{patch}"
        );
    }
}

#[test]
fn what_a_policy_reads_is_not_for_agents_to_write() {
    let labels = Labels {
        criticality: "acme.example/tier".to_owned(),
        ..Labels::default()
    };
    let of = |before: Option<Value>, patch: Value| {
        let action = action(Verb::Patch, "apps/v1", "Deployment", patch);
        names(&operations(&action, before.as_ref(), &labels))
    };
    let before = || Some(json!({"metadata": {"labels": {"acme.example/tier": "critical", "app": "cart"}}}));
    for patch in [
        json!({"metadata": {"labels": {"acme.example/tier": "sandbox"}}}),
        json!({"metadata": {"labels": {"acme.example/tier": null}}}),
        json!({"metadata": {"labels": null}}),
        json!({"metadata": null}),
        json!({"metadata": {"labels": "none"}}),
    ] {
        for before in [before(), None] {
            assert!(of(before, patch.clone()).contains(&"change_policy"), "{patch}");
        }
    }
    assert_eq!(of(None, json!({"status": null})), ["write_status"]);
    assert_eq!(
        of(before(), json!({"metadata": {"labels": {"app": "x"}}})),
        ["configure"]
    );
}

#[test]
fn what_deletes_or_frees_by_the_way_is_named_so() {
    let of = |api_version, kind, patch| {
        names(&operations(
            &action(Verb::Patch, api_version, kind, patch),
            Some(&json!({"metadata": {"finalizers": ["a"]}, "spec": {"finalizers": ["kubernetes"]}})),
            &Labels::default(),
        ))
    };
    let orphan =
        json!({"metadata": {"ownerReferences": [{"kind": "Deployment", "name": "gone", "uid": "9"}]}});
    assert_eq!(of("apps/v1", "ReplicaSet", orphan.clone()), ["delete"]);
    assert_eq!(of("v1", "Namespace", orphan), ["delete", "delete_namespace"]);
    let freed = json!({"metadata": {"finalizers": []}});
    assert_eq!(of("v1", "PersistentVolumeClaim", freed), ["delete"]);
    let freed = json!({"spec": {"finalizers": []}});
    assert_eq!(of("v1", "Namespace", freed), ["delete", "delete_namespace"]);
    let taint = json!({"spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}});
    assert_eq!(of("v1", "Node", taint), ["drain"]);
    let debug = json!({"spec": {"ephemeralContainers": [{"name": "debug"}]}});
    assert_eq!(of("v1", "Pod", debug), ["exec"]);
}

#[test]
fn the_order_of_containers_counts() {
    let template = |first: Value, second: Value| json!({"spec": {"template": {"spec": {"initContainers": [first, second]}}}});
    let before = template(json!({"name": "a"}), json!({"name": "b"}));
    let patch = template(
        json!({"name": "b", "resources": {"requests": {"cpu": "1"}}}),
        json!({"name": "a"}),
    );
    let action = action(Verb::Patch, "apps/v1", "Deployment", patch);
    assert_eq!(
        names(&operations(&action, Some(&before), &Labels::default())),
        ["change_resources", "configure"]
    );
}

#[test]
fn powers_are_escalation_however_they_are_given() {
    let of = |api_version, kind, object| {
        names(&operations(
            &action(Verb::Create, api_version, kind, object),
            None,
            &Labels::default(),
        ))
    };
    let group = "rbac.authorization.k8s.io/v1";
    for (kind, object) in [
        (
            "ClusterRoleBinding",
            json!({"roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}}),
        ),
        (
            "ClusterRole",
            json!({"aggregationRule": {"clusterRoleSelectors": []}}),
        ),
        (
            "ClusterRole",
            json!({"metadata": {"labels": {"rbac.authorization.k8s.io/aggregate-to-admin": "true"}}}),
        ),
        (
            "Role",
            json!({"rules": [{"resources": ["serviceaccounts/token"], "verbs": ["create"]}]}),
        ),
        (
            "Role",
            json!({"rules": [{"resources": ["secrets"], "verbs": ["get"]}]}),
        ),
    ] {
        assert!(of(group, kind, object.clone()).contains(&"escalate"), "{object}");
    }
    assert!(of("authentication.k8s.io/v1", "TokenRequest", json!({})).contains(&"escalate"));
    assert!(of("policy/v1", "Eviction", json!({})).contains(&"drain"));
    assert!(of("v1", "Binding", json!({})).contains(&"unknown"));
}

#[test]
fn what_may_not_be_changed_may_not_be_created() {
    let of = |api_version, kind, object| {
        names(&operations(
            &action(Verb::Create, api_version, kind, object),
            None,
            &Labels::default(),
        ))
    };
    let development = json!({"metadata": {"labels": {"environment": "development"}}});
    assert_eq!(of("v1", "Namespace", development), ["create", "change_policy"]);
    let sandbox = json!({"metadata": {"labels": {"claw.dev/criticality": "sandbox"}}});
    assert_eq!(of("apps/v1", "Deployment", sandbox), ["create", "change_policy"]);
    // The object is another than the action says.
    let other = json!({"kind": "Secret", "metadata": {"name": "cart", "namespace": "shop"}});
    assert_eq!(of("v1", "ConfigMap", other), ["create", "unknown"]);
    let good = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "cart", "namespace": "shop"}, "data": {"a": "b"}});
    assert_eq!(of("v1", "ConfigMap", good), ["create"]);
}

#[test]
fn other_spellings_of_a_kind_are_not_other_kinds() {
    for (api_version, kind) in [("v1", "secret"), ("v1", "Secrets"), ("core/v1", "Secret")] {
        let action = action(Verb::Patch, api_version, kind, json!({"data": {"a": "b"}}));
        let found = operations(&action, None, &Labels::default());
        assert!(
            found.contains(&Operation::TouchSecret),
            "{api_version} {kind}: {found:?}"
        );
    }
    let foreign = action(
        Verb::Patch,
        "acme.example/v1",
        "Deployment",
        json!({"spec": {"replicas": 9}}),
    );
    let before = json!({"spec": {"replicas": 8}});
    assert_eq!(
        names(&operations(&foreign, Some(&before), &Labels::default())),
        ["configure"]
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
        let key = prop::sample::select(vec!["name", "spec", "replicas", "template"]).prop_map(str::to_owned);
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
        prop_assert_eq!(operations(&action, Some(&before), &Labels::default()).is_empty(), after == before);
    }

    #[test]
    fn a_patch_that_is_applied_changes_nothing_more(before in value(), patch in value()) {
        let mut after = before;
        merge(&mut after, &patch);
        let once = after.clone();
        merge(&mut after, &patch);
        prop_assert_eq!(after, once);
    }

    #[test]
    fn an_object_that_is_not_known_is_judged_no_more_mildly(before in value(), patch in value()) {
        let strictest = |before: Option<&Value>| {
            let action = action(Verb::Patch, "apps/v1", "Deployment", patch.clone());
            let found = operations(&action, before, &Labels::default());
            found.iter().map(|operation| operation.tier()).max()
        };
        // Objects of the API server have no nulls.
        let mut object = json!({});
        merge(&mut object, &before);
        if let Some(known) = strictest(Some(&object)).filter(|_| before.is_object()) {
            prop_assert!(strictest(None) >= Some(known));
        }
    }
}
