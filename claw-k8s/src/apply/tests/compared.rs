//! What differs that nobody asked for, and the digest of what was made.

use proptest::prelude::*;

use super::super::outcome::outcome;
use super::super::rehearsal::rehearsal;
use super::super::unplanned::unplanned;
use super::*;
use crate::cluster::write::WriteAnswer;

fn before() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "cart", "uid": "uid-1", "labels": {"app": "cart"}},
        "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "app", "image": "cart:1"}]}}},
    })
}

fn beside(patch: Value, more: Value) -> Vec<String> {
    unplanned(&before(), &merged(&merged(&before(), &patch), &more), &patch)
}

#[test]
fn what_a_webhook_changes_besides_is_unplanned() {
    let patch = json!({"spec": {"replicas": 5}});
    assert_eq!(beside(patch.clone(), json!({})), [""; 0]);
    assert_eq!(
        beside(
            patch.clone(),
            json!({"metadata": {"labels": {"team.example.com/owner": "x"}}})
        ),
        ["metadata.labels[\"team.example.com/owner\"]"]
    );
    assert_eq!(
        beside(
            patch.clone(),
            json!({"metadata": {"labels": null}, "spec": {"paused": true}})
        ),
        ["metadata.labels", "spec.paused"]
    );
    let sidecar = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "cart:1"}, {"name": "mesh"}]}}}});
    assert_eq!(beside(patch, sidecar), ["spec.template.spec.containers"]);
}

#[test]
fn defaults_below_what_the_patch_adds_are_planned() {
    let strategy = json!({"spec": {"strategy": {"type": "RollingUpdate"}}});
    let defaults =
        json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}}});
    assert_eq!(beside(strategy.clone(), defaults.clone()), [""; 0]);
    // Where the strategy was there, they are not.
    let before = merged(&before(), &json!({"spec": {"strategy": {"type": "Recreate"}}}));
    let after = merged(&merged(&before, &strategy), &defaults);
    assert_eq!(
        unplanned(&before, &after, &strategy),
        ["spec.strategy.rollingUpdate"]
    );
    // A list is named as a whole.
    let containers =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "cart:2"}]}}}});
    let defaulted = json!({"spec": {"template": {"spec": {"containers":
        [{"name": "app", "image": "cart:2", "imagePullPolicy": "IfNotPresent"}]}}}});
    assert_eq!(beside(containers, defaulted), [""; 0]);
}

#[test]
fn a_rehearsal_says_what_would_change_and_holds_no_secret() {
    let patch = json!({"spec": {"replicas": 5}});
    let action = Action {
        patch: patch.clone(),
        ..action(Verb::Patch)
    };
    let after = merged(
        &merged(&before(), &patch),
        &json!({"metadata": {"resourceVersion": "41", "labels": {"password=hunter2": "x"}}, "status": {"replicas": 9}}),
    );
    let answer = WriteAnswer {
        warnings: vec!["sent with password=hunter2".to_owned()],
        ..WriteAnswer::default()
    };
    let rehearsal = rehearsal(&action, Some(&before()), &after, &answer);
    assert!(
        rehearsal.diff.contains(&"spec.replicas: 3 → 5".to_owned()),
        "{rehearsal:?}"
    );
    assert_eq!((rehearsal.unplanned.len(), rehearsal.warnings.len()), (1, 1));
    assert!(!json!(rehearsal).to_string().contains("hunter2"), "{rehearsal:?}");
    assert_eq!(rehearsal.outcome, outcome(&action, &after));
}

#[test]
fn many_paths_are_counted() {
    let labels: serde_json::Map<String, Value> = (0..300)
        .map(|number| (format!("l{number}"), json!("x")))
        .collect();
    let after = merged(&before(), &json!({"metadata": {"labels": labels}}));
    let action = action(Verb::Patch);
    let rehearsal = rehearsal(&action, Some(&before()), &after, &WriteAnswer::default());
    assert_eq!(rehearsal.unplanned.len(), 101);
    assert_eq!(rehearsal.unplanned[100], "… and 200 more");
    assert_eq!(rehearsal.diff.len(), 300, "whoever approves sees all of it");
}

