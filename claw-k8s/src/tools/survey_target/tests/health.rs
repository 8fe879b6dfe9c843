//! How objects are. The clock shows ten o'clock.

use super::*;
use crate::tools::survey_target::health::health;

fn of(object: &Value) -> Health {
    let kind = object["kind"].as_str().unwrap();
    let resource = Resource::ALL.iter().find(|known| known.kind == kind).unwrap();
    health(resource, object, "2026-03-01T10:00:00Z".parse().unwrap())
}

/// Why it is ill; nothing of one that is well.
fn why(object: &Value) -> Option<String> {
    match of(object) {
        Health::Well => None,
        Health::Ill { why } => Some(why),
        other => panic!("{other:?}"),
    }
}

fn condition(kind: &str, status: &str, time: &str) -> Value {
    json!([{"type": kind, "status": status, "lastUpdateTime": time, "lastTransitionTime": time}])
}

#[test]
fn a_deployment_has_its_time() {
    let short = |more: Value| deployment(merged_status(json!({"availableReplicas": 2}), more));
    let ill = Some("2 of 3 pods are as they are meant to be".to_owned());
    assert_eq!(why(&deployment(json!({}))), None);
    let at = |time: &str| json!({"status": {"conditions": condition("Progressing", "True", time)}});
    assert_eq!(
        why(&short(at("2026-03-01T09:55:00Z"))),
        None,
        "its rollout has begun five minutes ago"
    );
    assert_eq!(why(&short(at("2026-03-01T09:45:00Z"))), ill);
    let hasty = json!({"spec": {"progressDeadlineSeconds": 60}});
    assert_eq!(why(&short(merged(&at("2026-03-01T09:55:00Z"), &hasty))), ill);
    // Whoever has just written to it sees it well until it has had its time.
    let edited = json!({"metadata": {"managedFields": [{"manager": "claw", "operation": "Update", "time": "2026-03-01T09:59:00Z"}]}});
    assert_eq!(why(&short(edited.clone())), None);
    let stuck = json!({"status": {"conditions": condition("Progressing", "False", "2026-03-01T09:59:00Z")}});
    assert_eq!(
        why(&short(merged(&edited, &stuck))).unwrap(),
        "its rollout does not get on"
    );
    let refused =
        json!({"status": {"conditions": condition("ReplicaFailure", "True", "2026-03-01T09:59:00Z")}});
    assert_eq!(why(&short(refused)).unwrap(), "its pods cannot be made");
    // What the status says of an earlier spec is nothing.
    let behind = json!({"metadata": {"generation": 3}});
    assert!(
        why(&deployment(behind.clone()))
            .unwrap()
            .contains("controller has not looked")
    );
    assert_eq!(why(&deployment(merged(&behind, &edited))), None);
}

fn merged_status(status: Value, more: Value) -> Value {
    merged(&json!({ "status": status }), &more)
}

#[test]
fn other_kinds_say_it_in_their_way() {
    let old = json!({"creationTimestamp": "2026-01-01T00:00:00Z"});
    let object = |api: &str, kind: &str, spec: Value, status: Value| {
        in_shop(
            api,
            kind,
            "x",
            json!({"metadata": old, "spec": spec, "status": status}),
        )
    };
    let ready = |status: &str| json!({"conditions": [{"type": "Ready", "status": status}]});
    let waiting = json!({"phase": "Pending", "containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]});
    let scaling = |active: &str, reason: &str, able: &str| json!({"conditions": [{"type": "ScalingActive", "status": active, "reason": reason}, {"type": "AbleToScale", "status": able}]});
    let pressed = json!({"conditions": [{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "True"}]});
    for (object, expected) in [
        (
            object(
                "apps/v1",
                "StatefulSet",
                json!({"replicas": 2}),
                json!({"readyReplicas": 2}),
            ),
            None,
        ),
        (
            object(
                "apps/v1",
                "StatefulSet",
                json!({"replicas": 2}),
                json!({"readyReplicas": 1}),
            ),
            Some("1 of 2 pods"),
        ),
        (
            object(
                "apps/v1",
                "DaemonSet",
                json!({}),
                json!({"desiredNumberScheduled": 3, "numberAvailable": 3}),
            ),
            None,
        ),
        (
            object(
                "apps/v1",
                "DaemonSet",
                json!({}),
                json!({"desiredNumberScheduled": 3}),
            ),
            Some("0 of 3 pods"),
        ),
        (
            object(
                "batch/v1",
                "Job",
                json!({}),
                json!({"startTime": "2026-03-01T09:00:00Z"}),
            ),
            None,
        ),
        (
            object(
                "batch/v1",
                "Job",
                json!({}),
                json!({"conditions": [{"type": "Failed", "status": "True"}]}),
            ),
            Some("failed"),
        ),
        (object("v1", "Pod", json!({}), ready("True")), None),
        (object("v1", "Pod", json!({}), ready("False")), Some("not ready")),
        (object("v1", "Pod", json!({}), waiting), Some("ImagePullBackOff")),
        (
            object("v1", "Pod", json!({}), json!({"phase": "Failed"})),
            Some("failed"),
        ),
        (
            object("v1", "Pod", json!({}), json!({"phase": "Succeeded"})),
            None,
        ),
        (object("v1", "Node", json!({}), ready("True")), None),
        (
            object("v1", "Node", json!({}), ready("Unknown")),
            Some("not ready"),
        ),
        (object("v1", "Node", json!({}), pressed), Some("DiskPressure")),
        (
            object(
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                json!({}),
                scaling("True", "", "True"),
            ),
            None,
        ),
        (
            object(
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                json!({}),
                scaling("False", "FailedGetMetric", "True"),
            ),
            Some("how far"),
        ),
        (
            object(
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                json!({}),
                scaling("False", "ScalingDisabled", "True"),
            ),
            None,
        ),
        (
            object(
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                json!({}),
                scaling("True", "", "False"),
            ),
            Some("cannot scale"),
        ),
        (
            object(
                "policy/v1",
                "PodDisruptionBudget",
                json!({}),
                json!({"currentHealthy": 1, "desiredHealthy": 2}),
            ),
            Some("1 of 2"),
        ),
        (
            object(
                "v1",
                "PersistentVolumeClaim",
                json!({}),
                json!({"phase": "Bound"}),
            ),
            None,
        ),
        (
            object("v1", "PersistentVolumeClaim", json!({}), json!({"phase": "Lost"})),
            Some("Lost"),
        ),
    ] {
        let found = why(&object);
        assert_eq!(found.is_some(), expected.is_some(), "{object}: {found:?}");
        assert!(
            found.unwrap_or_default().contains(expected.unwrap_or_default()),
            "{object}"
        );
    }
    for silent in [
        object("v1", "ConfigMap", json!({}), json!({})),
        object("v1", "Node", json!({}), json!({})),
        object(
            "v1",
            "PersistentVolumeClaim",
            json!({}),
            json!({"phase": "Pending"}),
        ),
        object("apps/v1", "DaemonSet", json!({}), json!({})),
        in_shop("v1", "Pod", "x", json!({"status": "text"})),
    ] {
        assert_eq!(of(&silent), Health::Unknown, "{silent}");
    }
}
