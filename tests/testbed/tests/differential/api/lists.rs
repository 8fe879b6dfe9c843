//! Many objects at once: pages, selectors, watches.

use serde_json::{Value, json};

use super::pair::Pair;
use super::step::{JSON, MERGE, config_map, step, version};

pub(super) async fn lists(pair: &mut Pair, ns: &str, maps: &str) {
    const PAGE: &[&str] = &["names", "more", "/metadata/remainingItemCount"];
    // The real server adds a ConfigMap of its own to every namespace.
    let own = "fieldSelector=metadata.name!%3Dkube-root-ca.crt";
    pair.same(step("list", "GET", format!("{maps}?{own}"), &["names", "more"]))
        .await;
    let mut page = pair
        .same(step(
            "first page",
            "GET",
            format!("{maps}?limit=3&labelSelector=app"),
            PAGE,
        ))
        .await;
    for name in ["second page", "page after the last"] {
        let next = page.each_ref().map(|answer| {
            let token = answer
                .body
                .pointer("/metadata/continue")
                .and_then(Value::as_str)
                .unwrap_or_default();
            step(
                name,
                "GET",
                format!("{maps}?limit=3&labelSelector=app&continue={token}"),
                PAGE,
            )
        });
        page = pair.each(next).await;
    }
    pair.same(step(
        "page with a token that is none",
        "GET",
        format!("{maps}?limit=3&continue=nonsense"),
        &[],
    ))
    .await;
    pair.same(step(
        "limit that is no number",
        "GET",
        format!("{maps}?limit=many"),
        &[],
    ))
    .await;
    pair.same(step(
        "list everywhere",
        "GET",
        format!(
            "/api/v1/configmaps?labelSelector=tier%3Dfront,app%3Dweb&fieldSelector=metadata.namespace%3D{ns}"
        ),
        &["names"],
    ))
    .await;
    pair.same(step(
        "list of an empty namespace",
        "GET",
        "/api/v1/namespaces/nowhere/configmaps",
        &["names"],
    ))
    .await;
}

pub(super) async fn selectors(pair: &mut Pair, maps: &str) {
    for (name, selector) in [
        ("equal", "app%3Dweb"),
        ("equal twice", "app%3D%3Dweb"),
        ("unequal", "app!%3Dweb,tier"),
        ("in", "app%20in%20(web,%20db)"),
        ("notin", "app%20notin%20(web),tier"),
        ("exists", "tier"),
        ("exists not", "!tier,app"),
        ("two", "app%3Dweb,tier%3Dback"),
        ("empty value", "app%3D"),
        ("broken", "app%3D%3D%3Dweb"),
        ("broken set", "app%20in%20web"),
        ("no label name", "-app%3Dweb"),
    ] {
        pair.same(step(
            name,
            "GET",
            format!("{maps}?labelSelector={selector}"),
            &["names"],
        ))
        .await;
    }
    for (name, path) in [
        ("field name", format!("{maps}?fieldSelector=metadata.name%3Da")),
        ("field that is none", format!("{maps}?fieldSelector=data.key%3Da")),
        (
            "field that is broken",
            format!("{maps}?fieldSelector=metadata.name"),
        ),
    ] {
        pair.same(step(name, "GET", path, &["names"])).await;
    }
}

pub(super) async fn watches(pair: &mut Pair, maps: &str) {
    let list = pair
        .same(step(
            "list before a watch",
            "GET",
            format!("{maps}?labelSelector=watched"),
            &["names"],
        ))
        .await;
    let from = list.each_ref().map(version);
    pair.same(
        step("create what is watched", "POST", maps, &[])
            .body(JSON, config_map("w", json!({"watched": "yes"}))),
    )
    .await;
    pair.same(
        step("patch what is watched", "PATCH", format!("{maps}/w"), &[])
            .body(MERGE, json!({"data": {"n": "1"}})),
    )
    .await;
    pair.same(
        step("take it out of the selection", "PATCH", format!("{maps}/w"), &[])
            .body(MERGE, json!({"metadata": {"labels": {"watched": null}}})),
    )
    .await;
    pair.same(step("delete it unseen", "DELETE", format!("{maps}/w"), &[]))
        .await;
    let watch = from.each_ref().map(|version| {
        step(
            "watch",
            "GET",
            format!("{maps}?watch=true&timeoutSeconds=1&labelSelector=watched&resourceVersion={version}"),
            &["events"],
        )
    });
    pair.each(watch).await;
}