#[test]
fn the_digest_is_of_what_stays_the_same() {
    let written = |more: Value| merged(&before(), &more);
    let action = action(Verb::Patch);
    let same = outcome(&action, &before());
    assert_eq!(same.len(), 64);
    for more in [
        json!({"metadata": {"resourceVersion": "42", "annotations": {"claw.dev/action": "a1b2"}}}),
        json!({"status": {"replicas": 1}}),
    ] {
        assert_eq!(outcome(&action, &written(more.clone())), same, "{more}");
    }
    for more in [
        json!({"metadata": {"annotations": {"a": "b"}}}),
        json!({"spec": {"replicas": 4}}),
    ] {
        assert_ne!(outcome(&action, &written(more.clone())), same, "{more}");
    }
    // Of what ends it is told which object.
    for verb in [Verb::Delete, Verb::Evict] {
        let ends = Action {
            verb,
            ..action.clone()
        };
        let status = outcome(&ends, &json!({"kind": "Status", "status": "Success"}));
        assert_eq!(outcome(&ends, &before()), status);
        let other = Action {
            uid: Some("uid-2".to_owned()),
            ..ends
        };
        assert_ne!(outcome(&other, &before()), status);
    }
}

#[test]
fn what_the_server_chooses_anew_is_no_part_of_the_digest() {
    let service = |patch: Value| Action {
        target: EntityRef::namespaced("Service", "shop", "cart"),
        api_version: "v1".to_owned(),
        patch,
        ..creation()
    };
    let made = |ip: &str, port: u32| {
        json!({"kind": "Service", "metadata": {"name": "cart", "uid": "uid-9"},
        "spec": {"clusterIP": ip, "clusterIPs": [ip], "type": "NodePort", "ports": [{"port": 80, "nodePort": port}]}})
    };
    let open = service(json!({"spec": {"type": "NodePort", "ports": [{"port": 80}]}}));
    assert_eq!(
        outcome(&open, &made("10.0.0.1", 30001)),
        outcome(&open, &made("10.0.0.2", 30002))
    );
    let fixed =
        service(json!({"spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 30001}]}}));
    let expected = outcome(&fixed, &made("10.0.0.1", 30001));
    assert_ne!(outcome(&fixed, &made("10.0.0.2", 30001)), expected);
    assert_ne!(outcome(&fixed, &made("10.0.0.1", 30002)), expected);
    let job = |uid: &str, volume: &str| {
        json!({"kind": "Job", "metadata": {"name": "cart", "uid": uid}, "spec":
        {"selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}, "template": {"spec": {"volumes": [{"name": volume}]}}}})
    };
    let create = creation();
    let expected = outcome(&create, &job("a", "kube-api-access-x1y2z"));
    assert_eq!(outcome(&create, &job("b", "kube-api-access-aaaaa")), expected);
    assert_ne!(outcome(&create, &job("b", "data")), expected);
}

/// Objects of 1.5 MB are the largest that a cluster stores.
#[test]
fn large_objects_are_compared_as_well() {
    let data: serde_json::Map<String, Value> = (0..2000)
        .map(|number| (format!("key-{number}"), json!("x".repeat(1000))))
        .collect();
    let before = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cart", "uid": "uid-1"}, "data": data});
    let patch = json!({"data": {"key-7": "y"}});
    let action = Action {
        patch: patch.clone(),
        ..action(Verb::Patch)
    };
    let rehearsal = rehearsal(
        &action,
        Some(&before),
        &merged(&before, &patch),
        &WriteAnswer::default(),
    );
    assert_eq!(rehearsal.diff.len(), 1);
    assert!(
        rehearsal.diff[0].starts_with("data.key-7: xxx"),
        "{:?}",
        rehearsal.diff
    );
    assert_eq!(rehearsal.unplanned, [""; 0]);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0_i64..4).prop_map(Value::from),
        "[a-c./]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[a-c./]{0,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[a-c./]{0,2}", value(), 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn a_server_that_does_what_it_was_asked_for_does_nothing_unplanned(before in object(), patch in object()) {
        prop_assert_eq!(unplanned(&before, &merged(&before, &patch), &patch), Vec::<String>::new());
    }

    #[test]
    fn what_differs_without_a_patch_is_unplanned(before in object(), after in object()) {
        let differs = !claw_core::patch::is_empty(&claw_core::patch::between(&before, &after));
        let found = unplanned(&before, &after, &json!({}));
        if differs {
            prop_assert!(!found.is_empty(), "{before} {after}");
        }
    }
}
