//! What became of a notification.

use claw_core::workflow::RunId;
use serde::Serialize;

use crate::incident::grouping::Tie;

/// What became of a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Receipt {
    /// The runs that the firing alerts belong to.
    pub runs: Vec<RunId>,
    /// Those of them that were opened by this notification.
    pub opened: Vec<RunId>,
    /// Those of them that were there, and that alerts of this notification joined.
    pub joined: Vec<RunId>,
    /// Runs of which an alert of this notification shows that they are about one incident, the oldest first: that is the one
    /// which it joined.
    pub bridged: Vec<Vec<RunId>>,
    /// By what it was decided which alerts belong together; `None` where there was nothing to decide.
    pub grouped_by: Option<Basis>,
    /// The name of that decision in the audit log; `None` where there was nothing to decide.
    pub decision: Option<RunId>,
    /// Why alerts of this notification belong to a run, or to each other.
    pub ties: Vec<Tied>,
    /// Runs that are done and that alerts of this notification did not join: they are about the same, and more urgent than all
    /// that the reports of these runs are about.
    pub exceeded: Vec<RunId>,
    /// Runs that the alerts were not compared with: there were too many alerts, or the journal's entry cannot be read. Where there
    /// are more than 50 runs, the latest of the others stands for them.
    pub left_out: Vec<RunId>,
    /// Runs that have no firing alert left.
    pub closed: Vec<RunId>,
    /// How many firing alerts the filter kept out.
    pub filtered: usize,
    /// How many alerts the sender left out of the notification.
    pub truncated: u64,
}

/// Why an alert belongs to what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Tied {
    /// The fingerprint of the alert.
    pub alert: String,
    /// The fingerprint of the one that it has to do with.
    pub with: String,
    /// The run that the other one was of; `None` where it came with the same notification.
    pub run: Option<RunId>,
    /// What they have to do with each other.
    pub tie: Tie,
}

/// By what it was decided which alerts belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Basis {
    /// What the alerts are about, and what calls what.
    Surroundings,
    /// A part of that, since more could not be read: the alerts of the notification stayed together.
    Part,
    /// The labels alone, since nothing could be read in time: the alerts of the notification stayed together.
    Labels,
    /// The notification alone, since it has too many alerts to compare.
    Notification,
}

impl Receipt {
    /// The alerts of the notification belong to this run.
    pub(super) fn belongs_to(&mut self, run: &RunId) {
        if !self.runs.contains(run) {
            self.runs.push(run.clone());
        }
    }
}
