//! What a failed request means for a carrier.

use claw_core::http::HttpError;
use claw_guardrails::approval::{Carrier, InboxError, PostError};

/// The carrier's error for a request that failed. No path, query or answer is quoted.
pub(super) fn of_http(carrier: Carrier, error: HttpError) -> PostError {
    if error.is_retryable() || matches!(error, HttpError::Cancelled) {
        return PostError::Unavailable {
            carrier,
            reason: error.to_string(),
            source: Some(Box::new(error)),
        };
    }
    let remedy = match &error {
        HttpError::Status {
            code: 401 | 403 | 404,
            ..
        } => "check the token, what it may do, and that the place exists".to_owned(),
        other => other.to_string(),
    };
    PostError::Refused {
        carrier,
        remedy,
        source: Some(Box::new(error)),
    }
}

/// The carrier's error for a request that could not be kept.
pub(super) fn of_inbox(carrier: Carrier, error: InboxError) -> PostError {
    match error {
        InboxError::OtherDigest => PostError::Untrusted {
            carrier,
            why: "another request of its id is there; give each request an id of its own".to_owned(),
        },
        other => PostError::Unavailable {
            carrier,
            reason: other.to_string(),
            source: Some(Box::new(other)),
        },
    }
}
