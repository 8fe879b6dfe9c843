//! When a request is sent again.

use std::time::Duration;

use super::{ClusterError, Limits};

/// How long to wait before the next attempt; `None` if there is to be none.
///
/// What the server asks for wins over the limits. There is no point in waiting for what would come after the deadline,
/// which is `remaining` away.
pub(super) fn pause(
    limits: &Limits,
    attempt: u32,
    error: &ClusterError,
    remaining: Duration,
) -> Option<Duration> {
    if !error.is_transient() || attempt >= limits.attempts {
        return None;
    }
    let pause = match error {
        ClusterError::RateLimited {
            retry_after: Some(pause),
            ..
        } => *pause,
        _ => limits
            .backoff
            .saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))),
    };
    (pause < remaining).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_each_time_and_never_beyond_the_deadline() {
        let limits = Limits {
            attempts: 4,
            backoff: Duration::from_millis(200),
            ..Limits::default()
        };
        let outage = || ClusterError::Unavailable {
            request: "list pods".to_owned(),
            source: "down".into(),
        };
        let millis = |attempt, remaining| {
            pause(&limits, attempt, &outage(), Duration::from_millis(remaining))
                .map(|pause| pause.as_millis())
        };
        assert_eq!(
            [millis(1, 9000), millis(2, 9000), millis(3, 9000), millis(4, 9000)],
            [Some(200), Some(400), Some(800), None]
        );
        assert_eq!((millis(2, 400), millis(2, 401)), (None, Some(400)));
        let limited = ClusterError::RateLimited {
            request: "list pods".to_owned(),
            retry_after: Some(Duration::from_secs(7)),
            source: "busy".into(),
        };
        assert_eq!(
            pause(&limits, 1, &limited, Duration::from_secs(8)),
            Some(Duration::from_secs(7))
        );
        let denied = ClusterError::Denied {
            request: "list pods".to_owned(),
            source: "no".into(),
        };
        assert_eq!(pause(&limits, 1, &denied, Duration::from_secs(8)), None);
    }
}
