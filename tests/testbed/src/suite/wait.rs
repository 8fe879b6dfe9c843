//! Waiting for what will happen, with an end.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::error::Error;

/// Between two looks.
const STEP: Duration = Duration::from_millis(200);

/// Looks again and again until `look` has found what it looks for, and returns that.
///
/// `look` answers `Ok(Ok(found))`, or `Ok(Err(seen))` with what it saw instead, which the error quotes when `within` is
/// over. An error of its own is taken for something that will pass, too: components restart, rights take a second. A look that
/// is under way when `within` is over is dropped: one that hangs does not wait for ever.
///
/// # Errors
///
/// [`Error::TimedOut`] with `what` and what was seen last.
pub async fn wait_until<T>(
    within: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Result<T, String>, Error>,
) -> Result<T, Error> {
    let deadline = Instant::now() + within;
    let mut last = None;
    while let Ok(seen) = timeout_at(deadline, look()).await {
        let seen = match seen {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(seen)) => seen,
            Err(error) => error.line(),
        };
        last = (!seen.is_empty()).then_some(seen);
        if Instant::now() >= deadline {
            break;
        }
        sleep(STEP).await;
    }
    Err(Error::TimedOut {
        what: what.to_owned(),
        within,
        last,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_comes_late_is_found() {
        let mut looks = 0;
        let found = wait_until(Duration::from_secs(5), "the third look", async || {
            looks += 1;
            Ok(if looks == 3 {
                Ok(looks)
            } else {
                Err(format!("look {looks}"))
            })
        });
        assert_eq!(found.await.unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_comes_is_named_with_what_was_there() {
        let look = async || Ok::<Result<(), String>, Error>(Err("an empty list".to_owned()));
        let error = wait_until(Duration::from_secs(5), "a pod", look)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "a pod did not happen within 5 s; last seen: an empty list"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_hangs_is_dropped_when_the_time_is_over() {
        let begin = Instant::now();
        let mut looks = 0;
        let error = wait_until(Duration::from_secs(5), "a pod", async || {
            looks += 1;
            if looks > 1 {
                std::future::pending::<()>().await;
            }
            Ok::<Result<(), String>, Error>(Err("an empty list".to_owned()))
        });
        let error = error.await.unwrap_err();
        // The clock of the test counts in milliseconds.
        let took = begin.elapsed();
        assert!(
            took.abs_diff(Duration::from_secs(5)) <= Duration::from_millis(2),
            "{took:?}"
        );
        assert_eq!(
            error.to_string(),
            "a pod did not happen within 5 s; last seen: an empty list"
        );
    }
}
