//! Who calls, and what they send.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use claw_core::clock::Clock;
use serde::de::DeserializeOwned;
use std::sync::Arc;

use super::Tokens;
use crate::trigger::server::error::Failure;
use crate::trigger::server::rate::Bucket;

/// Requests that are answered per second in the long run, and at once.
const RATE: (u32, u32) = (10, 50);
/// Longest time for a body to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets people in who carry a token of their own. There are no cookies, so that no other page can make a browser call.
pub(crate) struct Door {
    tokens: Tokens,
    clock: Arc<dyn Clock>,
    bucket: Bucket,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door")
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

impl Door {
    pub(crate) fn new(tokens: Tokens, clock: Arc<dyn Clock>) -> Self {
        let (per_second, burst) = RATE;
        Self {
            tokens,
            bucket: Bucket::new(per_second, burst, clock.now()),
            clock,
        }
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Whose token a request carries.
    pub(crate) fn person(&self, headers: &HeaderMap) -> Result<String, Failure> {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let token = given
            .next()
            .and_then(|value| value.as_bytes().split_at_checked("Bearer ".len()))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "))
            .map(|(_, token)| token);
        // Of two headers nobody knows which is meant.
        let person = token
            .filter(|_| given.next().is_none())
            .and_then(|token| self.tokens.who(token));
        let Some(person) = person else {
            return Err(Failure::new(
                StatusCode::UNAUTHORIZED,
                "header Authorization",
                "the token is missing, or is nobody's",
                "send `Authorization: Bearer <token>` with your own token",
            ));
        };
        // Within: whoever has no token does not use up the room of those who have.
        self.bucket.take(self.clock.now()).map_err(|seconds| Failure {
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

    /// The body, which has to be JSON of so many bytes at most. `remedy` says what to send.
    pub(crate) async fn body<T: DeserializeOwned>(
        &self,
        request: Request,
        most: usize,
        remedy: &str,
    ) -> Result<T, Failure> {
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
        let body = tokio::time::timeout(PATIENCE, to_bytes(request.into_body(), most)).await;
        let body = body.ok().and_then(Result::ok).ok_or_else(|| {
            Failure::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body",
                format!("the body is longer than {most} bytes, or was not whole in time"),
                remedy,
            )
        })?;
        serde_json::from_slice(&body).map_err(|error| {
            // What serde says of the shape names fields, not values, but for those that are enumerated.
            let said = error.to_string();
            let said = said.split(" at line ").next().unwrap_or_default();
            Failure::new(
                StatusCode::BAD_REQUEST,
                &format!("body, line {} column {}", error.line(), error.column()),
                format!("the body is not what is expected here: {said}"),
                remedy,
            )
        })
    }
}
