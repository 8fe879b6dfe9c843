//! Objects that the tests of several tools look at.

use serde_json::{Value, json};

use crate::cluster::fake::Fake;

pub(super) fn pod(name: &str, labels: Value) -> Value {
    json!({"kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": labels,
            "ownerReferences": [{"kind": "ReplicaSet", "name": "cart-1a", "controller": true}]},
        "spec": {"containers": [{"name": "app", "env": [{"name": "API_TOKEN", "value": "hunter2"}]}]}})
}

pub(super) fn event(name: &str, about: &str, kind: &str, last: &str) -> Value {
    let ns = if kind == "Node" { "default" } else { "shop" };
    json!({"kind": "Event", "metadata": {"name": name, "namespace": ns}, "reason": "Because", "type": "Warning",
        "involvedObject": {"kind": kind, "namespace": (kind != "Node").then_some("shop"), "name": about}, "lastTimestamp": last})
}

pub(super) fn deployment(name: &str, extra: Value) -> Value {
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "app", "env": [{"name": "REDIS", "value": "redis://redis:6379"},
            {"name": "DB_PASSWORD", "value": "hunter2"}]}]}}}, "status": {"replicas": 2}});
    merge(&mut object, extra);
    object
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

pub(super) fn set(name: &str, owner: &str, revision: &str, created: &str, container: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name, "namespace": "shop", "creationTimestamp": created,
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "ownerReferences": [{"kind": "Deployment", "name": owner, "controller": true}]},
        "spec": {"replicas": 0, "template": {"metadata": {"labels": {"app": owner, "pod-template-hash": name}}, "spec": {"containers": [container]}}}})
}

pub(super) fn input<T: Default + serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

pub(super) fn history_fixture() -> Fake {
    let old = json!({"name": "app", "image": "cart:1.2", "args": ["--user", "a", "--password", "hunter"], "env": [{"name": "MODE", "value": "a"}, {"name": "API_TOKEN", "value": "old-secret"}],
        "resources": {"limits": {"memory": "512Mi"}}, "readinessProbe": {"httpGet": {"path": "/ok", "port": 8080}}});
    let new = json!({"name": "app", "image": "cart:1.3", "args": ["--user", "b", "--password", "hunted"], "env": [{"name": "API_TOKEN", "value": "new-secret"}, {"name": "DB", "value": "postgres://u:pw@db/x"}],
        "resources": {"limits": {"memory": "256Mi"}}, "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}}});
    Fake::new([
        deployment(
            "cart",
            json!({"metadata": {"managedFields": [
            {"manager": "helm", "operation": "Update", "time": "2026-03-01T09:30:01Z"},
            {"manager": "kubectl", "operation": "Update", "subresource": "scale", "time": "2026-03-01T09:40:00Z"},
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "time": "2026-03-01T09:59:00Z"}]}}),
        ),
        set("cart-1a", "cart", "1", "2026-01-01T00:00:00Z", old),
        set("cart-2b", "cart", "2", "2026-03-01T09:30:02Z", new),
        json!({"kind": "ConfigMap", "metadata": {"name": "cart", "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [
            {"manager": "kubectl-edit", "operation": "Update", "time": "2026-03-01T09:20:00Z"},
            {"manager": "kubectl-create", "operation": "Update", "time": "2026-01-01T00:00:00Z"}]}}),
    ])
}
