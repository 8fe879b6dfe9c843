//! Step 5: candidates, ranking, and the report.

use async_trait::async_trait;
use claw_core::workflow::{Outcome, Step, StepContext, StepError};

use crate::incident::case::Case;
use crate::incident::conclude;
use crate::incident::weights::Weights;

/// Concludes from what the steps before gathered.
#[derive(Clone, Debug)]
pub struct Synthesize {
    /// Name of the cluster, as it stands in the report.
    pub cluster: String,
    /// Weights of the ranking.
    pub weights: Weights,
}

#[async_trait]
impl Step<Case> for Synthesize {
    fn name(&self) -> &str {
        "synthesize"
    }

    async fn run(&self, cx: &StepContext, case: Case) -> Result<Outcome<Case>, StepError> {
        cx.progress("weighing causes");
        let report = conclude::report(&case, &self.cluster, &self.weights);
        let conclusion = match report.hypotheses.first() {
            Some(first) => format!(
                "{} ({}, {:.0} %)",
                first.cause,
                first.mechanism,
                first.confidence * 100.0
            ),
            None => report.title.clone(),
        };
        cx.reasoned(
            "root cause",
            conclusion,
            "the candidate that explains the alert and most symptoms best",
        )
        .await?;
        Ok(Outcome::Done(Box::new(report)))
    }
}
