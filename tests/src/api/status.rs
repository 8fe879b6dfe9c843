//! Errors in the words of the real API server.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::kinds::Kind;

/// A `Status` object that says what went wrong.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Map<String, Value>,
    /// The answer is a line of text: what is not the API's is not answered by the API.
    plain: bool,
    /// Whether details are told even where there are none.
    detailed: bool,
    /// After how many seconds the client may come again.
    retry_after: Option<u32>,
}

impl Failure {
    pub(super) fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: Map::new(),
            plain: false,
            detailed: false,
            retry_after: None,
        }
    }

    /// A path outside of all groups that the server has.
    pub(super) fn nothing_here() -> Self {
        Self {
            plain: true,
            ..Self::new(StatusCode::NOT_FOUND, "NotFound", "404 page not found\n")
        }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(super) fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.qualified());
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).about(kind, name)
    }

    /// A path that leads to nothing the server knows.
    pub(super) fn no_such_path() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NotFound",
            "the server could not find the requested resource",
        )
    }

    pub(super) fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.qualified());
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(kind, name)
    }

    pub(super) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": {why}",
            kind.qualified()
        );
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(kind, name)
    }

    pub(super) fn modified(kind: &Kind, name: &str) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, why)
    }

    pub(super) fn invalid(kind: &Kind, name: &str, field: &str, why: &str) -> Self {
        let message = format!(
            "{}.{} \"{name}\" is invalid: {field}: {why}",
            kind.kind, kind.group
        );
        let message = message.replace(". \"", " \"");
        let causes = json!([{"reason": "FieldValueInvalid", "message": why, "field": field}]);
        let mut failure = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).about(kind, name);
        failure.details.insert("causes".to_owned(), causes);
        failure
            .details
            .insert("kind".to_owned(), kind.kind.as_str().into());
        failure
    }

    /// Parameters of a request that contradict each other or the limits of their values. `place` names them, `why` begins with
    /// the sort of mistake.
    pub(super) fn invalid_options(kind: &str, group: &str, name: &str, place: &str, why: &str) -> Self {
        let qualified = [kind, group].join(".");
        let message = format!(
            "{} \"{name}\" is invalid: {place}: {why}",
            qualified.trim_end_matches('.')
        );
        let reason = match why.split(':').next() {
            Some("Forbidden") => "FieldValueForbidden",
            Some("Unsupported value") => "FieldValueNotSupported",
            _ => "FieldValueInvalid",
        };
        let mut failure = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        let causes = json!([{"reason": reason, "message": why, "field": place}]);
        failure.details.insert("causes".to_owned(), causes);
        for (field, value) in [("name", name), ("group", group), ("kind", kind)] {
            if !value.is_empty() {
                failure.details.insert(field.to_owned(), value.into());
            }
        }
        failure
    }

    /// An answer in none of the forms that the client takes.
    pub(super) fn not_acceptable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    pub(super) fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    pub(super) fn unsupported_media_type(given: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {given}"
        );
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            message,
        )
    }

    pub(super) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// Names the object that the failure is about.
    pub(super) fn about(self, kind: &Kind, name: &str) -> Self {
        self.about_resource(&kind.group, &kind.plural, name)
    }

    /// The same of a resource that the server may not know. What is empty is left out.
    pub(super) fn about_resource(mut self, group: &str, plural: &str, name: &str) -> Self {
        for (field, value) in [("name", name), ("group", group), ("kind", plural)] {
            if !value.is_empty() {
                self.details.insert(field.to_owned(), value.into());
            }
        }
        self.detailed = true;
        self
    }

    /// Asks the client to come again.
    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.details
            .insert("retryAfterSeconds".to_owned(), seconds.into());
        self.retry_after = Some(seconds);
        self
    }

    pub(super) fn cause(mut self, reason: &str, message: String) -> Self {
        let causes = json!([{"reason": reason, "message": message}]);
        self.details.insert("causes".to_owned(), causes);
        self
    }

    /// The object.
    pub(super) fn object(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code.as_u16(),
        });
        if let Value::Object(map) = &mut status {
            if !self.reason.is_empty() {
                map.insert("reason".to_owned(), self.reason.into());
            }
            if self.detailed || !self.details.is_empty() {
                map.insert("details".to_owned(), self.details.clone().into());
            }
        }
        status
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if self.plain {
            return (self.code, self.message).into_response();
        }
        let mut response = json_response(self.code, &self.object());
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// The body of an error that a fault switch makes.
pub(crate) fn of_fault(code: StatusCode) -> Response {
    let (reason, message) = match code.as_u16() {
        401 => ("Unauthorized", "Unauthorized"),
        403 => ("Forbidden", "forbidden: User \"system:simulated\" cannot do this"),
        404 => ("NotFound", "the server could not find the requested resource"),
        409 => (
            "Conflict",
            "the object has been modified; please apply your changes to the latest version and try again",
        ),
        410 => (
            "Expired",
            "The provided continue parameter is too old to display a consistent list result.",
        ),
        429 => ("TooManyRequests", "Too many requests, please try again later."),
        500 => ("InternalError", "Internal error occurred: simulated"),
        503 => (
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
        ),
        504 => (
            "Timeout",
            "the server was unable to return a response in the time allotted, but may still be processing the request",
        ),
        _ => ("", "the server answered as it was told to"),
    };
    let mut response = Failure::new(code, reason, message).into_response();
    if code == StatusCode::TOO_MANY_REQUESTS {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// A JSON answer.
pub(super) fn json_response(code: StatusCode, value: &Value) -> Response {
    (code, [(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
