//! What is answered to each request.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use claw_guardrails::approval::{self, Entry, InboxError, Shown, Verdict, Vote};
use serde::{Deserialize, Serialize};

use super::{CARRIER, HttpApprovals};
use crate::trigger::server::error::Failure;

/// Largest body, in bytes.
const MOST_BYTES: usize = 4 << 10;
/// Longest time for a body to come.
const PATIENCE: Duration = Duration::from_secs(10);

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
    person(&approvals, &headers)?;
    let entries = approvals.inbox.all().await.map_err(failure)?;
    let approvals = entries.into_iter().map(Seen::of).collect();
    Ok(Json(All { approvals }))
}

async fn one(
    State(approvals): Approvals,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Seen>, Failure> {
    person(&approvals, &headers)?;
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
    let by = person(&approvals, request.headers())?;
    let content = request.headers().get(header::CONTENT_TYPE);
    let content = content.and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "header Content-Type",
            "the body is not said to be JSON",
            "send `Content-Type: application/json`",
        ));
    }
    let body = tokio::time::timeout(PATIENCE, to_bytes(request.into_body(), MOST_BYTES)).await;
    let body = body.ok().and_then(Result::ok).ok_or_else(|| {
        Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body",
            format!("the body is longer than {MOST_BYTES} bytes, or was not whole in time"),
            "send verdict and digest, and nothing else",
        )
    })?;
    let decision: Decision = serde_json::from_slice(&body).map_err(|error| {
        Failure::new(
            StatusCode::BAD_REQUEST,
            &format!("body, line {} column {}", error.line(), error.column()),
            "the body is no decision",
            r#"send {"verdict": "approve" or "deny", "digest": "the digest of the request"}"#,
        )
    })?;
    let now = approvals.clock.now();
    let vote = Vote::new(&*by, decision.verdict, decision.digest, CARRIER, now);
    approvals.inbox.put(&id, vote, now).await.map_err(failure)?;
    let verdict = decision.verdict;
    Ok((StatusCode::ACCEPTED, Json(Taken { id, by, verdict })))
}

/// Whose token a request carries.
fn person(approvals: &HttpApprovals, headers: &HeaderMap) -> Result<String, Failure> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let token = given
        .next()
        .and_then(|value| value.as_bytes().split_at_checked("Bearer ".len()))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "))
        .map(|(_, token)| token);
    // Of two headers nobody knows which is meant.
    let person = token
        .filter(|_| given.next().is_none())
        .and_then(|token| approvals.tokens.who(token));
    let Some(person) = person else {
        return Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            "header Authorization",
            "the token is missing, or is nobody's",
            "send `Authorization: Bearer <token>` with your own token",
        ));
    };
    // Within: whoever has no token does not use up the room of those who have.
    approvals
        .bucket
        .take(approvals.clock.now())
        .map_err(|seconds| Failure {
            retry_after: Some(seconds),
            ..Failure::new(
                StatusCode::TOO_MANY_REQUESTS,
                "request",
                "too many requests",
                "send it again later",
            )
        })?;
    Ok(person.to_owned())
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
