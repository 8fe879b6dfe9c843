use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::post as on_post;
use claw_core::clock::{ManualClock, SystemClock};
use claw_core::http::{Client, ClientConfig};
use claw_core::tool::ToolContext;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Alert, Route, Server, fingerprint, webhook_bodies};
use crate::http_probe::{get, post};
use crate::loopback::Loopback;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_772_359_200 + minute * 60).unwrap()
}

fn alert(name: &str, pod: &str) -> Alert {
    Alert::new(
        [("alertname", name), ("pod", pod), ("severity", "critical")],
        at(0),
    )
    .with_annotation("summary", format!("{pod} is unwell"))
    .with_annotation("runbook", "https://example.com/runbook")
}

#[test]
fn the_fingerprint_is_that_of_alertmanager() {
    // The hash of no labels is the offset basis of FNV-1a.
    assert_eq!(fingerprint(&BTreeMap::new()), "cbf29ce484222325");
    let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    };
    assert_ne!(
        fingerprint(&labels(&[("a", "bc")])),
        fingerprint(&labels(&[("ab", "c")]))
    );
}

#[test]
fn a_body_has_the_form_of_version_4() {
    let mut resolved = alert("Down", "b");
    resolved.ends_at = Some(at(3));
    let bodies = webhook_bodies(
        &Route::new("claw"),
        &[alert("Down", "a"), resolved.clone()],
        at(5),
    );
    assert_eq!(bodies.len(), 1);
    assert_eq!(
        bodies[0],
        json!({
            "receiver": "claw",
            "status": "firing",
            "alerts": [
                {
                    "status": "firing",
                    "labels": { "alertname": "Down", "pod": "a", "severity": "critical" },
                    "annotations": { "runbook": "https://example.com/runbook", "summary": "a is unwell" },
                    "startsAt": "2026-03-01T10:00:00Z",
                    "endsAt": "0001-01-01T00:00:00Z",
                    "generatorURL": "",
                    "fingerprint": alert("Down", "a").fingerprint(),
                },
                {
                    "status": "resolved",
                    "labels": { "alertname": "Down", "pod": "b", "severity": "critical" },
                    "annotations": { "runbook": "https://example.com/runbook", "summary": "b is unwell" },
                    "startsAt": "2026-03-01T10:00:00Z",
                    "endsAt": "2026-03-01T10:03:00Z",
                    "generatorURL": "",
                    "fingerprint": alert("Down", "b").fingerprint(),
                },
            ],
            "groupLabels": { "alertname": "Down" },
            "commonLabels": { "alertname": "Down", "severity": "critical" },
            "commonAnnotations": { "runbook": "https://example.com/runbook" },
            "externalURL": "http://alertmanager.example:9093",
            "version": "4",
            "groupKey": "{}:{alertname=\"Down\"}",
            "truncatedAlerts": 0,
        })
    );
    assert_eq!(
        webhook_bodies(&Route::new("claw"), &[resolved], at(5))[0]["status"],
        "resolved"
    );
}

#[test]
fn grouping_follows_the_route() {
    let alerts = [alert("Down", "a"), alert("Slow", "a"), alert("Down", "b")];
    let groups = |labels: &[&str]| -> Vec<(Value, usize)> {
        let route = Route::new("claw").grouped_by(labels.iter().copied());
        let bodies = webhook_bodies(&route, &alerts, at(1));
        bodies
            .iter()
            .map(|b| (b["groupKey"].clone(), b["alerts"].as_array().unwrap().len()))
            .collect()
    };
    assert_eq!(
        groups(&["alertname"]),
        [
            (json!("{}:{alertname=\"Down\"}"), 2),
            (json!("{}:{alertname=\"Slow\"}"), 1)
        ]
    );
    assert_eq!(groups(&[]), [(json!("{}:{}"), 3)]);
    assert_eq!(groups(&["..."]).len(), 3);
    assert_eq!(
        groups(&["pod", "alertname"])[0].0,
        json!("{}:{alertname=\"Down\", pod=\"a\"}")
    );
    let mut short = Route::new("claw").grouped_by(["nothing"]);
    short.max_alerts = 2;
    let body = &webhook_bodies(&short, &alerts, at(1))[0];
    assert_eq!(
        (body["alerts"].as_array().unwrap().len(), &body["truncatedAlerts"]),
        (2, &json!(1))
    );
}

