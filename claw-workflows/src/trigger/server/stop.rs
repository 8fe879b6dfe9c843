//! The emergency stop over HTTP, for whoever has the token for it.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use claw_guardrails::stop::{Status, Switch, SwitchError};
use secrecy::SecretString;
use serde::Deserialize;

use super::auth::{self, Token};
use super::error::Failure;

/// Largest body, in bytes: a name and a reason.
const MAX_BODY: usize = 4096;

/// What the routes work with.
#[derive(Clone)]
struct Door {
    switch: Switch,
    token: Arc<Token>,
}

/// Who does it, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    by: String,
    reason: String,
}

/// The routes of the emergency stop. Every one takes `token`, which is not the one for notifications: who may tell the agent of
/// an alert may not let it go on. [`merge`](Router::merge) it with [`router`](super::router).
pub fn stop_router(switch: Switch, token: &SecretString) -> Router {
    let door = Door {
        switch,
        token: Arc::new(Token::new(token)),
    };
    Router::new()
        .route("/stop", get(status))
        .route("/stop/engage", post(engage))
        .route("/stop/release", post(release))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(door.clone(), require))
        .with_state(door)
}

async fn require(State(door): State<Door>, request: Request, next: Next) -> Response {
    if door.token.is_carried_by(&request) {
        return next.run(request).await;
    }
    auth::refused("send `Authorization: Bearer <token>` with the token of --admin-token-file")
}

async fn status(State(door): State<Door>) -> Result<Json<Status>, Failure> {
    Ok(Json(door.switch.status().await?))
}

async fn engage(
    State(door): State<Door>,
    words: Result<Json<Words>, JsonRejection>,
) -> Result<Json<Status>, Failure> {
    let words = read(words)?;
    door.switch.engage(&words.by, &words.reason).await?;
    status(State(door)).await
}

async fn release(
    State(door): State<Door>,
    words: Result<Json<Words>, JsonRejection>,
) -> Result<Json<Status>, Failure> {
    let words = read(words)?;
    door.switch.release(&words.by, &words.reason).await?;
    status(State(door)).await
}

fn read(words: Result<Json<Words>, JsonRejection>) -> Result<Words, Failure> {
    let Json(words) = words.map_err(|rejection| {
        Failure::new(
            rejection.status(),
            "body",
            "the body is not what is expected here",
            "send {\"by\": \"your name\", \"reason\": \"why\"} as application/json",
        )
    })?;
    if words.by.trim().is_empty() {
        return Err(SwitchError::Anonymous.into());
    }
    Ok(words)
}

impl From<SwitchError> for Failure {
    fn from(error: SwitchError) -> Self {
        let (status, place, remedy) = match &error {
            SwitchError::NotEngaged => (StatusCode::CONFLICT, "stop", "nothing has to be done"),
            SwitchError::Anonymous => (StatusCode::BAD_REQUEST, "body", "send both `by` and `reason`"),
            SwitchError::StillAsked { .. } => (
                StatusCode::CONFLICT,
                "stop",
                "remove the file or the key that asks for it, and send it again",
            ),
            SwitchError::EngagedAnew { .. } => {
                (StatusCode::CONFLICT, "stop", "look at /stop, and send it again")
            }
            // Paths are for operators.
            _ => {
                tracing::error!(%error, "the emergency stop");
                return Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "stop",
                    "it could not be kept or recorded as it should",
                    "see the agent's log, and look at /stop",
                );
            }
        };
        Self::new(status, place, error.to_string(), remedy)
    }
}
