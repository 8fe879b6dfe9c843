//! Step 5: candidates, what tells them apart, ranking, and the report.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::reason::Reasoner;
use claw_core::workflow::{Outcome, Step, StepContext, StepError};

use super::outside::follow;
use crate::incident::case::Case;
use crate::incident::runbook::Runbooks;
use crate::incident::weights::Weights;
use crate::incident::{conclude, dashboards, probe};

/// Concludes from what the steps before gathered.
pub struct Synthesize {
    cluster: String,
    weights: Weights,
    reasoner: Arc<dyn Reasoner>,
    runbooks: Arc<Runbooks>,
}

impl Synthesize {
    /// The step. `cluster` is the name that stands in the report; `reasoner` chooses what to ask while the best causes are
    /// close.
    pub fn new(cluster: impl Into<String>, weights: Weights, reasoner: Arc<dyn Reasoner>) -> Self {
        Self {
            cluster: cluster.into(),
            weights,
            reasoner,
            runbooks: Arc::default(),
        }
    }

    /// Names of these runbooks those that fit.
    #[must_use]
    pub fn with_runbooks(mut self, runbooks: Arc<Runbooks>) -> Self {
        self.runbooks = runbooks;
        self
    }
}

impl fmt::Debug for Synthesize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Synthesize")
            .field("cluster", &self.cluster)
            .field("weights", &self.weights)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Step<Case> for Synthesize {
    fn name(&self) -> &str {
        "synthesize"
    }

    async fn run(&self, cx: &StepContext, mut case: Case) -> Result<Outcome<Case>, StepError> {
        cx.progress("weighing causes");
        follow(cx, &mut case, &self.weights).await?;
        let goal = cx.with_its_purpose(&case.incident.goal());
        probe::tell_apart(cx, &mut case, &self.weights, &*self.reasoner, &goal).await?;
        let mut report = conclude::report(&case, &self.cluster, &self.weights);
        self.runbooks.name_in(&mut report, &case);
        dashboards::name_in(cx, &mut case, &mut report).await?;
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
