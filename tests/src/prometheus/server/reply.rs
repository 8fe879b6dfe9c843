//! Answers in the shape of Prometheus' API.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::super::eval::EvalError;

/// An error of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl ApiError {
    pub(super) fn bad_data(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "bad_data",
            message: message.into(),
        }
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            kind: "internal",
            message: message.into(),
        }
    }

    /// An error in a query that was given as the parameter `name`.
    pub(super) fn in_parameter(name: &str, error: &EvalError) -> Self {
        Self::bad_data(format!("invalid parameter {name:?}: {error}"))
    }
}

impl From<EvalError> for ApiError {
    fn from(error: EvalError) -> Self {
        let (status, kind) = match error {
            EvalError::Parse { .. } | EvalError::NotForRanges { .. } => {
                return Self::in_parameter("query", &error);
            }
            EvalError::TimedOut => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
            EvalError::Canceled => (StatusCode::SERVICE_UNAVAILABLE, "canceled"),
            _ => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
        };
        Self {
            status,
            kind,
            message: error.to_string(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "status": "error", "errorType": self.kind, "error": self.message });
        json_response(self.status, body.to_string())
    }
}

/// An error that a fault rule asks for.
pub(super) fn fault(status: StatusCode) -> Response {
    let kind = match status {
        StatusCode::BAD_REQUEST => "bad_data",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::UNPROCESSABLE_ENTITY => "execution",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ => "internal",
    };
    let message = status.canonical_reason().unwrap_or("error").to_lowercase();
    ApiError {
        status,
        kind,
        message,
    }
    .into_response()
}

/// Success with data that serde writes.
pub(super) fn success(data: &impl Serialize, warnings: &[String]) -> Response {
    match serde_json::to_string(data) {
        Ok(data) => raw_success(&data, warnings, &[]),
        Err(error) => ApiError::internal(error.to_string()).into_response(),
    }
}

/// Success with data that is JSON already.
pub(super) fn raw_success(data: &str, warnings: &[String], infos: &[String]) -> Response {
    let mut body = format!(r#"{{"status":"success","data":{data}"#);
    for (name, notes) in [("warnings", warnings), ("infos", infos)] {
        if !notes.is_empty() {
            body.push_str(&format!(r#","{name}":{}"#, json!(notes)));
        }
    }
    body.push('}');
    json_response(StatusCode::OK, body)
}

fn json_response(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}
