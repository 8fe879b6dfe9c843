//! Writing to the journal while the disk may be full or busy for a while.

use std::time::Duration;

use claw_core::store::StoreError;
use tokio_util::sync::CancellationToken;

use super::runner::Inner;
use super::settings::Retry;

/// A result that could not be journaled is kept and tried again for as long as the process lives.
pub(super) const PERSIST: Retry = Retry {
    attempts: u32::MAX,
    first_pause: Duration::from_secs(1),
    longest_pause: Duration::from_secs(30),
};

impl Inner {
    /// Repeats `write` while it fails for a reason that may pass, until `stop` fires.
    pub(super) async fn persist<T, F, Fut>(&self, stop: &CancellationToken, write: F) -> Result<T, StoreError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, StoreError>>,
    {
        let mut attempt = 1_u32;
        loop {
            let error = match write().await {
                Err(error) if error.is_retryable() => error,
                settled => return settled,
            };
            tracing::warn!(%error, attempt, "the journal could not be written; trying again");
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(error),
                () = self.gate.clock().sleep(PERSIST.pause(attempt)) => attempt = attempt.saturating_add(1),
            }
        }
    }
}
