use claw_core::patch::merge;
use proptest::prelude::*;

use super::*;

/// Every kind that is looked at by its name, and one that is not.
const KINDS: [(&str, &str); 20] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("v1", "Pod"),
    ("v1", "Secret"),
    ("v1", "Namespace"),
    ("v1", "Node"),
    ("v1", "PersistentVolume"),
    ("v1", "ServiceAccount"),
    ("v1", "ReplicationController"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("argoproj.io/v1alpha1", "Rollout"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
    ),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("claw.dev/v1", "Approval"),
    ("acme.example/v1", "Widget"),
];

/// Fields that mean something somewhere.
const KEYS: [&str; 32] = [
    "name",
    "spec",
    "replicas",
    "template",
    "metadata",
    "labels",
    "annotations",
    "claw.dev/nature",
    "finalizers",
    "status",
    "containers",
    "securityContext",
    "privileged",
    "runAsNonRoot",
    "capabilities",
    "add",
    "volumes",
    "secret",
    "hostNetwork",
    "serviceAccountName",
    "env",
    "rules",
    "resources",
    "verbs",
    "roleRef",
    "subjects",
    "minReplicas",
    "maxReplicas",
    "jobTemplate",
    "requests",
    "unschedulable",
    "data",
];

fn value() -> impl Strategy<Value = Value> {
    let words = vec!["a", "b", "cluster-admin", "secrets", "*", "SYS_ADMIN", "1m"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_i64).prop_map(Value::from),
        prop::sample::select(words).prop_map(Value::from)
    ];
    leaf.prop_recursive(6, 48, 5, |inner| {
        let key = prop::sample::select(KEYS.to_vec()).prop_map(str::to_owned);
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            3 => prop::collection::btree_map(key, inner, 0..5).prop_map(|map| json!(map)),
        ]
    })
}

/// Values as objects have them: whatever is random lies in its usual place.
fn object() -> impl Strategy<Value = Value> {
    let pod = prop::collection::btree_map(
        prop::sample::select(vec![
            "containers",
            "securityContext",
            "hostNetwork",
            "volumes",
            "serviceAccountName",
            "hostUsers",
        ]),
        pod_field(),
        0..4,
    );
    let parts = (
        prop::option::of(pod),
        prop::option::of(value()),
        prop::option::of(value()),
        value(),
    );
    parts.prop_map(|(pod, metadata, rules, mut other)| {
        if !other.is_object() {
            other = json!({});
        }
        if let Some(pod) = pod {
            merge(&mut other, &json!({"spec": {"template": {"spec": pod}}}));
        }
        if let Some(metadata) = metadata {
            merge(&mut other, &json!({"metadata": {"labels": metadata}}));
        }
        if let Some(rules) = rules {
            merge(
                &mut other,
                &json!({"rules": [{"resources": [rules.clone()], "verbs": [rules]}]}),
            );
        }
        other
    })
}

/// Takes out what the API server would not have stored.
fn shape(object: &mut Value) {
    for (parent, key) in [
        ("", "metadata"),
        ("/metadata", "labels"),
        ("/metadata", "annotations"),
        ("", "spec"),
        ("/spec", "template"),
        ("/spec/template", "metadata"),
        ("/spec/template/metadata", "annotations"),
        ("/spec/template", "spec"),
        ("/spec", "jobTemplate"),
        ("/spec/jobTemplate", "spec"),
        ("/spec/jobTemplate/spec", "template"),
        ("/spec/jobTemplate/spec/template", "spec"),
        ("", "template"),
        ("/template", "spec"),
    ] {
        if let Some(Value::Object(fields)) = object.pointer_mut(parent)
            && fields.get(key).is_some_and(|value| !value.is_object())
        {
            fields.remove(key);
        }
    }
}

/// Fields of pods, with the values that weigh.
fn pod_field() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        Value::Null,
        json!(true),
        json!(false),
        json!("default"),
        json!("builder"),
        json!({"runAsNonRoot": true}),
        json!({"runAsNonRoot": null, "runAsUser": 0}),
        json!([{"name": "web", "securityContext": {"privileged": true}}]),
        json!([{"name": "web", "securityContext": {"runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}}}]),
        json!([{"name": "web", "securityContext": {"capabilities": {"add": ["NET_RAW", "SYS_ADMIN"]}}}]),
        json!([{"name": "web", "ports": [{"containerPort": 80, "hostPort": 80}]}, {"name": "b"}]),
        json!([{"name": "b", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}]),
        json!([{"name": "data", "secret": {"secretName": "s"}}]),
        json!([{"name": "data", "hostPath": {"path": "/"}}]),
        json!([{"name": "data", "emptyDir": {}}]),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn a_patch_that_changes_anything_is_an_operation(
        before in value(), patch in value(), (api_version, kind) in prop::sample::select(KINDS.to_vec()),
    ) {
        let mut after = before.clone();
        merge(&mut after, &patch);
        let action = action(Verb::Patch, api_version, kind, patch);
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
    fn an_object_that_is_not_known_is_judged_no_more_mildly(
        before in object(), patch in object(), (api_version, kind) in prop::sample::select(KINDS.to_vec()),
    ) {
        let strictest = |before: Option<&Value>| {
            let action = action(Verb::Patch, api_version, kind, patch.clone());
            let found = operations(&action, before, &Labels::default());
            let two = found.contains(&Operation::ChangePrivileges);
            (found.iter().map(|operation| operation.tier()).max(), two, found)
        };
        // Objects of the API server have no nulls, and mappings where mappings belong.
        let mut object = json!({});
        merge(&mut object, &before);
        shape(&mut object);
        let (known, unknown) = (strictest(Some(&object)), strictest(None));
        prop_assert!(unknown.0 >= known.0, "{:?} {:?}", known.2, unknown.2);
        prop_assert!(unknown.1 || !known.1 || unknown.0 == Some(Tier::Forbidden), "{:?} {:?}", known.2, unknown.2);
    }
}
