//! Workflows with their types erased to JSON, so that one runner can have several.

use async_trait::async_trait;
use claw_core::report::Report;
use claw_core::workflow::{Outcome, RunFailure, StepContext, StepError, Workflow};
use serde::Deserialize as _;
use serde_json::Value;

/// What a step that was taken hands on.
#[derive(Debug)]
pub(super) enum Taken {
    Went(Outcome<Value>),
    Failed(StepError),
    /// What is in the journal, or what the step left, does not fit the workflow's types.
    Unfit(String),
}

#[async_trait]
pub(super) trait ErasedWorkflow: Send + Sync {
    /// Name of the step; `None` after the last.
    fn step_name(&self, step: u32) -> Option<&str>;

    /// The state before the first step.
    fn start(&self, input: Value) -> Result<Value, String>;

    /// Takes a step.
    async fn take(&self, cx: &StepContext, step: u32, state: &Value) -> Taken;

    /// The report of a run that could not finish.
    fn on_failure(&self, state: &Value, failure: &RunFailure) -> Report;
}

#[async_trait]
impl<W: Workflow> ErasedWorkflow for W {
    fn step_name(&self, step: u32) -> Option<&str> {
        let step = self.steps().get(usize::try_from(step).ok()?)?;
        Some(step.name())
    }

    fn start(&self, input: Value) -> Result<Value, String> {
        let input = W::Input::deserialize(input)
            .map_err(|error| format!("the input is not one of {}: {error}", W::NAME))?;
        serde_json::to_value(Workflow::start(self, input))
            .map_err(|error| format!("the first state of {} is not JSON: {error}", W::NAME))
    }

    async fn take(&self, cx: &StepContext, step: u32, state: &Value) -> Taken {
        let state = match W::State::deserialize(state) {
            Ok(state) => state,
            Err(error) => {
                return Taken::Unfit(format!("the journaled state is not one of {}: {error}", W::NAME));
            }
        };
        let steps = self.steps();
        let Some(step) = usize::try_from(step).ok().and_then(|at| steps.get(at)) else {
            return Taken::Unfit(format!("the last step of {} did not end the run", W::NAME));
        };
        let erase = |state: W::State| serde_json::to_value(state);
        let outcome = match step.run(cx, state).await {
            Ok(Outcome::Continue(state)) => erase(state).map(Outcome::Continue),
            Ok(Outcome::Wait(state, wait)) => erase(state).map(|state| Outcome::Wait(state, wait)),
            Ok(Outcome::Done(report)) => Ok(Outcome::Done(report)),
            Ok(_) => {
                return Taken::Unfit(format!(
                    "the step {} ended in a way that is not known",
                    step.name()
                ));
            }
            Err(error) => return Taken::Failed(error),
        };
        match outcome {
            Ok(outcome) => Taken::Went(outcome),
            Err(error) => Taken::Unfit(format!(
                "the state that {} left is not JSON: {error}",
                step.name()
            )),
        }
    }

    fn on_failure(&self, state: &Value, failure: &RunFailure) -> Report {
        match W::State::deserialize(state) {
            Ok(state) => Workflow::on_failure(self, &state, failure),
            Err(_) => failure.report(W::NAME),
        }
    }
}
