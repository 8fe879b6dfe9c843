use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::SystemClock;
use claw_core::tool::{Tool, ToolContext, ToolErrorKind};
use claw_core::topology::CallGraphQuery;
use serde_json::json;
use wiremock::matchers::{path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{JaegerConfig, JaegerDependencies};

fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(5))
}

fn tool(server: &MockServer) -> JaegerDependencies {
    let mut config = JaegerConfig::at(server.uri());
    config.http.max_retries = 0;
    config.lookback_hours = 2;
    JaegerDependencies::new(config).unwrap()
}

async fn answering(status: u16, body: &str) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path("/api/dependencies"))
        .and(query_param("lookback", "7200000"))
        .respond_with(ResponseTemplate::new(status).set_body_string(body))
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn links_become_edges_each_once() {
    let body = json!({"data": [
        {"parent": "web", "child": "cart.shop", "callCount": 12},
        {"parent": "web", "child": "cart.shop", "callCount": 3, "source": "otel"},
        {"parent": "shop/cart", "child": "api.partner.example.com", "callCount": 1},
        {"parent": "cart.shop", "child": "cart.shop", "callCount": 8},
        {"parent": "", "child": "web", "callCount": 8},
    ], "total": 0, "limit": 0, "offset": 0, "errors": null});
    let server = answering(200, &body.to_string()).await;
    let edges = |graph: claw_core::topology::CallGraph| -> Vec<String> {
        graph
            .edges
            .iter()
            .map(|edge| format!("{} -> {}", edge.from, edge.to))
            .collect()
    };
    let all = tool(&server)
        .call(&cx(), CallGraphQuery::default())
        .await
        .unwrap();
    assert_eq!(
        edges(all),
        [
            "Service web -> Service shop/cart",
            "Service shop/cart -> Service api.partner.example.com",
        ]
    );
    let elsewhere = CallGraphQuery {
        namespace: Some("billing".to_owned()),
    };
    let none = tool(&server).call(&cx(), elsewhere).await.unwrap();
    // An end without a namespace may be anywhere.
    assert_eq!(none.edges.len(), 2);
}

#[tokio::test]
async fn a_store_without_dependencies_has_none() {
    let server = answering(200, r#"{"data":null,"errors":null}"#).await;
    let graph = tool(&server)
        .call(&cx(), CallGraphQuery::default())
        .await
        .unwrap();
    assert_eq!(graph.edges, []);
}

#[tokio::test]
async fn errors_are_typed() {
    for (status, body, expected) in [
        (403, "{}", ToolErrorKind::Denied),
        (404, "", ToolErrorKind::Unavailable),
        (
            500,
            r#"{"errors":[{"code":500,"msg":"no storage"}]}"#,
            ToolErrorKind::Unavailable,
        ),
        (200, "<html>", ToolErrorKind::Internal),
    ] {
        let server = answering(status, body).await;
        let error = tool(&server).call(&cx(), CallGraphQuery::default()).await;
        assert_eq!(error.unwrap_err().kind(), expected, "{status} {body}");
    }
}

#[test]
fn no_time_to_look_back_is_refused() {
    let config = JaegerConfig {
        lookback_hours: 0,
        ..JaegerConfig::at("http://jaeger:16686")
    };
    assert!(
        JaegerDependencies::new(config)
            .unwrap_err()
            .to_string()
            .contains("lookback_hours")
    );
}
