mod health;
mod plan;
mod radius;
mod whole;

use std::sync::{Arc, Mutex};

use claw_core::entity::EntityRef;
use claw_core::patch::merged;
use claw_core::radius::Endpoints;
use claw_core::survey::Health;
use serde_json::json;

use super::*;
use crate::cluster::fake::{Fake, context};

/// An object as it is stored, with `more` merged into it.
fn stored(api_version: &str, kind: &str, namespace: Option<&str>, name: &str, more: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {
        "name": name, "uid": format!("uid-{name}"), "resourceVersion": "42"}});
    if let Some(namespace) = namespace {
        object["metadata"]["namespace"] = namespace.into();
    }
    merged(&object, &more)
}

fn in_shop(api_version: &str, kind: &str, name: &str, more: Value) -> Value {
    stored(api_version, kind, Some("shop"), name, more)
}

fn owned_by(kind: &str, name: &str) -> Value {
    json!([{"kind": kind, "name": name, "controller": true}])
}

fn deployment(more: Value) -> Value {
    let object = json!({
        "metadata": {"generation": 2, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "cart"}}, "template": {
            "metadata": {"labels": {"app": "cart"}},
            "spec": {"containers": [{"name": "app", "image": "cart:1", "envFrom": [{"configMapRef": {"name": "mode"}}]}]}}},
        "status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}});
    merged(&in_shop("apps/v1", "Deployment", "cart", object), &more)
}

fn set(name: &str, replicas: u32) -> Value {
    let more = json!({"metadata": {"labels": {"app": "cart"}, "ownerReferences": owned_by("Deployment", "cart")},
        "spec": {"replicas": replicas}, "status": {"replicas": replicas}});
    in_shop("apps/v1", "ReplicaSet", name, more)
}

fn pod(name: &str, node: &str, more: Value) -> Value {
    let object = json!({
        "metadata": {"labels": {"app": "cart"}, "ownerReferences": owned_by("ReplicaSet", "cart-1")},
        "spec": {"nodeName": node, "containers": [{"name": "app", "image": "cart:1", "envFrom": [{"configMapRef": {"name": "mode"}}]}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
    merged(&in_shop("v1", "Pod", name, object), &more)
}

fn slice(service: &str, pods: &[&str]) -> Value {
    let endpoints: Vec<Value> = pods
        .iter()
        .map(|name| json!({"addresses": ["10.0.0.1"], "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": name}}))
        .collect();
    let name = format!("{service}-abcde");
    let more =
        json!({"metadata": {"labels": {"kubernetes.io/service-name": service}}, "endpoints": endpoints});
    in_shop("discovery.k8s.io/v1", "EndpointSlice", &name, more)
}

fn budget(name: &str, left: i32) -> Value {
    let more = json!({"spec": {"selector": {"matchLabels": {"app": "cart"}}}, "status": {"disruptionsAllowed": left}});
    in_shop("policy/v1", "PodDisruptionBudget", name, more)
}

/// Three pods of a Deployment on two nodes behind one of two Services, with a budget, and what all of that is in.
fn shop() -> Vec<Value> {
    let node = |name: &str, zone: &str| {
        stored(
            "v1",
            "Node",
            None,
            name,
            json!({"metadata": {"labels": {"topology.kubernetes.io/zone": zone}}}),
        )
    };
    vec![
        stored(
            "v1",
            "Namespace",
            None,
            "kube-system",
            json!({"metadata": {"uid": "cluster-1"}}),
        ),
        stored(
            "v1",
            "Namespace",
            None,
            "shop",
            json!({"metadata": {"labels": {"env": "staging"}}}),
        ),
        deployment(json!({})),
        set("cart-0", 0),
        set("cart-1", 3),
        pod("cart-1-a", "n1", json!({})),
        pod("cart-1-b", "n2", json!({})),
        pod("cart-1-c", "n2", json!({})),
        pod("done", "n2", json!({"status": {"phase": "Succeeded"}})),
        pod(
            "other",
            "n2",
            json!({"metadata": {"labels": {"app": "other"}, "ownerReferences": owned_by("ReplicaSet", "other-1")},
            "spec": {"containers": null}}),
        ),
        slice("cart", &["cart-1-a", "cart-1-b", "cart-1-c"]),
        slice("other", &["other"]),
        budget("cart", 1),
        in_shop(
            "policy/v1",
            "PodDisruptionBudget",
            "other",
            json!({"spec": {"selector": {"matchLabels": {"app": "x"}}}}),
        ),
        node("n1", "a"),
        node("n2", "b"),
    ]
}

/// An action on an object, as a proposer makes it.
fn action(verb: Verb, object: &Value, patch: Value) -> Action {
    let text = |place: &str| object.pointer(place).and_then(Value::as_str).map(str::to_owned);
    Action {
        verb,
        target: EntityRef {
            kind: text("/kind").unwrap(),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name").unwrap(),
        },
        api_version: text("/apiVersion").unwrap(),
        uid: text("/metadata/uid"),
        resource_version: text("/metadata/resourceVersion"),
        pre_image: None,
        patch,
        expected: String::new(),
        reversal: None,
        reason: "test".to_owned(),
    }
}

async fn survey(fake: Fake, action: Action) -> Survey {
    SurveyTarget::new(fake.cluster())
        .call(&context(), action)
        .await
        .unwrap()
}

/// With its requests.
async fn asked(fake: Fake, action: Action) -> (Survey, Vec<String>) {
    let asked: Arc<Mutex<Vec<String>>> = fake.asked();
    let survey = survey(fake, action).await;
    let asked = asked.lock().unwrap().clone();
    (survey, asked)
}

/// What a patch of the Deployment reaches.
async fn patched(patch: Value) -> BlastRadius {
    survey(
        Fake::new(shop()),
        action(Verb::Patch, &deployment(json!({})), patch),
    )
    .await
    .radius
}

fn names(objects: impl IntoIterator<Item = EntityRef>) -> Vec<String> {
    objects.into_iter().map(|object| object.to_string()).collect()
}

fn endpoints(affected: u32, ready: u32) -> Option<Endpoints> {
    Some(Endpoints { affected, ready })
}
