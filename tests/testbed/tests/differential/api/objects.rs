//! Objects: made, read, replaced, and deleted.

use claw_core::patch::merged;
use serde_json::{Value, json};

use super::pair::Pair;
use super::step::{JSON, MERGE, config_map, step, version};

pub(super) async fn creation(pair: &mut Pair, maps: &str) {
    const MADE: &[&str] = &[
        "/metadata/name",
        "/metadata/labels",
        "/data",
        "/metadata/generation",
    ];
    for (name, labels) in [
        ("a", json!({"app": "web", "tier": "front"})),
        ("b", json!({"app": "web"})),
        ("c", json!({"app": "db"})),
        ("d", json!({"tier": "back"})),
        ("e", json!({})),
        ("f", json!({"app": "web", "tier": "back"})),
        ("g", json!({"app": ""})),
    ] {
        pair.same(step("create", "POST", maps, MADE).body(JSON, config_map(name, labels)))
            .await;
    }
    for (name, body) in [
        ("create what is there", config_map("a", json!({}))),
        (
            "create with a name that is none",
            config_map("Not_A_Name", json!({})),
        ),
        (
            "create with another kind",
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}),
        ),
        (
            "create without a name",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}),
        ),
        (
            "create in another namespace",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "other"}}),
        ),
        ("create from what is no JSON", json!("{not json")),
    ] {
        pair.same(step(name, "POST", maps, &[]).body(JSON, body)).await;
    }
}

pub(super) async fn reads(pair: &mut Pair, ns: &str, maps: &str) {
    for (name, path) in [
        ("read", format!("{maps}/a")),
        ("read what is not there", format!("{maps}/zzz")),
        (
            "read in a namespace that is not there",
            "/api/v1/namespaces/nowhere/configmaps/a".to_owned(),
        ),
        (
            "a resource that is none",
            format!("/api/v1/namespaces/{ns}/widgets"),
        ),
        (
            "a group that is none",
            format!("/apis/example.com/v1/namespaces/{ns}/widgets"),
        ),
        ("a path that is none", "/nothing/here".to_owned()),
        ("a subresource that is none", format!("{maps}/a/widget")),
        ("namespace", format!("/api/v1/namespaces/{ns}")),
        (
            "a namespace that is not there",
            "/api/v1/namespaces/nowhere".to_owned(),
        ),
        (
            "logs of a pod that is not there",
            format!("/api/v1/namespaces/{ns}/pods/zzz/log"),
        ),
    ] {
        pair.same(step(
            name,
            "GET",
            path,
            &["/metadata/name", "/data", "/details/name", "/details/kind"],
        ))
        .await;
    }
    pair.same(
        step("method that is none", "POST", format!("{maps}/a"), &[]).body(JSON, config_map("a", json!({}))),
    )
    .await;
}

pub(super) async fn conflicts(pair: &mut Pair, maps: &str) {
    let b = format!("{maps}/b");
    let read = pair.same(step("read before", "GET", &b, &["/data"])).await;
    let old = read.each_ref().map(version);
    pair.same(step("move on", "PATCH", &b, &["/data"]).body(MERGE, json!({"data": {"n": "1"}})))
        .await;
    let stale = |name, method, content, data: Value| {
        old.each_ref().map(|version| {
            let mut body = config_map("b", json!({"app": "web"}));
            body["metadata"]["resourceVersion"] = json!(version);
            body["data"] = data.clone();
            step(name, method, &b, &["/details/name"]).body(content, body)
        })
    };
    pair.each(stale(
        "replace with an old version",
        "PUT",
        JSON,
        json!({"n": "2"}),
    ))
    .await;
    pair.each(stale(
        "patch with an old version",
        "PATCH",
        MERGE,
        json!({"n": "2"}),
    ))
    .await;
    let mut body = config_map("b", json!({"app": "web"}));
    body["data"] = json!({"n": "3"});
    pair.same(step("replace without a version", "PUT", &b, &["/data"]).body(JSON, body.clone()))
        .await;
    body["metadata"]["name"] = json!("c");
    pair.same(step("replace with another name", "PUT", &b, &[]).body(JSON, body))
        .await;
    pair.same(
        step("replace what is not there", "PUT", format!("{maps}/zzz"), &[])
            .body(JSON, config_map("zzz", json!({}))),
    )
    .await;
}

pub(super) async fn dry_runs(pair: &mut Pair, maps: &str) {
    let made = config_map("dry", json!({}));
    pair.same(
        step(
            "dry run of a creation",
            "POST",
            format!("{maps}?dryRun=All"),
            &["/data"],
        )
        .body(JSON, made.clone()),
    )
    .await;
    pair.same(step("nothing was made", "GET", format!("{maps}/dry"), &[]))
        .await;
    pair.same(
        step(
            "dry run of a patch",
            "PATCH",
            format!("{maps}/c?dryRun=All"),
            &["/data"],
        )
        .body(MERGE, json!({"data": {"dry": "1"}})),
    )
    .await;
    pair.same(step(
        "nothing was patched",
        "GET",
        format!("{maps}/c"),
        &["/data"],
    ))
    .await;
    pair.same(step(
        "dry run of a deletion",
        "DELETE",
        format!("{maps}/c?dryRun=All"),
        &[],
    ))
    .await;
    pair.same(step(
        "nothing was deleted",
        "GET",
        format!("{maps}/c"),
        &["/data"],
    ))
    .await;
    pair.same(
        step(
            "dry run of another kind",
            "POST",
            format!("{maps}?dryRun=Some"),
            &[],
        )
        .body(JSON, made),
    )
    .await;
}

pub(super) async fn deletion(pair: &mut Pair, maps: &str) {
    let g = format!("{maps}/g");
    let wrong = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}});
    pair.same(step("delete another one of that name", "DELETE", &g, &[]).body(JSON, wrong))
        .await;
    let options = || json!({"kind": "DeleteOptions", "apiVersion": "v1"});
    let tried = merged(&options(), &json!({"dryRun": ["All"]}));
    pair.same(step("try a deletion by its body", "DELETE", &g, &["/status"]).body(JSON, tried))
        .await;
    pair.same(step("it is not gone", "GET", &g, &["/data"])).await;
    // Options in the body are all that counts: this is no dry run.
    let query = format!("{g}?dryRun=All");
    pair.same(step("delete, whatever the query says", "DELETE", query, &["/status"]).body(JSON, options()))
        .await;
    pair.same(step("delete what is gone", "DELETE", &g, &["/details/name"]))
        .await;
    let finalized = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept", "finalizers": ["example.com/keep"]}});
    pair.same(step("create with a finalizer", "POST", maps, &["/metadata/finalizers"]).body(JSON, finalized))
        .await;
    let kept = format!("{maps}/kept");
    pair.same(step(
        "delete what is kept",
        "DELETE",
        &kept,
        &["/metadata/finalizers"],
    ))
    .await;
    pair.same(step("it is still there", "GET", &kept, &["/metadata/finalizers"]))
        .await;
    pair.same(step("let it go", "PATCH", &kept, &[]).body(MERGE, json!({"metadata": {"finalizers": null}})))
        .await;
    pair.same(step("now it is gone", "GET", &kept, &[])).await;
}
