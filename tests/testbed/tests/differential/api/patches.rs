//! Patches of all kinds, and the scale of workloads.

use serde_json::json;

use super::pair::Pair;
use super::step::{JSON, JSON_PATCH, MERGE, STRATEGIC, deployment, step};

pub(super) async fn patches(pair: &mut Pair, maps: &str, deployments: &str) {
    const MAP: &[&str] = &["/data", "/metadata/labels", "/metadata/annotations"];
    let a = format!("{maps}/a");
    for (name, content, body) in [
        (
            "merge patch",
            MERGE,
            json!({"data": {"more": "1"}, "metadata": {"labels": {"tier": null}}}),
        ),
        ("merge patch of nothing", MERGE, json!({})),
        (
            "merge patch that renames",
            MERGE,
            json!({"metadata": {"name": "other"}}),
        ),
        ("merge patch that is no object", MERGE, json!([1])),
        (
            "JSON patch",
            JSON_PATCH,
            json!([{"op": "add", "path": "/metadata/annotations", "value": {"x": "y"}}]),
        ),
        (
            "JSON patch whose test holds",
            JSON_PATCH,
            json!([{"op": "test", "path": "/data/more", "value": "1"}, {"op": "remove", "path": "/data/more"}]),
        ),
        (
            "JSON patch whose test fails",
            JSON_PATCH,
            json!([{"op": "test", "path": "/data/key", "value": "no"}]),
        ),
        (
            "JSON patch of what is not there",
            JSON_PATCH,
            json!([{"op": "remove", "path": "/data/none"}]),
        ),
        ("JSON patch that is no list", JSON_PATCH, json!({"op": "remove"})),
        ("patch of a kind that is none", "application/x-patch", json!({})),
    ] {
        pair.same(step(name, "PATCH", &a, MAP).body(content, body)).await;
    }
    pair.same(
        step(
            "merge patch of what is not there",
            "PATCH",
            format!("{maps}/zzz"),
            &[],
        )
        .body(MERGE, json!({})),
    )
    .await;
    const SPEC: &[&str] = &["/metadata/generation", "/spec/replicas"];
    pair.same(step("create a deployment", "POST", deployments, SPEC).body(JSON, deployment("web")))
        .await;
    let web = format!("{deployments}/web");
    const IMAGES: &[&str] = &[
        "/metadata/generation",
        "/spec/template/spec/containers/0/image",
        "/spec/template/spec/containers/0/env",
        "/spec/template/spec/containers/1/image",
    ];
    for (name, content, body) in [
        (
            "strategic patch of one container",
            STRATEGIC,
            json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "registry.invalid/a:2"}]}}}}),
        ),
        (
            "strategic patch of one variable",
            STRATEGIC,
            json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "env": [{"name": "B", "value": "2"}]}]}}}}),
        ),
        (
            "patch of metadata only",
            MERGE,
            json!({"metadata": {"annotations": {"note": "x"}}}),
        ),
        (
            "patch that changes nothing",
            MERGE,
            json!({"spec": {"replicas": 0}}),
        ),
    ] {
        pair.same(step(name, "PATCH", &web, IMAGES).body(content, body))
            .await;
    }
}

pub(super) async fn scale(pair: &mut Pair, deployments: &str) {
    let scale = format!("{deployments}/web/scale");
    const SCALE: &[&str] = &["/spec/replicas", "/metadata/name", "/status/selector"];
    pair.same(step("read a scale", "GET", &scale, SCALE)).await;
    pair.same(
        step(
            "dry run of a scale",
            "PATCH",
            format!("{scale}?dryRun=All"),
            SCALE,
        )
        .body(MERGE, json!({"spec": {"replicas": 5}})),
    )
    .await;
    pair.same(step("still as before", "GET", &scale, SCALE)).await;
    pair.same(
        step("scale below nothing", "PATCH", &scale, &[]).body(MERGE, json!({"spec": {"replicas": -1}})),
    )
    .await;
    pair.same(step("scale", "PATCH", &scale, SCALE).body(MERGE, json!({"spec": {"replicas": 1}})))
        .await;
    pair.same(step(
        "who scaled, and when",
        "GET",
        format!("{deployments}/web"),
        &["/spec/replicas", "writes to the scale"],
    ))
    .await;
    pair.same(step(
        "scale of what is not there",
        "GET",
        format!("{deployments}/zzz/scale"),
        &[],
    ))
    .await;
}
