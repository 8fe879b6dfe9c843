use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::snapshot::Snapshot;
use crate::workflow::{RunId, Wait};

/// A run to be queued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRun {
    /// Its id. A run of the same id is queued once.
    pub id: RunId,
    /// The workflow by name.
    pub workflow: String,
    /// What triggers it.
    pub input: Value,
    /// The alerts that it is about; empty where something else triggers it.
    pub alerts: Vec<AlertKey>,
}

/// One period during which an alert fires.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertKey {
    /// The alert's fingerprint.
    pub fingerprint: String,
    /// Since when it fires. The same alert with another start is news.
    pub starts_at: Timestamp,
}

/// What became of a run that was to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Enqueued {
    /// It is queued.
    New {
        /// Runs that lost their last alert to it, because the alert fires anew.
        closed: Vec<Closed>,
    },
    /// A run of that id was queued before.
    Known(RunStatus),
    /// Each of its alerts has opened a run already: these.
    Covered(Vec<RunId>),
}

/// A run that has no firing alert left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The run.
    pub run: RunId,
    /// Whether that ended it: it had not begun, or was waiting. One that is being worked on goes on to its report.
    pub ended: bool,
}

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunStatus {
    /// Its next step can be taken, once its time has come.
    Queued,
    /// A step is being taken.
    Running,
    /// It waits for a time or for a person.
    Waiting,
    /// It has a report.
    Done,
    /// It ended without one.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl RunStatus {
    /// Whether nothing more will happen to the run.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// A run as the journal knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// The workflow by name.
    pub workflow: String,
    /// Where it is in its life.
    pub status: RunStatus,
    /// Index of the step that is taken next or at present, from 0.
    pub step: u32,
    /// How often that step was started. Counts on across crashes, so that a step that brings the process down can be
    /// told.
    pub attempts: u32,
    /// The run is not claimed before this time, unless its approval is decided earlier.
    pub not_before: Option<Timestamp>,
    /// The approval that it waits for.
    pub approval: Option<String>,
    /// Why it was postponed, failed or was cancelled.
    pub reason: Option<String>,
    /// When it was queued.
    pub enqueued_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When the last of its alerts was resolved.
    pub resolved_at: Option<Timestamp>,
}

/// A run that was handed to a worker: it is [`RunStatus::Running`] now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The run; the step to take is [`RunRecord::step`].
    pub run: RunRecord,
    /// What triggered it.
    pub input: Value,
    /// The state that the step before left; `None` before the first step.
    pub state: Option<Snapshot>,
}

/// What a step that is not the last ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepResult {
    /// Index of the step, from 0.
    pub step: u32,
    /// Its name.
    pub name: String,
    /// The state for the next step.
    pub state: Snapshot,
    /// What has to come before the next step is taken.
    pub wait: Option<Wait>,
}

/// What kind of end a step had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepEnd {
    /// The run goes on.
    Continue,
    /// The run waits.
    Wait,
    /// The run is over.
    Done,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepRecord {
    /// Index of the step, from 0.
    pub step: u32,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub outcome: StepEnd,
    /// When.
    pub ended_at: Timestamp,
}

/// An end of a run without a report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunEnd {
    /// It could not go on.
    Failed {
        /// Why.
        reason: String,
    },
    /// Somebody ended it.
    Cancelled {
        /// Who or why.
        reason: String,
    },
}

/// Where a report is on its way to one sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliveryState {
    /// To be handed over, once its time has come.
    Pending,
    /// Being handed over.
    Attempting,
    /// The process ended while it was being handed over: it may have arrived. To be handed over again with the same
    /// key, which sinks tell repeats by.
    InDoubt,
    /// Arrived.
    Delivered,
    /// Given up.
    Failed,
}

impl DeliveryState {
    /// Whether nothing more will happen to the delivery.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed)
    }
}

/// A report on its way to one sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delivery {
    /// The run whose report it is.
    pub run: RunId,
    /// The sink by name.
    pub sink: String,
    /// Where it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// Not to be tried before this time.
    pub not_before: Option<Timestamp>,
    /// Why the last try failed.
    pub reason: Option<String>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a try to deliver ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryEnd {
    /// It arrived.
    Delivered,
    /// It did not, and is to be tried again.
    Retry {
        /// Not before this time.
        at: Timestamp,
        /// Why it failed.
        reason: String,
    },
    /// It did not, and never will.
    Failed {
        /// Why.
        reason: String,
    },
}
