//! How many requests are answered.

use std::sync::{Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;

use super::ServerState;
use super::error::Failure;

/// Parts into which a request's worth of room is divided, so that it fills evenly.
const PARTS: u64 = 1000;

/// A bucket that each request takes a drop from, and that fills at a steady rate.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: u64,
    size: u64,
    level: Mutex<(u64, Timestamp)>,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(per_second: u32, burst: u32, now: Timestamp) -> Self {
        let size = u64::from(burst.max(1)) * PARTS;
        Self {
            per_second: u64::from(per_second.max(1)),
            size,
            level: Mutex::new((size, now)),
        }
    }

    /// Takes one request's worth, or says after how many seconds there is that much.
    pub(crate) fn take(&self, now: Timestamp) -> Result<(), u32> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (parts, last) = *level;
        let elapsed = now.duration_since(last).as_millis().max(0);
        // A thousandth of a request's worth per millisecond and request per second.
        let more = u64::try_from(elapsed)
            .unwrap_or(u64::MAX)
            .saturating_mul(self.per_second);
        let parts = parts.saturating_add(more).min(self.size);
        // What is too short to count is not lost: the time stays where it was.
        let at = if more > 0 || now < last { now } else { last };
        let Some(rest) = parts.checked_sub(PARTS) else {
            *level = (parts, at);
            let missing = PARTS.saturating_sub(parts);
            let seconds = missing.div_ceil(self.per_second.saturating_mul(PARTS)).max(1);
            return Err(u32::try_from(seconds).unwrap_or(u32::MAX));
        };
        *level = (rest, at);
        Ok(())
    }
}

/// Lets as many requests through as the settings say.
pub(super) async fn limit(State(state): State<ServerState>, request: Request, next: Next) -> Response {
    match state.0.bucket.take(state.0.clock.now()) {
        Ok(()) => next.run(request).await,
        Err(seconds) => {
            let settings = &state.0.settings;
            let reason = format!(
                "more than {} requests per second, after {} at once",
                settings.requests_per_second, settings.burst
            );
            Failure {
                retry_after: Some(seconds),
                ..Failure::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "request",
                    reason,
                    "send it again later, or raise requests_per_second; in Alertmanager group alerts",
                )
            }
            .into_response()
        }
    }
}
