//! Versions of resources that are too old, yet to come, or none.

use claw_testbed::suite::{CustomKind, Namespace, Testbed};
use serde_json::json;

use super::pair::Pair;
use super::step::{JSON, step, version};

/// A kind that the real server begins to serve now: whatever was before is too old to be watched from.
const KIND: CustomKind<'_> = CustomKind {
    group: "versions.example.com",
    version: "v1",
    plural: "marks",
    kind: "Mark",
    namespaced: true,
};

pub(super) async fn versions(testbed: &Testbed, namespace: &Namespace, pair: &mut Pair) {
    KIND.serve(testbed, namespace).await.unwrap();
    let ns = namespace.name();
    pair.take_over("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/marks.versions.example.com")
        .await;
    let marks = format!("/apis/versions.example.com/v1/namespaces/{ns}/marks");
    let mark = json!({"apiVersion": "versions.example.com/v1", "kind": "Mark", "metadata": {"name": "m"}});
    let made = pair
        .same(
            step(
                "create a mark",
                "POST",
                &marks,
                &["/metadata/name", "/metadata/generation"],
            )
            .body(JSON, mark),
        )
        .await
        .each_ref()
        .map(version);
    const SEEN: &[&str] = &["events", "reasons of events"];
    for (name, from) in [
        ("watch from the beginning of time", "&resourceVersion=1"),
        ("watch from whatever version", "&resourceVersion=0"),
        ("watch from no version", ""),
        (
            "watch from whatever version, with bookmarks",
            "&resourceVersion=0&allowWatchBookmarks=true",
        ),
        (
            "watch from no version, with bookmarks",
            "&allowWatchBookmarks=true",
        ),
        ("watch from a version that is none", "&resourceVersion=x"),
        ("watch from a version below nothing", "&resourceVersion=-1"),
        (
            "watch with all that is there first",
            "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
        ),
        (
            "watch with all that is there first, from no match",
            "&sendInitialEvents=true",
        ),
    ] {
        let path = format!("{marks}?watch=true&timeoutSeconds=1{from}");
        pair.same(step(name, "GET", path, SEEN)).await;
    }
    let since = made.each_ref().map(|version| {
        let path = format!("{marks}?watch=true&timeoutSeconds=1&resourceVersion={version}");
        step("watch from the version of an object", "GET", path, SEEN)
    });
    pair.each(since).await;
    const LISTED: &[&str] = &["names"];
    for (name, query) in [
        ("list from whatever version", "resourceVersion=0"),
        (
            "list no older than",
            "resourceVersion=1&resourceVersionMatch=NotOlderThan",
        ),
        ("list from a version that is none", "resourceVersion=x"),
        ("list with a match of no version", "resourceVersionMatch=Exact"),
        (
            "list with a match that is none",
            "resourceVersion=1&resourceVersionMatch=Roughly",
        ),
        (
            "list from exactly any version",
            "resourceVersion=0&resourceVersionMatch=Exact",
        ),
    ] {
        pair.same(step(name, "GET", format!("{marks}?{query}"), LISTED))
            .await;
    }
    let exact = made.each_ref().map(|version| {
        let path = format!("{marks}?resourceVersion={version}&resourceVersionMatch=Exact");
        step("list as of the version of an object", "GET", path, LISTED)
    });
    pair.each(exact).await;
}
