//! Where Slack sends clicks.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use claw_guardrails::approval::InboxError;

use super::{SlackButtons, Unheard, click};
use crate::approval::slack::signature::Unsigned;
use crate::trigger::server::error::Failure;

/// Largest body, in bytes: Slack sends the message along.
const MOST_BYTES: usize = 256 << 10;
/// Longest time for a body to come. Slack itself waits three seconds for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The route.
pub(in crate::approval) fn router(slack: Arc<SlackButtons>) -> Router {
    Router::new()
        .route("/slack/interactions", post(clicked))
        .with_state(slack)
}

/// Answers nothing but whether the vote was kept: an empty 200 leaves the message as it is.
async fn clicked(State(slack): State<Arc<SlackButtons>>, request: Request) -> Result<StatusCode, Failure> {
    let headers = request.headers().clone();
    let body = tokio::time::timeout(PATIENCE, to_bytes(request.into_body(), MOST_BYTES)).await;
    let body = body.ok().and_then(Result::ok).ok_or_else(|| {
        Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body",
            format!("the body is longer than {MOST_BYTES} bytes, or was not whole in time"),
            "send what Slack sends",
        )
    })?;
    hear(&slack, &headers, &body).await.map_err(failure)?;
    Ok(StatusCode::OK)
}

async fn hear(slack: &SlackButtons, headers: &HeaderMap, body: &[u8]) -> Result<(), Unheard> {
    let now = slack.clock.now();
    let at = slack.signatures.check(
        only(headers, "x-slack-request-timestamp")?,
        only(headers, "x-slack-signature")?,
        body,
        now,
    )?;
    let (id, vote) = slack.judge(click::parse(body, at)?).await?;
    Ok(slack.inbox.put(&id, vote, now).await?)
}

/// The header, if it is there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a [u8], Unsigned> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(value), None) => Ok(value.as_bytes()),
        _ => Err(Unsigned::Missing),
    }
}

fn failure(error: Unheard) -> Failure {
    let (status, place, remedy) = match &error {
        Unheard::Signature(Unsigned::TooMany) => {
            (StatusCode::SERVICE_UNAVAILABLE, "request", "try again later")
        }
        Unheard::Signature(_) => (
            StatusCode::UNAUTHORIZED,
            "headers X-Slack-Signature and X-Slack-Request-Timestamp",
            "send what Slack sends, and check the app's signing secret",
        ),
        Unheard::Click(_) => (StatusCode::BAD_REQUEST, "body", "click a button of the message"),
        Unheard::Elsewhere(_) => (
            StatusCode::FORBIDDEN,
            "body",
            "click in the message that the agent has posted",
        ),
        Unheard::Inbox(InboxError::Store(_) | InboxError::Corrupt(_)) => {
            (StatusCode::SERVICE_UNAVAILABLE, "store", "click again later")
        }
        Unheard::Inbox(_) => (
            StatusCode::CONFLICT,
            "request",
            "look at the request as it stands now",
        ),
    };
    tracing::warn!(
        error = &error as &dyn std::error::Error,
        "a click in Slack is no vote"
    );
    Failure::new(status, place, error.to_string(), remedy)
}
