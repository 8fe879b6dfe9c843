//! What is answered to each request.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use claw_guardrails::approval::{self, Entry, InboxError, Shown, Verdict, Vote};
use serde::{Deserialize, Serialize};

use super::{CARRIER, HttpApprovals};
use crate::trigger::server::error::Failure;

/// Largest body, in bytes.
const MOST_BYTES: usize = 4 << 10;

/// The routes.
pub(in crate::approval) fn router(approvals: Arc<HttpApprovals>) -> Router {
    Router::new()
        .route("/approvals", get(all))
        .route("/approvals/{id}", get(one))
        .route("/approvals/{id}/decision", post(decide))
        .with_state(approvals)
}

type Approvals = State<Arc<HttpApprovals>>;

/// A request as whoever decides sees it.
#[derive(Debug, Serialize)]
struct Seen {
    #[serde(flatten)]
    shown: Shown,
    state: approval::State,
}

impl Seen {
    fn of(entry: Entry) -> Self {
        Self {
            shown: entry.shown,
            state: entry.state,
        }
    }
}

#[derive(Debug, Serialize)]
struct All {
    approvals: Vec<Seen>,
}

/// What whoever decides sends. Who it is comes from the token, and from nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    verdict: Verdict,
    digest: String,
}

#[derive(Debug, Serialize)]
struct Taken {
    id: String,
    by: String,
    verdict: Verdict,
}

async fn all(State(approvals): Approvals, headers: HeaderMap) -> Result<Json<All>, Failure> {
    approvals.door.person(&headers)?;
    let entries = approvals.inbox.all().await.map_err(failure)?;
    let approvals = entries.into_iter().map(Seen::of).collect();
    Ok(Json(All { approvals }))
}

async fn one(
    State(approvals): Approvals,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Seen>, Failure> {
    approvals.door.person(&headers)?;
    let entry = approvals.inbox.get(&id).await.map_err(failure)?;
    let entry = entry.ok_or_else(|| failure(InboxError::Unknown))?;
    Ok(Json(Seen::of(entry)))
}

async fn decide(
    State(approvals): Approvals,
    Path(id): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<Taken>), Failure> {
    // Before the body: whoever has no token sends none.
    let by = approvals.door.person(request.headers())?;
    let remedy = r#"send {"verdict": "approve" or "deny", "digest": "the digest of the request"}"#;
    let decision: Decision = approvals.door.body(request, MOST_BYTES, remedy).await?;
    let now = approvals.door.clock().now();
    let vote = Vote::new(&*by, decision.verdict, decision.digest, CARRIER, now);
    approvals.inbox.put(&id, vote, now).await.map_err(failure)?;
    let verdict = decision.verdict;
    Ok((StatusCode::ACCEPTED, Json(Taken { id, by, verdict })))
}

fn failure(error: InboxError) -> Failure {
    let said = error.to_string();
    let (reason, remedy) = said.split_once("; ").unwrap_or((&said, "see the agent's log"));
    let (status, place) = match &error {
        InboxError::Unknown => (StatusCode::NOT_FOUND, "path"),
        InboxError::OtherDigest => (StatusCode::CONFLICT, "digest"),
        InboxError::Settled { .. } => (StatusCode::CONFLICT, "request"),
        InboxError::Full => (StatusCode::CONFLICT, "request"),
        _ => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a request could not be served"
            );
            (StatusCode::SERVICE_UNAVAILABLE, "store")
        }
    };
    Failure {
        retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(5),
        ..Failure::new(status, place, reason, remedy)
    }
}
