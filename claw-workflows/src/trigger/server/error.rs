//! What went wrong, as an answer.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::runtime::RunnerError;
use crate::trigger::alertmanager::ParseError;

/// An answer that says what went wrong, where, and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) place: String,
    pub(crate) reason: String,
    pub(crate) remedy: String,
    /// Seconds after which the request may be sent again.
    pub(crate) retry_after: Option<u32>,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, place: &str, reason: impl Into<String>, remedy: &str) -> Self {
        Self {
            status,
            place: place.to_owned(),
            reason: reason.into(),
            remedy: remedy.to_owned(),
            retry_after: None,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = json!({"error": {"place": self.place, "reason": self.reason, "remedy": self.remedy}});
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, &error.place, error.reason, &error.remedy)
    }
}

impl From<RunnerError> for Failure {
    fn from(error: RunnerError) -> Self {
        tracing::error!(%error, "a request could not be served");
        let retryable = error.is_retryable();
        let (status, remedy) = if retryable {
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "send it again later; the agent's log says more",
            )
        } else {
            (StatusCode::INTERNAL_SERVER_ERROR, "see the agent's log")
        };
        Self {
            retry_after: retryable.then_some(5),
            // Paths and the like are for operators.
            ..Self::new(status, "journal", "the agent cannot keep runs at present", remedy)
        }
    }
}
