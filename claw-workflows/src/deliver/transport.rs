//! What a failed request means for a delivery.

use claw_core::http::HttpError;

use super::sink::DeliverError;

/// The delivery's error for a request that failed. Neither holds a path, a query or an answer's text.
pub(super) fn failed(sink: &str, error: HttpError) -> DeliverError {
    let sink = sink.to_owned();
    match error {
        HttpError::Cancelled => DeliverError::Cancelled { sink },
        HttpError::Timeout { .. } => DeliverError::Timeout { sink },
        HttpError::Status {
            code: 429,
            retry_after,
            ..
        } => DeliverError::RateLimited { sink, retry_after },
        HttpError::Status {
            code: code @ (408 | 425 | 500..=599),
            ..
        } => DeliverError::Unavailable {
            sink,
            reason: format!("it answered with status {code}"),
            source: None,
        },
        HttpError::Status { code, .. } => DeliverError::Refused {
            sink,
            code: format!("status {code}"),
            remedy: match code {
                401 | 403 => "check the credentials and what they allow",
                404 | 410 => "check the address; the place does not exist there",
                413 => "the report is too large for the place; raise its limit",
                _ => "check the address and that the place takes such messages",
            }
            .to_owned(),
        },
        HttpError::InvalidConfig { .. }
        | HttpError::InvalidRequest { .. }
        | HttpError::Credentials { .. } => DeliverError::Configuration {
            sink,
            reason: error.to_string(),
        },
        HttpError::Redirected { .. } | HttpError::TooLarge { .. } | HttpError::Decode { .. } => {
            DeliverError::Refused {
                sink,
                code: "unexpected answer".to_owned(),
                remedy: error.to_string(),
            }
        }
        other => DeliverError::Unavailable {
            reason: other.to_string(),
            sink,
            source: Some(Box::new(other)),
        },
    }
}
