use std::sync::Arc;
use std::time::Duration;

use claw_core::change::{Change, ChangeKind, ChangeQuery};
use claw_core::clock::SystemClock;
use claw_core::tool::{Tool, ToolContext, ToolErrorKind};
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{GrafanaAnnotations, GrafanaConfig};

fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(5))
}

fn tool(server: &MockServer, tags: &[&str]) -> GrafanaAnnotations {
    let mut config = GrafanaConfig::at(server.uri());
    config.http.max_retries = 0;
    config.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    GrafanaAnnotations::new(config).unwrap()
}

async fn changes(annotations: Value) -> Vec<Change> {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/api/annotations"))
        .respond_with(ResponseTemplate::new(200).set_body_json(annotations))
        .mount(&server)
        .await;
    let answer = tool(&server, &[]).call(&cx(), ChangeQuery::default()).await;
    answer.unwrap().changes
}

#[tokio::test]
async fn asks_for_a_window_and_tags() {
    let server = MockServer::start().await;
    Mock::given(path("/api/annotations"))
        .and(query_param("type", "annotation"))
        .and(query_param("tags", "deploy"))
        .and(query_param("from", "1767261600000"))
        .and(query_param("to", "1767268800000"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!([])))
        .expect(1)
        .mount(&server)
        .await;
    let window = ChangeQuery {
        start: Some("2026-01-01T10:00:00Z".parse().unwrap()),
        end: Some("2026-01-01T12:00:00Z".parse().unwrap()),
        namespace: None,
    };
    let answer = tool(&server, &["deploy"]).call(&cx(), window).await.unwrap();
    assert_eq!(answer.changes, []);
}

#[tokio::test]
async fn tags_tell_what_was_changed() {
    let at = 1_767_261_600_000_i64;
    let told = changes(json!([
        {"id": 3, "time": at + 2000, "text": "<b>cart</b> 2.4.1<br/>by pipeline #991", "login": "ci-bot", "alertId": 0,
         "tags": ["deploy", "app:cart", "namespace:shop", "env:prod"], "dashboardUID": "x1"},
        {"id": 2, "time": at + 1000, "text": "", "tags": ["feature-flag", "checkout", "prod"]},
        {"id": 1, "time": at, "text": "drained for the kernel", "tags": ["drain", "node=ip-10-0-1-7"], "login": ""},
        {"id": 4, "time": at + 3000, "text": "p99 < 1 s again", "tags": null, "dashboardUID": "d7"},
    ]))
    .await;
    let shown: Vec<String> = told
        .iter()
        .map(|change| {
            let author = change.author.as_deref().unwrap_or("-");
            format!(
                "{} {:?} {}: {} by {author}",
                change.reference, change.kind, change.entity, change.summary
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "annotation-1 Node Node ip-10-0-1-7: drained for the kernel by -",
            "annotation-2 Flag Service checkout: feature-flag, checkout, prod by -",
            "annotation-3 Deploy Service shop/cart: cart 2.4.1 by pipeline #991 by ci-bot",
            "annotation-4 Config Dashboard d7: p99 < 1 s again by -",
        ]
    );
}

#[tokio::test]
async fn states_of_alerts_are_no_changes() {
    let told = changes(json!([
        {"id": 9, "time": 1_767_261_600_000_i64, "alertId": 44, "newState": "alerting", "text": "cart is slow", "tags": []},
        {"id": 10, "time": i64::MAX, "text": "when?", "tags": ["deploy"]},
    ]))
    .await;
    assert_eq!(told, []);
}

#[tokio::test]
async fn only_what_is_asked_for_is_told() {
    let server = MockServer::start().await;
    let annotations = json!([
        {"id": 1, "time": 1_767_261_600_000_i64, "text": "a", "tags": ["service:cart", "namespace:shop"]},
        {"id": 2, "time": 1_767_261_600_000_i64, "text": "b", "tags": ["service:bill", "namespace:back"]},
        {"id": 3, "time": 1_767_261_600_000_i64, "text": "c", "tags": ["service:web"]},
    ]);
    Mock::given(path("/api/annotations"))
        .respond_with(ResponseTemplate::new(200).set_body_json(annotations))
        .mount(&server)
        .await;
    let query = ChangeQuery {
        namespace: Some("shop".to_owned()),
        ..ChangeQuery::default()
    };
    let told = tool(&server, &[]).call(&cx(), query).await.unwrap().changes;
    let told: Vec<(&str, ChangeKind)> = told
        .iter()
        .map(|change| (&*change.entity.name, change.kind))
        .collect();
    assert_eq!(told, [("cart", ChangeKind::Config), ("web", ChangeKind::Config)]);
}

#[tokio::test]
async fn errors_are_typed() {
    for (status, body, expected) in [
        (401, "{}", ToolErrorKind::Denied),
        (
            403,
            r#"{"message":"permissions needed: annotations:read"}"#,
            ToolErrorKind::Denied,
        ),
        (404, "not found", ToolErrorKind::Unavailable),
        (503, "{}", ToolErrorKind::Unavailable),
        (200, "<html>sign in</html>", ToolErrorKind::Internal),
    ] {
        let server = MockServer::start().await;
        Mock::given(path("/api/annotations"))
            .respond_with(ResponseTemplate::new(status).set_body_string(body))
            .mount(&server)
            .await;
        let error = tool(&server, &[]).call(&cx(), ChangeQuery::default()).await;
        assert_eq!(error.unwrap_err().kind(), expected, "{status} {body}");
    }
}
