//! The webhook and the methods of the Web API.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::blocks::{self, Refusal};
use super::server::{Shared, Via};

/// The path of the incoming webhook: team, hook and secret.
pub(super) const WEBHOOK: &str = "/services/T0000/B0000/secret";

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(WEBHOOK, post(webhook))
        .route(
            "/services/{*unknown}",
            post(async || (StatusCode::NOT_FOUND, "no_service")),
        )
        .route("/api/chat.postMessage", post(post_message))
        .route("/api/chat.update", post(update))
        .route("/api/conversations.history", get(history))
        .route("/api/auth.test", post(auth_test))
        .with_state(shared)
}

async fn webhook(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(message) = webhook_body(&headers, &body) else {
        return (StatusCode::BAD_REQUEST, "invalid_payload").into_response();
    };
    match blocks::check(&message) {
        Ok(()) => {
            shared.keep(Via::Webhook, "", message);
            "ok".into_response()
        }
        Err(refusal) => (StatusCode::BAD_REQUEST, refusal.code).into_response(),
    }
}

/// JSON, or a form whose `payload` is JSON.
fn webhook_body(headers: &HeaderMap, body: &[u8]) -> Option<Value> {
    let payload = if content_type(headers) == "application/x-www-form-urlencoded" {
        form_urlencoded::parse(body)
            .find(|(name, _)| name == "payload")?
            .1
            .into_owned()
            .into_bytes()
    } else {
        body.to_vec()
    };
    serde_json::from_slice(&payload).ok().filter(Value::is_object)
}

async fn post_message(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    answer(authorized(&shared, &headers).and_then(|()| {
        let message = api_body(&headers, &body)?;
        let channel = channel_of(&shared, &message)?;
        if let Some(thread) = message.get("thread_ts").and_then(Value::as_str)
            && !shared
                .posts()
                .iter()
                .any(|post| post.ts == thread && post.channel == channel)
        {
            return Err(Refusal::of("thread_not_found"));
        }
        blocks::check(&message)?;
        let ts = shared.keep(Via::Api, &channel, message.clone());
        Ok(json!({ "channel": channel, "ts": ts, "message": message }))
    }))
}

async fn update(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    answer(authorized(&shared, &headers).and_then(|()| {
        let message = api_body(&headers, &body)?;
        let channel = channel_of(&shared, &message)?;
        blocks::check(&message)?;
        let ts = message
            .get("ts")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let mut posts = shared.posts();
        let known = posts
            .iter_mut()
            .find(|post| post.ts == ts && post.channel == channel);
        known.ok_or_else(|| Refusal::of("message_not_found"))?.message = message;
        Ok(json!({ "channel": channel, "ts": ts }))
    }))
}

async fn auth_test(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    answer(
        authorized(&shared, &headers).map(|()| json!({ "team": "test", "user": "claw", "bot_id": "B0000" })),
    )
}

/// The messages of a channel, the latest first. Metadata is shown to who asks for it.
async fn history(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    answer(authorized(&shared, &headers).and_then(|()| {
        let given = |name: &str| query.get(name).map(String::as_str);
        let wanted = given("channel").and_then(|channel| shared.workspace.channel_id(channel));
        let channel = wanted.ok_or_else(|| Refusal::of("channel_not_found"))?;
        let limit = given("limit").and_then(|limit| limit.parse().ok()).unwrap_or(100);
        let with_metadata = given("include_all_metadata") == Some("true");
        let posts = shared.posts();
        let of_channel = posts.iter().rev().filter(|post| post.channel == channel);
        let messages: Vec<Value> = of_channel
            .take(limit)
            .map(|post| {
                let mut message = json!({ "type": "message", "ts": post.ts, "text": post.text() });
                if let (true, Some(metadata), Some(fields)) = (
                    with_metadata,
                    post.message.get("metadata"),
                    message.as_object_mut(),
                ) {
                    fields.insert("metadata".to_owned(), metadata.clone());
                }
                message
            })
            .collect();
        Ok(json!({ "messages": messages }))
    }))
}

fn authorized(shared: &Shared, headers: &HeaderMap) -> Result<(), Refusal> {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| Refusal::of("not_authed"))?;
    if token == shared.workspace.token {
        Ok(())
    } else {
        Err(Refusal::of("invalid_auth"))
    }
}

/// JSON, or a form in which structured fields are JSON texts.
fn api_body(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    match content_type(headers) {
        "application/json" => {
            let body: Value = serde_json::from_slice(body).map_err(|_| Refusal::of("invalid_json"))?;
            if body.is_object() {
                Ok(body)
            } else {
                Err(Refusal::of("json_not_object"))
            }
        }
        "application/x-www-form-urlencoded" => {
            let mut fields = Map::new();
            for (name, text) in form_urlencoded::parse(body) {
                let structured = matches!(name.as_ref(), "blocks" | "attachments" | "metadata");
                let value = if structured {
                    serde_json::from_str(&text).map_err(|_| Refusal::of("invalid_blocks_format"))?
                } else {
                    Value::from(text.into_owned())
                };
                fields.insert(name.into_owned(), value);
            }
            Ok(Value::Object(fields))
        }
        _ => Err(Refusal::of("invalid_post_type")),
    }
}

fn channel_of(shared: &Shared, message: &Value) -> Result<String, Refusal> {
    message
        .get("channel")
        .and_then(Value::as_str)
        .and_then(|channel| shared.workspace.channel_id(channel))
        .map(str::to_owned)
        .ok_or_else(|| Refusal::of("channel_not_found"))
}

fn content_type(headers: &HeaderMap) -> &str {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// The Web API answers with status 200 whatever it has to say.
fn answer(result: Result<Value, Refusal>) -> Response {
    let mut body = match result {
        Ok(body) => body,
        Err(refusal) if refusal.messages.is_empty() => {
            return Json(json!({ "ok": false, "error": refusal.code })).into_response();
        }
        Err(refusal) => {
            return Json(json!({
                "ok": false,
                "error": refusal.code,
                "errors": refusal.messages,
                "response_metadata": { "messages": refusal.messages },
            }))
            .into_response();
        }
    };
    if let Some(fields) = body.as_object_mut() {
        fields.insert("ok".to_owned(), Value::Bool(true));
    }
    Json(body).into_response()
}
