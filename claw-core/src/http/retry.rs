use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::error::HttpError;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The pause before attempt `attempt + 1` (the first attempt is 0). It doubles up to five seconds.
///
/// There is no random part, so that a replay waits the same. Calls that were refused together come back together; how
/// many they can be is for whoever makes calls side by side to bound.
pub(super) fn pause(attempt: u32) -> Duration {
    let factor = 1_u32.checked_shl(attempt).unwrap_or(u32::MAX);
    FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}

/// How long a `Retry-After` header asks to wait: in seconds, or until a date. A date that has passed asks for no wait.
pub fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let text = header.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// Whether trying once more can help, and does no harm. `safe`: the request may be repeated even if it was carried out.
pub(super) fn worth_repeating(error: &HttpError, safe: bool) -> bool {
    match error {
        // These were never carried out.
        HttpError::Connect { .. } | HttpError::Status { code: 429, .. } => true,
        HttpError::Timeout { .. } | HttpError::Interrupted { .. } => safe,
        HttpError::Status { code, .. } => safe && matches!(code, 408 | 502..=504),
        _ => false,
    }
}
