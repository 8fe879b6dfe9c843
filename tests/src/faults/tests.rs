use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::loopback::Loopback;

async fn boot(faults: &Faults) -> Loopback {
    let router = Router::new()
        .route("/a/{name}", get(|| async { "0123456789" }))
        .route("/in", post(|body: String| async move { body }));
    Loopback::serve(faults.layer(router)).await.unwrap()
}

async fn raw(server: &Loopback, request: &str) -> String {
    let mut tcp = TcpStream::connect(server.addr()).await.unwrap();
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A cut connection may be reported as an error; what came before it counts.
    let _ = tcp.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn fetch(server: &Loopback, path: &str) -> String {
    raw(
        server,
        &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
    )
    .await
}

#[tokio::test]
async fn a_limited_rule_stops_after_its_count() {
    let faults = Faults::new();
    let server = boot(&faults).await;
    faults.add(
        Rule::new("/a/*", Fault::too_many_requests(Duration::from_millis(1500)))
            .after(1)
            .times(1),
    );
    assert!(fetch(&server, "/a/x").await.starts_with("HTTP/1.1 200"));
    let refused = fetch(&server, "/a/x").await;
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.contains("retry-after: 2\r\n"), "{refused}");
    assert!(fetch(&server, "/a/x").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn limited_rules_on_one_path_act_one_after_the_other() {
    let faults = Faults::new();
    let server = boot(&faults).await;
    faults.add(Rule::new("/a/*", Fault::unavailable()).times(1));
    faults.add(Rule::new("/a/*", Fault::too_many_requests(Duration::ZERO)).times(1));
    assert!(fetch(&server, "/a/x").await.starts_with("HTTP/1.1 503"));
    assert!(fetch(&server, "/a/x").await.starts_with("HTTP/1.1 429"));
    assert!(fetch(&server, "/a/x").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_cut_sends_the_head_and_some_bytes() {
    let faults = Faults::new();
    let server = boot(&faults).await;
    faults.add(Rule::new("**", Fault::Cut { after_bytes: 4 }));
    let answer = fetch(&server, "/a/x").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("0123") && !answer.contains("01234"), "{answer}");
    assert_eq!(faults.exchanges()[0].sent, 4);
}

#[tokio::test]
async fn a_malformed_answer_is_half_a_body_and_complete_http() {
    let faults = Faults::new();
    let server = boot(&faults).await;
    faults.add(Rule::new("**", Fault::Malformed));
    let answer = fetch(&server, "/a/x").await;
    assert!(answer.contains("01234\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_trickled_body_arrives_whole() {
    let faults = Faults::new();
    let server = boot(&faults).await;
    faults.add(Rule::new(
        "**",
        Fault::Trickle {
            bytes: 3,
            pause: Duration::from_millis(1),
        },
    ));
    let answer = fetch(&server, "/a/x").await;
    assert!(answer.contains("content-length: 10\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n0123456789"), "{answer}");
}

#[tokio::test]
async fn the_log_holds_what_was_asked() {
    let faults = Faults::new();
    let server = boot(&faults).await;
    faults.add(Rule::new("/in", Fault::StatusAfterEffect(StatusCode::GATEWAY_TIMEOUT)).method(Method::POST));
    raw(
        &server,
        "POST /in?dry=1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer abc\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
    )
    .await;
    fetch(&server, "/missing").await;
    let log = faults.exchanges();
    assert_eq!(log.len(), 2);
    assert_eq!(
        (
            log[0].method.as_str(),
            log[0].path.as_str(),
            log[0].query.as_str()
        ),
        ("POST", "/in", "dry=1")
    );
    assert_eq!(&log[0].body[..], b"hello");
    assert_eq!(log[0].status, Some(StatusCode::GATEWAY_TIMEOUT));
    assert!(
        !format!("{:?}", log[0]).contains("abc"),
        "credentials must not be shown"
    );
    assert_eq!(log[1].status, Some(StatusCode::NOT_FOUND));
    assert_eq!(log[1].fault, None);
}

#[tokio::test]
async fn a_switch_reaches_the_handler() {
    let faults = Faults::new();
    let router = Router::new().route(
        "/",
        get(|switches: Option<axum::Extension<Switches>>| async move {
            if switches.is_some_and(|s| s.has("stale")) {
                "stale"
            } else {
                "fresh"
            }
        }),
    );
    let server = Loopback::serve(faults.layer(router)).await.unwrap();
    faults.add(Rule::new("/", Fault::Switch("stale")).query_contains("rv=0"));
    assert!(fetch(&server, "/?rv=0").await.ends_with("\r\n\r\nstale"));
    assert!(fetch(&server, "/?rv=1").await.ends_with("fresh"));
}

#[tokio::test]
async fn a_hanging_request_ends_with_its_client() {
    let faults = Faults::new();
    let server = boot(&faults).await;
    faults.add(Rule::new("**", Fault::Hang));
    let waited = tokio::time::timeout(Duration::from_millis(30), fetch(&server, "/a/x")).await;
    assert!(waited.is_err());
    assert_eq!(faults.exchanges()[0].status, None);
}
