//! A workflow for tests of what opens runs.

use async_trait::async_trait;
use claw_core::report::Report;
use claw_core::workflow::{FailureKind, Outcome, RunFailure, Step, StepContext, StepError, Workflow};

use super::Incident;

/// Says in its report which alerts it knew of.
struct Tell;

#[async_trait]
impl Step<Incident> for Tell {
    fn name(&self) -> &str {
        "tell"
    }

    async fn run(&self, cx: &StepContext, state: Incident) -> Result<Outcome<Incident>, StepError> {
        let failure = RunFailure {
            run: state.id.clone(),
            step: String::new(),
            kind: FailureKind::Step,
            reason: String::new(),
            started_at: state.received_at,
            ended_at: cx.now(),
        };
        let names: Vec<_> = state
            .alerts
            .iter()
            .map(|alert| alert.fingerprint.as_str())
            .collect();
        Ok(Outcome::Done(Box::new(Report {
            summary: names.join(" "),
            since: state.times.began,
            ..failure.report(Telling::NAME)
        })))
    }
}

/// A workflow of that one step.
pub(super) struct Telling(Vec<Box<dyn Step<Incident>>>);

impl Default for Telling {
    fn default() -> Self {
        Self(vec![Box::new(Tell)])
    }
}

impl Workflow for Telling {
    const NAME: &'static str = "telling";
    type Input = Incident;
    type State = Incident;

    fn start(&self, input: Incident) -> Incident {
        input
    }

    fn steps(&self) -> &[Box<dyn Step<Incident>>] {
        &self.0
    }
}
