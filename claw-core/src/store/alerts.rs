//! Alerts of runs: which belong to one, which join it later, and which are over.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::{AlertKey, Closed, RunRecord, RunStatus};
use crate::workflow::RunId;

/// The end of a period during which an alert fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertEnd {
    /// The period. Earlier ones of the same alert are over as well.
    pub alert: AlertKey,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// An alert that is to join a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    /// The alert.
    pub alert: AlertKey,
    /// The alert in full, as it is to be shown with the run.
    pub body: Value,
}

/// Alerts that are to join a run which is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attach {
    /// The run.
    pub run: RunId,
    /// The alerts.
    pub alerts: Vec<Joining>,
    /// What the run's input is then, if the run has not begun by the time the alerts join it. Whoever calls has made it of the
    /// input that the run has, and sees to it that nobody else does so at the same time.
    pub input: Option<Value>,
    /// Whether they do not join a run that is done: its report has been sent, and says less than they do.
    pub unless_done: bool,
}

/// What became of alerts that were to join a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attached {
    /// They belong to it. Nothing has changed where `alerts` is empty.
    Joined {
        /// Those of them that belonged to no run before.
        alerts: Vec<AlertKey>,
        /// Whether the run had not begun, so that its input is the one that was given.
        amended: bool,
        /// Runs that lost their last alert to it, because the alert fires anew.
        closed: Vec<Closed>,
    },
    /// They do not: the run has ended without a report, or is done and they do not join one that is.
    Ended(RunStatus),
}

/// One period of an alert that belongs to a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunAlert {
    /// The alert's fingerprint.
    pub fingerprint: String,
    /// Since when it fires.
    pub starts_at: Timestamp,
    /// When it joined the run; `None` where it opened it.
    pub joined_at: Option<Timestamp>,
    /// Whether the run's input has it, and so its report knows of it.
    pub in_input: bool,
    /// When it ended; `None` while it fires.
    pub ended_at: Option<Timestamp>,
    /// The alert in full, where it joined the run; those that opened it are in its input.
    pub body: Option<Value>,
}

impl RunAlert {
    /// What the alert is known by.
    pub fn key(&self) -> AlertKey {
        AlertKey {
            fingerprint: self.fingerprint.clone(),
            starts_at: self.starts_at,
        }
    }
}

/// A run that alerts opened not long ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentRun {
    /// The run.
    pub run: RunRecord,
    /// What triggered it.
    pub input: Value,
    /// Its alerts, in the order in which they began.
    pub alerts: Vec<RunAlert>,
}
