//! When circuits open, and for how long.

use std::num::NonZeroU32;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::circuit::TroubleKind;
use super::scope::Scope;

/// When circuits open, and for how long. Durations are written as `30m` or `PT30M`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Settings {
    /// Failed writes within `window`: of one object for its own circuit, of different objects for wider ones. 3 unless set.
    pub failures: NonZeroU32,
    /// Objects that got worse after a write, within `window`. 1 unless set; the cluster's circuit opens at one more.
    pub regressions: NonZeroU32,
    /// Writes within `window` that found their object changed since it was read. 10 unless set.
    pub conflicts: NonZeroU32,
    /// For how long troubles count. 30 min unless set.
    pub window: SignedDuration,
    /// Within how long opposite writes to one object are flapping. 1 h unless set.
    pub flap_window: SignedDuration,
    /// For how long a circuit stays open at first; twice as long each time that the probe fails. 15 min unless set.
    pub open_for: SignedDuration,
    /// For how long a circuit stays open at most. 8 h unless set.
    pub open_at_most: SignedDuration,
}

impl Default for Settings {
    fn default() -> Self {
        let count = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            failures: count(3),
            regressions: count(1),
            conflicts: count(10),
            window: SignedDuration::from_mins(30),
            flap_window: SignedDuration::from_hours(1),
            open_for: SignedDuration::from_mins(15),
            open_at_most: SignedDuration::from_hours(8),
        }
    }
}

/// A setting with which a breaker would protect nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// Trouble that counts for no time at all never adds up.
    #[error("`{0}` must be longer than zero")]
    NoTime(&'static str),
    /// The longest time is shorter than the first.
    #[error("`open_at_most` must not be shorter than `open_for`")]
    AtMostIsLess,
}

impl Settings {
    /// Says what is wrong with the settings, where something is.
    pub fn check(&self) -> Result<(), SettingsError> {
        let times = [
            ("window", self.window),
            ("flap_window", self.flap_window),
            ("open_for", self.open_for),
        ];
        if let Some((name, _)) = times.iter().find(|(_, time)| !time.is_positive()) {
            return Err(SettingsError::NoTime(name));
        }
        if self.open_at_most < self.open_for {
            return Err(SettingsError::AtMostIsLess);
        }
        Ok(())
    }

    /// How many troubles of a kind open a circuit.
    pub(super) fn limit(&self, kind: TroubleKind, scope: &Scope) -> usize {
        let limit = match kind {
            TroubleKind::Failure => self.failures,
            TroubleKind::Conflict => self.conflicts,
            // One bad write is reason enough to leave its surroundings alone, and not the whole cluster.
            TroubleKind::Regression if *scope == Scope::Cluster => self.regressions.saturating_add(1),
            TroubleKind::Regression => self.regressions,
        };
        usize::try_from(limit.get()).unwrap_or(usize::MAX)
    }

    /// For how long a circuit opens that has opened `times` times before without closing.
    pub(super) fn open_for(&self, times: u32) -> SignedDuration {
        let doubled = 1_i32.checked_shl(times.min(30)).unwrap_or(i32::MAX);
        let time = self.open_for.checked_mul(doubled).unwrap_or(self.open_at_most);
        time.min(self.open_at_most)
    }
}
