//! A clock that runs, and shows the time of the recording.

use std::time::Duration;

use async_trait::async_trait;
use claw_core::clock::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};

/// Runs as fast as the machine's clock from a given moment on.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShiftedClock(SignedDuration);

impl ShiftedClock {
    /// A clock that shows `now` at present.
    pub(super) fn at(now: Timestamp) -> Self {
        Self(now.duration_since(SystemClock.now()))
    }
}

#[async_trait]
impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        let now = SystemClock.now();
        now.checked_add(self.0).unwrap_or(now)
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}
