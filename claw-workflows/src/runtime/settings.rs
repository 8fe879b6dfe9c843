//! Times and numbers that a runner keeps to.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When something that failed is tried again. The pause doubles with each try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Retry {
    /// How often it is tried at most, the first time included.
    pub attempts: u32,
    /// Pause after the first failure.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub first_pause: Duration,
    /// Longest pause.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub longest_pause: Duration,
}

impl Retry {
    /// Tries `attempts` times, pausing from `first_pause` up to `longest_pause`.
    pub fn new(attempts: u32, first_pause: Duration, longest_pause: Duration) -> Self {
        Self {
            attempts,
            first_pause,
            longest_pause,
        }
    }

    /// The pause after the failure of try number `attempt`, from 1.
    pub fn pause(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first_pause.saturating_mul(factor).min(self.longest_pause)
    }
}

/// Times and numbers that a [`Runner`](super::Runner) keeps to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Settings {
    /// On whose behalf runs work, as the audit log has it. `claw-agent` unless set.
    pub actor: String,
    /// How many runs are worked on at the same time. 4 unless set.
    pub concurrent_runs: usize,
    /// How many reports are handed over at the same time. 8 unless set.
    pub concurrent_deliveries: usize,
    /// How long the steps of one run may take together. Time in which a run waits does not count. A step may read for half of
    /// what is left of it, the last one for all. 5 minutes unless set.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub run_timeout: Duration,
    /// How long a step may go on after that, without reading anything, to write down what is known. 5 seconds unless
    /// set.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub grace: Duration,
    /// Steps that fail for a reason that may pass. 4 tries, pauses from 1 to 30 seconds unless set.
    pub step_retry: Retry,
    /// How long one try to deliver may take. 30 seconds unless set.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub delivery_timeout: Duration,
    /// Deliveries that fail for a reason that may pass. 20 tries, pauses from 1 second to 5 minutes unless set: a sink
    /// may be away for about an hour.
    pub delivery_retry: Retry,
    /// How long steps and deliveries that have begun may go on after the runner was told to stop. 10 seconds unless set.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub stop_grace: Duration,
    /// How long runs are kept in the journal after their end. 30 days unless set.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub keep_runs: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            actor: "claw-agent".to_owned(),
            concurrent_runs: 4,
            concurrent_deliveries: 8,
            run_timeout: Duration::from_secs(5 * 60),
            grace: Duration::from_secs(5),
            step_retry: Retry::new(4, Duration::from_secs(1), Duration::from_secs(30)),
            delivery_timeout: Duration::from_secs(30),
            delivery_retry: Retry::new(20, Duration::from_secs(1), Duration::from_secs(5 * 60)),
            stop_grace: Duration::from_secs(10),
            keep_runs: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

impl Settings {
    /// Sets [`actor`](Self::actor).
    #[must_use]
    pub fn with_actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = actor.into();
        self
    }

    /// Sets [`concurrent_runs`](Self::concurrent_runs); at least 1.
    #[must_use]
    pub fn with_concurrent_runs(mut self, runs: usize) -> Self {
        self.concurrent_runs = runs.max(1);
        self
    }

    /// Sets [`concurrent_deliveries`](Self::concurrent_deliveries); at least 1.
    #[must_use]
    pub fn with_concurrent_deliveries(mut self, deliveries: usize) -> Self {
        self.concurrent_deliveries = deliveries.max(1);
        self
    }

    /// Sets [`run_timeout`](Self::run_timeout).
    #[must_use]
    pub fn with_run_timeout(mut self, timeout: Duration) -> Self {
        self.run_timeout = timeout;
        self
    }

    /// Sets [`grace`](Self::grace).
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets [`step_retry`](Self::step_retry).
    #[must_use]
    pub fn with_step_retry(mut self, retry: Retry) -> Self {
        self.step_retry = retry;
        self
    }

    /// Sets [`delivery_timeout`](Self::delivery_timeout).
    #[must_use]
    pub fn with_delivery_timeout(mut self, timeout: Duration) -> Self {
        self.delivery_timeout = timeout;
        self
    }

    /// Sets [`delivery_retry`](Self::delivery_retry).
    #[must_use]
    pub fn with_delivery_retry(mut self, retry: Retry) -> Self {
        self.delivery_retry = retry;
        self
    }

    /// Sets [`stop_grace`](Self::stop_grace).
    #[must_use]
    pub fn with_stop_grace(mut self, grace: Duration) -> Self {
        self.stop_grace = grace;
        self
    }

    /// Sets [`keep_runs`](Self::keep_runs).
    #[must_use]
    pub fn with_keep_runs(mut self, keep: Duration) -> Self {
        self.keep_runs = keep;
        self
    }
}
