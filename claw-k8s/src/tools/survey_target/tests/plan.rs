//! What patches do to pods.

use proptest::prelude::*;

use super::*;
use crate::tools::survey_target::plan::{Plan, Toll};

fn toll(object: &Value, patch: Value, live: u32) -> (u32, u32) {
    let plan = Plan::of_workload(&action(Verb::Patch, object, patch), object);
    let Toll { pods, at_once } = plan.toll(live);
    (pods, at_once)
}

fn workload(kind: &str, spec: Value) -> Value {
    let api = if kind == "Job" || kind == "CronJob" {
        "batch/v1"
    } else {
        "apps/v1"
    };
    let usual =
        json!({"replicas": 10, "template": {"metadata": {"labels": {"app": "cart"}}, "spec": {"x": 1}}});
    in_shop(api, kind, "cart", json!({ "spec": merged(&usual, &spec) }))
}

#[test]
fn each_kind_makes_its_pods_anew_in_its_way() {
    let template = json!({"spec": {"template": {"spec": {"x": 2}}}});
    for (kind, spec, expected) in [
        ("Deployment", json!({}), (10, 2)),
        (
            "Deployment",
            json!({"strategy": {"rollingUpdate": {"maxUnavailable": "33%"}}}),
            (10, 3),
        ),
        (
            "Deployment",
            json!({"strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 0}}}),
            (10, 1),
        ),
        (
            "Deployment",
            json!({"strategy": {"rollingUpdate": {"maxUnavailable": "many"}}}),
            (10, 10),
        ),
        ("Deployment", json!({"strategy": {"type": "Recreate"}}), (10, 10)),
        ("StatefulSet", json!({}), (10, 1)),
        (
            "StatefulSet",
            json!({"updateStrategy": {"rollingUpdate": {"partition": 7}}}),
            (3, 1),
        ),
        (
            "StatefulSet",
            json!({"ordinals": {"start": 5}, "updateStrategy": {"rollingUpdate": {"partition": 7}}}),
            (8, 1),
        ),
        (
            "StatefulSet",
            json!({"updateStrategy": {"type": "OnDelete"}}),
            (0, 0),
        ),
        ("DaemonSet", json!({}), (10, 1)),
        (
            "DaemonSet",
            json!({"updateStrategy": {"rollingUpdate": {"maxUnavailable": 4}}}),
            (10, 4),
        ),
        (
            "DaemonSet",
            json!({"updateStrategy": {"rollingUpdate": {"maxUnavailable": "10%"}}}),
            (10, 10),
        ),
        (
            "DaemonSet",
            json!({"updateStrategy": {"type": "OnDelete"}}),
            (0, 0),
        ),
        ("ReplicaSet", json!({}), (0, 0)),
        ("CronJob", json!({}), (0, 0)),
    ] {
        assert_eq!(
            toll(&workload(kind, spec.clone()), template.clone(), 10),
            expected,
            "{kind} {spec}"
        );
    }
}

#[test]
fn fewer_replicas_and_a_new_template_add_up() {
    let cart = workload("Deployment", json!({}));
    let both = json!({"spec": {"replicas": 8, "template": {"spec": {"x": 2}}}});
    assert_eq!(toll(&cart, both, 10), (10, 4));
    // There may be more pods than are wanted, and fewer.
    assert_eq!(toll(&cart, json!({"spec": {"replicas": 8}}), 12), (4, 4));
    assert_eq!(toll(&cart, json!({"spec": {"replicas": 8}}), 9), (2, 2));
    // Without a number there is one.
    assert_eq!(toll(&cart, json!({"spec": {"replicas": null}}), 10), (9, 9));
}

#[test]
fn what_is_held_or_let_go_counts() {
    let held = workload("Deployment", json!({"paused": true}));
    assert_eq!(toll(&held, json!({"spec": {"paused": false}}), 10), (10, 2));
    assert_eq!(
        toll(
            &workload("Deployment", json!({})),
            json!({"spec": {"paused": true}}),
            10
        ),
        (0, 0)
    );
    let job = workload("Job", json!({"parallelism": 4}));
    assert_eq!(toll(&job, json!({"spec": {"suspend": true}}), 4), (4, 4));
    assert_eq!(toll(&job, json!({"spec": {"parallelism": 3}}), 4), (1, 1));
    assert_eq!(
        toll(&job, json!({"spec": {"activeDeadlineSeconds": 1}}), 4),
        (4, 4)
    );
    assert_eq!(
        toll(
            &workload("CronJob", json!({})),
            json!({"spec": {"suspend": true}}),
            4
        ),
        (0, 0)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn more_pods_never_cost_less(
        kind in prop_oneof![Just("Deployment"), Just("StatefulSet"), Just("DaemonSet"), Just("ReplicaSet")],
        wanted in 0_u32..12, missing in 0_u32..6, percent in any::<bool>(), anew in any::<bool>(), live in 0_u32..20,
    ) {
        let bound = if percent { json!(format!("{}%", missing * 20)) } else { json!(missing) };
        let bounds = json!({"rollingUpdate": {"maxUnavailable": bound}});
        let object = workload(kind, json!({"strategy": bounds, "updateStrategy": bounds}));
        let mut patch = json!({"spec": {"replicas": wanted}});
        if anew {
            patch["spec"]["template"] = json!({"spec": {"x": 2}});
        }
        let (less, more) = (toll(&object, patch.clone(), live), toll(&object, patch, live + 1));
        prop_assert!(less.0 <= more.0 && less.1 <= more.1, "{less:?} {more:?}");
        prop_assert!(less.1 <= less.0 && less.0 <= live.max(10));
    }
}
