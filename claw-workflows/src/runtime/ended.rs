//! How a run ended.

use claw_core::report::Report;
use claw_core::store::{Delivery, RunRecord, StepRecord};
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
    /// Where the report is on its way to each sink, by sink.
    pub deliveries: Vec<Delivery>,
}