/// A receiver that keeps what it gets and answers with the given status.
async fn receiver(status: u16) -> (Loopback, Arc<Mutex<Vec<Value>>>) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    let router = Router::new().route(
        "/hook",
        on_post(async move |body: axum::Json<Value>| {
            keep.lock().unwrap().push(body.0);
            (axum::http::StatusCode::from_u16(status).unwrap(), "noted")
        }),
    );
    (Loopback::serve(router).await.unwrap(), kept)
}

#[tokio::test]
async fn a_resolved_alert_is_told_once() {
    let clock = Arc::new(ManualClock::at(at(1)));
    let server = Server::start(Route::new("claw"), clock.clone()).await.unwrap();
    let (hook, kept) = receiver(200).await;
    let (broken, _) = receiver(500).await;
    let client = Client::new(ClientConfig::default()).unwrap();
    let cx = ToolContext::new(Arc::new(SystemClock), Duration::from_secs(10));
    let url = format!("{}/hook", hook.url());
    let down = alert("Down", "a");
    server.fire(down.clone());
    let deliveries = server.notify(&cx, &client, &url).await.unwrap();
    assert_eq!(
        (deliveries[0].status, deliveries[0].answer.as_str()),
        (200, "noted")
    );
    assert!(server.resolve(&down.fingerprint(), at(1)));
    assert!(!server.resolve(&down.fingerprint(), at(1)));
    // A receiver that does not take the notification will be told again.
    assert_eq!(
        server
            .notify(&cx, &client, &format!("{}/hook", broken.url()))
            .await
            .unwrap()[0]
            .status,
        500
    );
    server.notify(&cx, &client, &url).await.unwrap();
    assert!(server.notify(&cx, &client, &url).await.unwrap().is_empty());
    let seen: Vec<Value> = kept
        .lock()
        .unwrap()
        .iter()
        .map(|body| body["status"].clone())
        .collect();
    assert_eq!(seen, ["firing", "resolved"]);
}

#[tokio::test]
async fn alerts_are_taken_and_listed_by_the_api() {
    let server = Server::start(Route::new("claw"), Arc::new(ManualClock::at(at(1))))
        .await
        .unwrap();
    let url = format!("{}/api/v2/alerts", server.url());
    let body = json!([
        { "labels": { "alertname": "Down", "pod": "web-1" }, "startsAt": "2026-03-01T10:00:00Z", "generatorURL": "http://p" },
        { "labels": { "alertname": "Slow", "pod": "db-0" }, "annotations": { "summary": "slow" }, "endsAt": "2026-03-01T11:00:00Z" },
        { "labels": { "alertname": "Gone" }, "startsAt": "2026-03-01T09:00:00Z", "endsAt": "2026-03-01T10:00:30Z" },
    ]);
    assert_eq!(
        post(&url, "application/json", &body.to_string()).await.status,
        200
    );
    let names = async |query: &[(&str, &str)]| -> Vec<String> {
        let all = get(&url, query).await.json();
        let mut names: Vec<String> = all
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a["labels"]["alertname"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&[]).await, ["Down", "Slow"]);
    assert_eq!(names(&[("filter", "alertname=\"Down\"")]).await, ["Down"]);
    assert_eq!(names(&[("filter", "pod=~\"web.*|x\"")]).await, ["Down"]);
    assert_eq!(
        names(&[("filter", "pod!~\"web.*\""), ("filter", "alertname!=Down")]).await,
        ["Slow"]
    );
    assert_eq!(names(&[("receiver", "other")]).await, [""; 0]);
    let one = &get(&url, &[("filter", "alertname=Down")]).await.json()[0];
    assert_eq!(one["status"]["state"], "active");
    assert_eq!(one["endsAt"], "2026-03-01T10:06:00Z");
    assert_eq!(get(&url, &[("filter", "nonsense")]).await.status, 400);
    assert_eq!(
        post(&url, "application/json", r#"[{"labels":{}}]"#).await.status,
        400
    );
    assert_eq!(
        post(
            &url,
            "application/json",
            r#"[{"labels":{"a":"b"},"startsAt":"now"}]"#
        )
        .await
        .status,
        400
    );
    assert_eq!(server.notifications().len(), 3);
}
