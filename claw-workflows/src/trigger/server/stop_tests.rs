//! The emergency stop over HTTP.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use claw_core::clock::SystemClock;
use claw_guardrails::audit::MemoryAuditLog;
use claw_guardrails::stop::{Stop, Switch};
use secrecy::SecretString;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::stop_router;

struct Door {
    switch: Switch,
    _folder: tempfile::TempDir,
}

fn door() -> Door {
    let folder = tempfile::tempdir().unwrap();
    let audit = Arc::new(MemoryAuditLog::default());
    let switch = Switch::new(Stop::new(), folder.path(), audit, Arc::new(SystemClock));
    Door {
        switch,
        _folder: folder,
    }
}

impl Door {
    async fn send(&self, method: &str, path: &str, token: &str, body: &str) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let router = stop_router(self.switch.clone(), &SecretString::from("admin"));
        let response = router.oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1 << 16).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }
}

#[tokio::test]
async fn whoever_has_the_token_stops_the_agent_and_lets_it_go_on() {
    let door = door();
    let words = json!({"by": "ann", "reason": "the release misbehaves"}).to_string();
    let (status, body) = door.send("POST", "/stop/engage", "admin", &words).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["engaged"], "the release misbehaves (ann)");
    assert!(door.switch.stop().check().is_err());
    let (_, body) = door.send("GET", "/stop", "admin", "").await;
    assert_eq!(body["mark"]["by"], "ann");
    let (status, body) = door.send("POST", "/stop/release", "admin", &words).await;
    assert_eq!((status, &body["engaged"]), (StatusCode::OK, &Value::Null));
    assert!(door.switch.stop().check().is_ok());
    let (status, body) = door.send("POST", "/stop/release", "admin", &words).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
}

#[tokio::test]
async fn nobody_else_sees_or_moves_it() {
    let door = door();
    let words = json!({"by": "ann", "reason": "a"}).to_string();
    for (method, path) in [
        ("GET", "/stop"),
        ("POST", "/stop/engage"),
        ("POST", "/stop/release"),
    ] {
        for token in ["", "wrong", "admin2"] {
            let (status, _) = door.send(method, path, token, &words).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        }
    }
    assert!(door.switch.stop().check().is_ok());
    door.switch.engage("ann", "a").await.unwrap();
    let long = json!({"by": "a", "reason": "a".repeat(5000)}).to_string();
    for (body, expected) in [
        ("", StatusCode::BAD_REQUEST),
        ("{}", StatusCode::UNPROCESSABLE_ENTITY),
        (
            r#"{"by": "a", "reason": "b", "force": true}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (r#"{"by": " ", "reason": "b"}"#, StatusCode::BAD_REQUEST),
        (r#"{"by": "a", "reason": ""}"#, StatusCode::BAD_REQUEST),
        (&long, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let (status, answer) = door.send("POST", "/stop/release", "admin", body).await;
        assert_eq!(status, expected, "{answer}");
    }
    assert!(door.switch.stop().check().is_err());
}
