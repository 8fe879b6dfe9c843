//! Objects of which only the metadata are wanted, and other forms of an answer.

use super::pair::Pair;
use super::step::{JSON, config_map, step, version};

const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

pub(super) async fn forms(pair: &mut Pair, maps: &str) {
    let a = format!("{maps}/a");
    const ONE: &[&str] = &["form", "/metadata/name", "/metadata/labels"];
    const MANY: &[&str] = &[
        "form",
        "forms of items",
        "names",
        "more",
        "/metadata/remainingItemCount",
    ];
    for (name, accept) in [
        ("metadata", METADATA),
        (
            "metadata or the whole",
            "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
        ),
        (
            "the whole or metadata",
            "application/json,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
        ),
        (
            "metadata in another order",
            "application/json;v=v1;g=meta.k8s.io;as=PartialObjectMetadata",
        ),
        (
            "metadata of another group",
            "application/json;as=PartialObjectMetadata;g=example.com;v=v1",
        ),
        (
            "metadata of another version",
            "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v9",
        ),
        ("metadata of a list where there is one", METADATA_LIST),
        (
            "a form that is none",
            "application/json;as=Nonsense;g=meta.k8s.io;v=v1",
        ),
        (
            "a form that is none, or the whole",
            "application/json;as=Nonsense;g=meta.k8s.io;v=v1,application/json",
        ),
        ("a kind of text that is none", "text/html"),
        ("anything", "*/*"),
        ("anything of a kind", "application/*"),
    ] {
        pair.same(step(name, "GET", &a, ONE).accept(accept)).await;
    }
    const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";
    const TABLE_OR_WHOLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json";
    for (name, accept) in [("a table", TABLE), ("a table, or the whole", TABLE_OR_WHOLE)] {
        pair.same(step(name, "GET", &a, &[]).accept(accept)).await;
    }
    for (name, accept, path) in [
        (
            "list of metadata",
            METADATA_LIST,
            format!("{maps}?labelSelector=app"),
        ),
        (
            "page of metadata",
            METADATA_LIST,
            format!("{maps}?limit=2&labelSelector=app"),
        ),
        (
            "list of metadata by a field",
            METADATA_LIST,
            format!("{maps}?fieldSelector=metadata.name%3Da"),
        ),
        (
            "metadata of one where there are many",
            METADATA,
            format!("{maps}?labelSelector=app"),
        ),
        (
            "list of a form that is none",
            "application/json;as=Nonsense;g=meta.k8s.io;v=v1",
            maps.to_owned(),
        ),
    ] {
        pair.same(step(name, "GET", path, MANY).accept(accept)).await;
    }
    pair.same(
        step(
            "metadata of what is not there",
            "GET",
            format!("{maps}/zzz"),
            &["form"],
        )
        .accept(METADATA),
    )
    .await;
    let from = pair
        .same(
            step(
                "metadata before a watch",
                "GET",
                format!("{maps}?labelSelector=seen"),
                MANY,
            )
            .accept(METADATA_LIST),
        )
        .await
        .each_ref()
        .map(version);
    let seen = config_map("seen", serde_json::json!({"seen": "yes"}));
    pair.same(
        step("create for its metadata", "POST", maps, ONE)
            .body(JSON, seen)
            .accept(METADATA),
    )
    .await;
    pair.same(step("delete it again", "DELETE", format!("{maps}/seen"), &["form"]).accept(METADATA))
        .await;
    let watch = from.each_ref().map(|version| {
        let path = format!("{maps}?watch=true&timeoutSeconds=1&labelSelector=seen&resourceVersion={version}");
        step("watch of metadata", "GET", path, &["events", "forms of events"]).accept(METADATA)
    });
    pair.each(watch).await;
}
