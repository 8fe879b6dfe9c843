//! Who else has set what an action changes.

use super::super::owners::taken_over;
use super::*;

/// A Deployment with the managed fields that a real API server keeps: of the one who made it, of an autoscaler that wrote its
/// scale, of controllers that wrote its status, and of ourselves.
fn deployment() -> Value {
    let container = json!({".": {}, "f:name": {}, "f:image": {}, "f:resources": {".": {}, "f:limits": {".": {}, "f:memory": {}}},
        "f:ports": {".": {}, "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}});
    json!({
        "metadata": {"name": "cart", "uid": "uid-1", "finalizers": ["a/b"],
            "labels": {"app.kubernetes.io/name": "cart"}, "managedFields": [
            {"manager": "kubectl-client-side-apply", "operation": "Update", "fieldsV1": {
                "f:metadata": {"f:labels": {".": {}, "f:app.kubernetes.io/name": {}}, "f:finalizers": {".": {}, "v:\"a/b\"": {}}},
                "f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": container}}}}}},
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale",
                "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
                "fieldsV1": {"f:status": {"f:replicas": {}}}},
            {"manager": "claw", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]},
        "spec": {"replicas": 3, "template": {"spec": {"containers": [
            {"name": "app", "image": "cart:1", "resources": {"limits": {"memory": "1Gi"}}, "ports": [{"containerPort": 80, "protocol": "TCP"}]},
            {"name": "proxy", "image": "proxy:1"}]}}},
        "status": {"replicas": 3},
    })
}

fn taken(patch: Value) -> Value {
    let before = deployment();
    json!(taken_over(&before, &merged(&before, &patch), &patch))
}

#[test]
fn an_autoscaler_that_set_the_replicas_is_named() {
    assert_eq!(
        taken(json!({"spec": {"replicas": 5}})),
        json!({"kube-controller-manager": ["spec.replicas"]})
    );
    assert_eq!(
        taken(json!({"spec": {"replicas": 3}})),
        json!({}),
        "it stays as they set it"
    );
    assert_eq!(
        taken(json!({"spec": {"paused": true}})),
        json!({}),
        "nobody has set that"
    );
}

#[test]
fn of_a_list_only_what_changes_is_taken_over() {
    let mut containers = deployment()["spec"]["template"]["spec"]["containers"].clone();
    containers[0]["resources"]["limits"]["memory"] = json!("2Gi");
    containers[1]["image"] = json!("proxy:2");
    let patch = |containers: Value| json!({"spec": {"template": {"spec": {"containers": containers}}}});
    let path = |rest: &str| format!("spec.template.spec.containers[name=app].{rest}");
    assert_eq!(
        taken(patch(containers.clone())),
        json!({"kubectl-client-side-apply": [path("resources.limits.memory")]})
    );
    // One that goes takes all of its fields along.
    containers.as_array_mut().unwrap().remove(0);
    let gone = taken(patch(containers));
    let gone: Vec<&str> = gone["kubectl-client-side-apply"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path.as_str().unwrap())
        .collect();
    assert_eq!(
        gone,
        [
            path("image"),
            path("name"),
            path("ports[containerPort=80,protocol=TCP].containerPort"),
            path("resources.limits.memory"),
        ]
    );
}

#[test]
fn keys_that_look_like_paths_are_quoted() {
    assert_eq!(
        taken(json!({"metadata": {"labels": {"app.kubernetes.io/name": "other"}, "finalizers": null}})),
        json!({"kubectl-client-side-apply":
            ["metadata.finalizers[a/b]", "metadata.labels[\"app.kubernetes.io/name\"]"]})
    );
}

#[test]
fn managed_fields_that_are_absent_or_damaged_name_nobody() {
    let patch = json!({"spec": {"replicas": 5}});
    for fields in [
        json!(null),
        json!([]),
        json!("text"),
        json!([null, 1, {"manager": "x"}, {"manager": "x", "fieldsV1": "text"}]),
        json!([{"manager": "x", "fieldsV1": {"f:spec": {"k:not json": {}, "x": {}, "": 1}}}]),
    ] {
        let mut before = deployment();
        before["metadata"]["managedFields"] = fields.clone();
        let after = merged(&before, &patch);
        assert_eq!(json!(taken_over(&before, &after, &patch)), json!({}), "{fields}");
    }
    // Somebody without a name is somebody.
    let mut before = deployment();
    before["metadata"]["managedFields"] = json!([{"fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
    let after = merged(&before, &patch);
    assert_eq!(
        json!(taken_over(&before, &after, &patch)),
        json!({"(nameless)": ["spec.replicas"]})
    );
}
