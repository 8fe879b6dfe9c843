//! Runs that begin to be about the same as alerts that come later.

use claw_core::store::{AlertKey, RecentRun};
use claw_core::workflow::RunId;
use jiff::Timestamp;
use serde_json::Value;

use crate::incident::grouping::{LONGEST, PAUSE};
use crate::trigger::{Alert, Incident};

/// A run that alerts opened not long ago, with its alerts.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    pub(super) run: RunId,
    pub(super) incident: Incident,
    /// All its alerts, each with its end as far as that was told.
    pub(super) alerts: Vec<Alert>,
    periods: Vec<AlertKey>,
}

impl Recent {
    /// The run as the journal knows it; `None` if its input is no incident.
    pub(super) fn of(recent: RecentRun) -> Option<Self> {
        let incident: Incident = serde_json::from_value(recent.input).ok()?;
        let alerts = recent
            .alerts
            .iter()
            .filter_map(|known| {
                let own = |alert: &&Alert| {
                    alert.fingerprint == known.fingerprint && alert.starts_at == known.starts_at
                };
                let alert = match &known.body {
                    Some(body) => serde_json::from_value(body.clone()).ok()?,
                    None => incident.alerts.iter().find(own)?.clone(),
                };
                Some(Alert {
                    ends_at: known.ended_at,
                    ..alert
                })
            })
            .collect();
        Some(Self {
            run: recent.run.id,
            incident,
            alerts,
            periods: recent
                .alerts
                .iter()
                .map(claw_core::store::RunAlert::key)
                .collect(),
        })
    }

    /// Whether this period of an alert is one of the run's, over or not.
    pub(super) fn has(&self, alert: &AlertKey) -> bool {
        self.periods.contains(alert)
    }

    /// Whether anything that begins at `time` may still belong to it.
    pub(super) fn is_open_at(&self, time: Timestamp) -> bool {
        let over = self
            .alerts
            .iter()
            .map(|alert| alert.ends_at)
            .collect::<Option<Vec<_>>>()
            .and_then(|ends| ends.into_iter().max());
        let begun = self.alerts.iter().map(|alert| alert.starts_at).min();
        begun.is_some_and(|begun| time.duration_since(begun) <= LONGEST)
            && over.is_none_or(|over| time.duration_since(over) <= PAUSE)
    }

    /// What the run's input is when these alerts join it.
    pub(super) fn input_with(&self, alerts: &[Alert]) -> Result<Value, serde_json::Error> {
        let mut incident = self.incident.clone();
        incident.join(alerts.iter().cloned());
        serde_json::to_value(incident)
    }
}
