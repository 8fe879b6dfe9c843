//! What is collected replays to the same report.

use std::fs;
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use claw_core::clock::{Clock as _, SystemClock};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::world::{NAMESPACE, World, elsewhere, essence, walk};

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_says_what_the_cluster_says() {
    let world = World::start().await;
    let alert = world.file("alert.json");
    let (code, _, stderr) = world
        .run(&["collect", "rec", "-n", NAMESPACE, "--alert", &alert])
        .await;
    assert_eq!(code, 0, "{stderr}");
    let (_, live, stderr) = world.run(&["investigate", "--alert", &alert, "-o", "json"]).await;
    let live: Value = serde_json::from_str(&live).unwrap_or_else(|_| panic!("{stderr}"));
    let (_, replayed, stderr) = world.run(&["replay", "rec", "--full", "-o", "json"]).await;
    let replayed: Value = serde_json::from_str(&replayed).unwrap_or_else(|_| panic!("{stderr}"));
    assert_eq!(essence(&live), essence(&replayed));
    assert_eq!(live["gaps"], replayed["gaps"]);
    assert_eq!(replayed["case"], "rec");
    assert_eq!(replayed["since"], live["since"]);

    let mut recorded = String::new();
    for entry in walk(&world.path("rec")) {
        recorded.push_str(&fs::read_to_string(entry).unwrap());
    }
    assert!(recorded.contains("http_requests_total") && recorded.contains("CartDown"));
    assert!(!recorded.contains("hunter2") && !recorded.contains("aHVudGVyMg"));
    assert!(!recorded.contains("\"Secret\""), "Secrets are not read at all");

    let (code, _, stderr) = world.run(&["collect", "rec"]).await;
    assert_eq!(code, 1);
    assert!(stderr.contains("not empty"), "{stderr}");
    assert_eq!(world.writes(), 0);
    assert!(world.began < SystemClock.now());
}

