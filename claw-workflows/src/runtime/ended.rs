//! How a run ended.

use claw_core::report::Report;
use claw_core::store::{Delivery, RunAlert, RunRecord, StepRecord};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A run, its report and where that went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    /// The run. One that waits for a person has not ended yet.
    pub run: RunRecord,
    /// The steps that it took, in their order: where the time went.
    pub steps: Vec<StepRecord>,
    /// Its report; `None` when it was cancelled, or has not ended.
    pub report: Option<Report>,
    /// Alerts that joined it after others had opened it, in the order in which they began. The report knows of those only that
    /// its input has.
    #[serde(default)]
    pub joined: Vec<RunAlert>,
    /// Where the report is on its way to each sink, by sink.
    pub deliveries: Vec<Delivery>,
}
