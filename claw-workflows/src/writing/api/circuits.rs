//! Circuits: looked at, opened and closed by hand.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use claw_guardrails::breaker::Scope;
use claw_guardrails::pipeline::{OpenCircuit, Pipeline};
use serde::{Deserialize, Serialize};

use super::Desk;
use crate::trigger::server::error::Failure;

/// Largest body, in bytes: a reason.
const MOST_BYTES: usize = 4 << 10;
/// Longest reason, in characters.
const LONGEST: usize = 1000;

#[derive(Debug, Serialize)]
pub(super) struct Circuits {
    circuits: Vec<OpenCircuit>,
}

/// Why. Who it is comes from the token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    reason: String,
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
) -> Result<Json<Circuits>, Failure> {
    desk.door.person(&headers)?;
    listed(desk.pipeline()?).await
}

pub(super) async fn open(
    State(desk): State<Arc<Desk>>,
    Path(key): Path<String>,
    request: Request,
) -> Result<Json<Circuits>, Failure> {
    let (by, scope, reason) = desk.asked(&key, request).await?;
    let pipeline = desk.pipeline()?;
    let opened = pipeline.open_circuit(scope, &by, &reason).await;
    opened.map_err(|error| Desk::unavailable(&error))?;
    listed(pipeline).await
}

pub(super) async fn close(
    State(desk): State<Arc<Desk>>,
    Path(key): Path<String>,
    request: Request,
) -> Result<Json<Circuits>, Failure> {
    let (by, scope, reason) = desk.asked(&key, request).await?;
    let pipeline = desk.pipeline()?;
    let closed = pipeline.close_circuit(scope, &by, &reason).await;
    if !closed.map_err(|error| Desk::unavailable(&error))? {
        return Err(Failure::new(
            StatusCode::NOT_FOUND,
            "path",
            "that circuit is not open",
            "see /v1/circuits for those that are",
        ));
    }
    listed(pipeline).await
}

async fn listed(pipeline: &Pipeline) -> Result<Json<Circuits>, Failure> {
    let circuits = pipeline.circuits().await;
    let circuits = circuits.map_err(|error| Desk::unavailable(&error))?;
    Ok(Json(Circuits { circuits }))
}

impl Desk {
    fn pipeline(&self) -> Result<&Pipeline, Failure> {
        self.agent.pipeline().ok_or_else(|| {
            Failure::new(
                StatusCode::NOT_FOUND,
                "path",
                "this agent writes nothing, and has no circuits",
                "start it with settings for writing",
            )
        })
    }

    /// Who wants it, of which circuit, and why.
    async fn asked(&self, key: &str, request: Request) -> Result<(String, Scope, String), Failure> {
        let may = &self.permissions.circuits;
        let by = self.one_of(request.headers(), may, ("open or close circuits", "circuits"))?;
        let scope: Scope = key
            .parse()
            .map_err(|error: claw_guardrails::breaker::ScopeError| {
                let said = error.to_string();
                let (reason, remedy) = said.split_once("; ").unwrap_or((&said, "see /v1/circuits"));
                Failure::new(StatusCode::BAD_REQUEST, "path", reason, remedy)
            })?;
        let remedy = r#"send {"reason": "why"}"#;
        let why: Why = self.door.body(request, MOST_BYTES, remedy).await?;
        let reason = why.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        if reason.is_empty() || reason.chars().count() > LONGEST || reason.chars().any(char::is_control) {
            return Err(Failure::new(
                StatusCode::BAD_REQUEST,
                "body, reason",
                "the reason is empty or too long",
                "say in a sentence why",
            ));
        }
        Ok((by, scope, reason))
    }
}
