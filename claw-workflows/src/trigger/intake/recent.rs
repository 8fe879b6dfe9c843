//! Runs that begin to be about the same as alerts that come later.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::store::{AlertKey, RecentRun, RunAlert, RunStatus};
use claw_core::workflow::RunId;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::incident::grouping::{LONGEST, LONGEST_REPEATED, PAUSE, distinct, repeats};
use crate::trigger::severity::Urgency;
use crate::trigger::{Alert, Incident};

/// How long before an alert runs began that tell what it belongs to: one that lasts as long as incidents do before it, and one
/// that lasted as long before that.
pub(super) const CONTEXT: SignedDuration = SignedDuration::from_secs(2 * LONGEST.as_secs());

/// A run that alerts opened not long ago, with its alerts.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    pub(super) run: RunId,
    pub(super) incident: Incident,
    /// All its alerts, each with its end as far as that was told.
    pub(super) alerts: Vec<Alert>,
    periods: BTreeSet<AlertKey>,
    /// That of the most urgent of its alerts.
    urgency: Option<Urgency>,
    is_done: bool,
}

impl Recent {
    /// The run as the journal knows it; `None` if its input cannot be read. The log says what was left out, and why.
    pub(super) fn of(recent: RecentRun) -> Option<Self> {
        let run = recent.run.id;
        let incident = match serde_json::from_value::<Incident>(recent.input) {
            Ok(incident) => incident,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    run = run.0,
                    error,
                    "the input of a run cannot be read; no alerts join it"
                );
                return None;
            }
        };
        let own: BTreeMap<(&str, Timestamp), &Alert> = incident
            .alerts
            .iter()
            .map(|alert| ((alert.fingerprint.as_str(), alert.starts_at), alert))
            .collect();
        let alerts: Vec<Alert> = recent
            .alerts
            .iter()
            .filter_map(|known| {
                let told = own.get(&(known.fingerprint.as_str(), known.starts_at)).copied();
                let alert = body(known, told)
                    .inspect_err(|error| {
                        let alert = &known.fingerprint;
                        tracing::warn!(
                            run = run.0,
                            alert,
                            error,
                            "an alert of a run cannot be read; nothing is compared with it"
                        );
                    })
                    .ok()?;
                Some(Alert {
                    ends_at: known.ended_at,
                    ..alert
                })
            })
            .collect();
        // What joined after the run had begun is not what its report is about.
        let told: BTreeSet<(&str, Timestamp)> = recent
            .alerts
            .iter()
            .filter(|known| known.in_input)
            .map(|known| (known.fingerprint.as_str(), known.starts_at))
            .collect();
        Some(Self {
            urgency: alerts
                .iter()
                .filter(|alert| told.contains(&(alert.fingerprint.as_str(), alert.starts_at)))
                .map(Alert::urgency)
                .max(),
            is_done: recent.run.status == RunStatus::Done,
            periods: recent.alerts.iter().map(RunAlert::key).collect(),
            run,
            incident,
            alerts,
        })
    }

    /// Whether this period of an alert is one of the run's, over or not.
    pub(super) fn has(&self, alert: &AlertKey) -> bool {
        self.periods.contains(alert)
    }

    /// Whether anything that begins at `time` may still belong to it.
    pub(super) fn is_open_at(&self, time: Timestamp) -> bool {
        self.is_of(time, LONGEST)
    }

    /// Whether it tells how long the incident of a run lasts that may be open at `time`: alerts of that run may have shown that
    /// both are one incident, which began with this one.
    pub(super) fn bears_on(&self, time: Timestamp) -> bool {
        self.is_of(time, CONTEXT)
    }

    /// Whether one of these says again what one of its alerts said: what comes and goes is one incident for longer.
    pub(super) fn is_repeated_by(&self, alerts: &[Alert]) -> bool {
        let begun = self.alerts.iter().map(|alert| alert.starts_at).min();
        begun.is_some_and(|begun| {
            alerts.iter().any(|later| {
                later.starts_at.duration_since(begun) <= LONGEST_REPEATED
                    && self.alerts.iter().any(|earlier| repeats(earlier, later))
            })
        })
    }

    /// Whether it began so recently, and has not been over for long.
    fn is_of(&self, time: Timestamp, longest: SignedDuration) -> bool {
        let over = self
            .alerts
            .iter()
            .map(|alert| alert.ends_at)
            .collect::<Option<Vec<_>>>()
            .and_then(|ends| ends.into_iter().max());
        let begun = self.alerts.iter().map(|alert| alert.starts_at).min();
        begun.is_some_and(|begun| time.duration_since(begun) <= longest)
            && over.is_none_or(|over| time.duration_since(over) <= PAUSE)
    }

    /// Whether one of these is more urgent than all that the run's report is about: who has read its report has to hear of that.
    pub(super) fn is_exceeded_by(&self, alerts: &[Alert]) -> bool {
        alerts.iter().map(Alert::urgency).max() > self.urgency
    }

    /// Whether these may join it. One that is done has told what it has to tell.
    pub(super) fn admits(&self, alerts: &[Alert]) -> bool {
        !self.is_done || !self.is_exceeded_by(alerts)
    }

    /// What the run's input is when these alerts join it.
    pub(super) fn input_with(&self, alerts: &[Alert]) -> Result<Value, serde_json::Error> {
        let mut incident = self.incident.clone();
        incident.join(alerts.iter().cloned());
        serde_json::to_value(incident)
    }
}

/// An alert of a run in full: as it joined, or as the run's input has it.
fn body(known: &RunAlert, told: Option<&Alert>) -> Result<Alert, String> {
    match &known.body {
        Some(body) => serde_json::from_value(body.clone()).map_err(|error| error.to_string()),
        None => told
            .cloned()
            .ok_or_else(|| "the run's input does not have it".to_owned()),
    }
}

/// Leaves runs out until all of them have no more than `most` alerts: as few as possible, the latest last. Of a run that does not
/// fit in as a whole only alerts about different things are compared. Returns those that were left out.
pub(super) fn keep_within(recent: &mut Vec<Recent>, most: usize) -> Vec<RunId> {
    let mut room = most;
    let mut left_out = Vec::new();
    let mut kept = Vec::with_capacity(recent.len());
    for mut run in std::mem::take(recent).into_iter().rev() {
        if run.alerts.len() > room {
            run.alerts = distinct(&run.alerts);
        }
        match room.checked_sub(run.alerts.len()) {
            Some(left) => {
                room = left;
                kept.push(run);
            }
            None => left_out.push(run.run),
        }
    }
    kept.reverse();
    *recent = kept;
    left_out
}