/// A server of annotations and of dependencies between services.
async fn telling(changed: Timestamp) -> String {
    let annotation = json!([{"id": 7, "time": changed.as_millisecond(), "text": "cart 2.4.1 by pipeline",
        "tags": ["deploy", "app:cart", format!("namespace:{NAMESPACE}")], "login": "ci-bot", "alertId": 0}]);
    let dashboards = json!([{"uid": "c4rt", "title": "Cart", "url": "/d/c4rt/cart", "tags": []}]);
    let variable = json!({"name": "namespace", "type": "query"});
    let cart = json!({"dashboard": {"templating": {"list": [variable]}}});
    let links = json!({"data": [{"parent": "storefront", "child": "cart", "callCount": 3}]});
    let answers = Router::new()
        .route("/api/annotations", get(async || Json(annotation)))
        .route("/api/search", get(async || Json(dashboards)))
        .route("/api/dashboards/uid/c4rt", get(async || Json(cart)))
        .route("/api/dependencies", get(async || Json(links)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, answers).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_tell_of_changes_and_calls_is_recorded() {
    let world = World::start().await;
    let changed = world.began.checked_sub(SignedDuration::from_mins(2)).unwrap();
    let url = telling(changed).await;
    let told = ["--grafana", &url, "--jaeger", &url];
    let (code, _, stderr) = world
        .run(&[&["collect", "rec", "-n", NAMESPACE], &told[..]].concat())
        .await;
    assert_eq!(code, 0, "{stderr}");
    let read = |name: &str| fs::read_to_string(world.path("rec").join(name)).unwrap();
    assert!(read("changes.jsonl").contains("cart 2.4.1 by pipeline"));
    assert!(read("topology.jsonl").contains("storefront"));
    let arguments = [&["investigate", "-n", NAMESPACE, "-o", "json"], &told[..]].concat();
    let (_, live, stderr) = world.run(&arguments).await;
    let live: Value = serde_json::from_str(&live).unwrap_or_else(|_| panic!("{stderr}"));
    let annotated = live["changes"].as_array().unwrap().iter();
    assert!(
        annotated
            .clone()
            .any(|change| change.to_string().contains("annotation-7")),
        "{live}"
    );
    let shown = live["dashboards"][0]["url"].as_str().unwrap_or_default();
    assert!(
        shown.starts_with(&format!("{url}/d/c4rt/cart?from=")) && shown.ends_with("&var-namespace=shop"),
        "{shown}"
    );
    let (_, replayed, stderr) = world.run(&["replay", "rec", "--full", "-o", "json"]).await;
    let replayed: Value = serde_json::from_str(&replayed).unwrap_or_else(|_| panic!("{stderr}"));
    assert_eq!(essence(&live), essence(&replayed));

    // A source that is gone is a gap, and the rest is there.
    let (_, report, _) = world
        .run(&[
            "investigate",
            "-n",
            NAMESPACE,
            "-o",
            "json",
            "--grafana",
            "http://127.0.0.1:9",
        ])
        .await;
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(
        ["query_changes", "find_dashboards"]
            .iter()
            .all(|tool| report["gaps"].to_string().contains(tool)),
        "{}",
        report["gaps"]
    );
    assert_eq!(
        report["hypotheses"][0]["mechanism"],
        live["hypotheses"][0]["mechanism"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_without_metrics_lacks_what_the_investigation_lacked() {
    let world = World::start().await;
    let run = async |arguments: &[&str]| {
        let output = world
            .command(arguments)
            .env_remove("PROMETHEUS_URL")
            .output()
            .await
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["collect", "rec", "-n", NAMESPACE]).await;
    let live: Value =
        serde_json::from_str(&run(&["investigate", "-n", NAMESPACE, "-o", "json"]).await).unwrap();
    let replayed = run(&["replay", "rec", "--full", "-o", "json"]).await;
    let replayed: Value = serde_json::from_str(&replayed).unwrap();
    assert_eq!(essence(&live), essence(&replayed));
    let told = live["gaps"].to_string();
    assert!(
        told.contains("query_prometheus") && told.contains("metrics.k8s.io"),
        "{told}"
    );
    assert_eq!(live["gaps"], replayed["gaps"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_of_a_namespace_holds_what_is_read_elsewhere() {
    let world = World::start().await;
    let now = SystemClock.now();
    for object in elsewhere(world.began, now) {
        assert!(world.api.cluster().put(object));
    }
    let (code, _, stderr) = world.run(&["collect", "rec", "-n", NAMESPACE]).await;
    assert_eq!(code, 0, "{stderr}");
    let read = |name: &str| fs::read_to_string(world.path("rec").join(name)).unwrap();
    assert!(read("objects/event.json").contains("NodeNotReady"));
    assert!(read("objects/application.argoproj.io.json").contains("0123456789abcdef"));
    assert!(
        read("objects/pod.json").contains("ledger-x"),
        "of a namespace that is called into"
    );
    let metrics: String = walk(&world.path("rec/metrics"))
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    assert!(metrics.contains("node_load1"), "series of no namespace");
    let (_, live, _) = world.run(&["investigate", "-n", NAMESPACE, "-o", "json"]).await;
    let live: Value = serde_json::from_str(&live).unwrap();
    let (_, replayed, _) = world.run(&["replay", "rec", "--full", "-o", "json"]).await;
    let replayed: Value = serde_json::from_str(&replayed).unwrap();
    assert_eq!(essence(&live), essence(&replayed));
    assert_eq!(live["gaps"], replayed["gaps"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_holds_long_logs_and_what_the_log_store_has() {
    let world = World::start().await;
    let now = SystemClock.now();
    let minutes_ago = |minutes: i64| now.checked_sub(SignedDuration::from_mins(minutes)).unwrap();
    let pod = elsewhere(world.began, now).pop().unwrap();
    assert!(world.api.cluster().put(pod));
    let mut log = format!("{} from yesterday\n", minutes_ago(1_500));
    for number in 0..4_000 {
        log.push_str(&format!("{} line {number}\n", minutes_ago(10)));
    }
    let content = claw_k8s::bundle::Content::text(log);
    world
        .api
        .cluster()
        .set_log("billing", "ledger-x", "ledger", false, content);
    let mut store = claw_testkit::loki::Store::new();
    let labels = [
        ("namespace", "billing"),
        ("pod", "ledger-gone"),
        ("container", "ledger"),
    ];
    store.insert(labels, minutes_ago(20), "last words of a pod that is gone");
    let loki = claw_testkit::loki::Server::start(store, Arc::new(SystemClock))
        .await
        .unwrap();
    let (code, _, stderr) = world
        .run(&["collect", "rec", "-n", "billing", "--loki", &loki.url()])
        .await;
    assert_eq!(code, 0, "{stderr}");
    let log = fs::read_to_string(world.path("rec/logs/billing/ledger-x/ledger.log")).unwrap();
    assert!(log.contains(" line 0\n") && log.contains(" line 3999\n"));
    assert!(!log.contains("yesterday"), "before the time that is looked at");
    let lines = fs::read_to_string(world.path("rec/logs.jsonl")).unwrap();
    assert!(lines.contains("last words of a pod that is gone") && lines.contains("ledger-gone"));
}
