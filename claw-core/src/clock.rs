//! Time as a port, so that a recorded run can be replayed to the byte.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// A source of time.
///
/// It tells the time of day, which may jump in either direction when the machine's clock is set. Durations are measured
/// by it for records and for deadlines across restarts; what must end in time within one process is held by a timer as
/// well, which does not jump.
#[async_trait]
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Returns after `duration`. Dropping the future cancels the wait.
    async fn sleep(&self, duration: Duration);

    /// The moment `duration` from now; the end of time when that cannot be represented.
    fn deadline(&self, duration: Duration) -> Timestamp {
        self.now().checked_add(duration).unwrap_or(Timestamp::MAX)
    }
}

/// Time that only goes on, at the pace of the machine: for what must not be taken for longer than it lasts, whatever the time of
/// day is set to. It may stand still while the machine sleeps.
pub trait Monotonic: Send + Sync + std::fmt::Debug {
    /// How long it has gone on since some moment that stays the same.
    fn elapsed(&self) -> Duration;
}

/// The machine's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct MonotonicClock(tokio::time::Instant);

impl MonotonicClock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Monotonic for MonotonicClock {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place that reads the machine's clock
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A clock that stands still until told otherwise: for replays and tests.
///
/// `sleep` advances the clock by the duration and returns at once.
#[derive(Debug)]
pub struct ManualClock(Mutex<Shown>);

#[derive(Clone, Copy, Debug)]
struct Shown {
    now: Timestamp,
    /// How long it has gone on, whatever it was set to.
    elapsed: Duration,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        let elapsed = now.duration_since(Timestamp::UNIX_EPOCH);
        Self(Mutex::new(Shown {
            now,
            elapsed: Duration::try_from(elapsed).unwrap_or(Duration::ZERO),
        }))
    }

    /// Moves the clock forward: so much time passes.
    pub fn advance(&self, by: Duration) {
        let mut shown = self.shown();
        shown.now = shown.now.checked_add(by).unwrap_or(Timestamp::MAX);
        shown.elapsed = shown.elapsed.saturating_add(by);
    }

    /// Sets the clock, forward or back, as people and time servers do: no time passes by that.
    pub fn set(&self, now: Timestamp) {
        self.shown().now = now;
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.shown().now
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

impl Monotonic for ManualClock {
    fn elapsed(&self) -> Duration {
        self.shown().elapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn monotonic_time_goes_on() {
        let clock = MonotonicClock::start();
        let before = clock.elapsed();
        SystemClock.sleep(Duration::from_millis(2)).await;
        assert!(clock.elapsed() > before);
        let manual = ManualClock::at("2026-03-01T10:00:00Z".parse().unwrap());
        let before = manual.elapsed();
        manual.advance(Duration::from_secs(7));
        assert_eq!(manual.elapsed() - before, Duration::from_secs(7));
    }

    #[tokio::test]
    async fn a_manual_clock_moves_only_when_told() {
        let start: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let clock = ManualClock::at(start);
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_secs(5));
        clock.sleep(Duration::from_secs(7)).await;
        assert_eq!(clock.now().duration_since(start).as_secs(), 12);
        assert_eq!(
            clock
                .deadline(Duration::from_secs(3))
                .duration_since(start)
                .as_secs(),
            15
        );
    }

    #[test]
    fn a_clock_that_is_set_shows_another_time_and_none_has_passed() {
        let clock = ManualClock::at("2026-03-01T10:00:00Z".parse().unwrap());
        let before = clock.elapsed();
        for at in ["2026-03-01T09:00:00Z", "2026-03-02T10:00:00Z"] {
            clock.set(at.parse().unwrap());
            assert_eq!(clock.now().to_string(), at);
            assert_eq!(clock.elapsed(), before);
        }
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.elapsed() - before, Duration::from_secs(5));
    }

    #[test]
    fn time_ends_rather_than_overflows() {
        let clock = ManualClock::at(Timestamp::MAX);
        clock.advance(Duration::from_secs(1));
        assert_eq!(
            (clock.now(), clock.deadline(Duration::MAX)),
            (Timestamp::MAX, Timestamp::MAX)
        );
        assert_eq!(SystemClock.deadline(Duration::MAX), Timestamp::MAX);
    }

    #[tokio::test]
    async fn the_system_clock_goes_on() {
        let before = SystemClock.now();
        SystemClock.sleep(Duration::from_millis(2)).await;
        assert!(SystemClock.now() > before);
    }
}
