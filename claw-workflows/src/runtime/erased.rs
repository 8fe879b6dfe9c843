//! Workflows with their types erased, so that one runner can have several.

use std::any::Any;
use std::time::Duration;

use async_trait::async_trait;
use claw_core::report::Report;
use claw_core::store::Snapshot;
use claw_core::workflow::{Outcome, RunFailure, StepContext, StepError, Workflow};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A workflow's own state, and how long the steps that led to it have taken together.
pub(super) struct Held {
    pub(super) spent: Duration,
    pub(super) state: Box<dyn Any + Send>,
}

/// The same as it is journaled.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memo<S> {
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    spent: Duration,
    state: S,
}

/// What a step that was taken hands on.
pub(super) enum Taken {
    Went(Outcome<Box<dyn Any + Send>>),
    Failed(StepError),
    /// What the step left does not fit the workflow's types, or there is no such step.
    Unfit(String),
}

#[async_trait]
pub(super) trait ErasedWorkflow: Send + Sync {
    /// Name of the step; `None` after the last.
    fn step_name(&self, step: u32) -> Option<&str>;

    /// The state before the first step.
    fn start(&self, input: &Value) -> Result<Held, String>;

    /// The state that was journaled.
    fn restore(&self, snapshot: &Snapshot) -> Result<Held, String>;

    /// The state to be journaled, as it was left by `step`.
    fn snapshot(&self, held: &Held, step: &str) -> Result<Snapshot, String>;

    /// Takes a step.
    async fn take(&self, cx: &StepContext, step: u32, state: Box<dyn Any + Send>) -> Taken;

    /// The report of a run that could not finish.
    fn on_failure(&self, held: &Held, failure: &RunFailure) -> Report;
}

#[async_trait]
impl<W: Workflow> ErasedWorkflow for W {
    fn step_name(&self, step: u32) -> Option<&str> {
        let step = self.steps().get(usize::try_from(step).ok()?)?;
        Some(step.name())
    }

    fn start(&self, input: &Value) -> Result<Held, String> {
        let input = W::Input::deserialize(input)
            .map_err(|error| format!("the input is not one of {}: {error}", W::NAME))?;
        Ok(Held {
            spent: Duration::ZERO,
            state: Box::new(Workflow::start(self, input)),
        })
    }

    fn restore(&self, snapshot: &Snapshot) -> Result<Held, String> {
        let memo: Memo<W::State> = snapshot
            .read()
            .map_err(|error| format!("the journaled state is not one of {}: {error}", W::NAME))?;
        Ok(Held {
            spent: memo.spent,
            state: Box::new(memo.state),
        })
    }

    fn snapshot(&self, held: &Held, step: &str) -> Result<Snapshot, String> {
        let memo = Memo {
            spent: held.spent,
            state: held.state.downcast_ref::<W::State>().ok_or_else(foreign::<W>)?,
        };
        Snapshot::of(&memo).map_err(|error| format!("the state that {step} left is not JSON: {error}"))
    }

    async fn take(&self, cx: &StepContext, step: u32, state: Box<dyn Any + Send>) -> Taken {
        let Ok(state) = state.downcast::<W::State>() else {
            return Taken::Unfit(foreign::<W>());
        };
        let steps = self.steps();
        let Some(step) = usize::try_from(step).ok().and_then(|at| steps.get(at)) else {
            return Taken::Unfit(format!("the last step of {} did not end the run", W::NAME));
        };
        let erase = |state: W::State| -> Box<dyn Any + Send> { Box::new(state) };
        match step.run(cx, *state).await {
            Ok(Outcome::Continue(state)) => Taken::Went(Outcome::Continue(erase(state))),
            Ok(Outcome::Wait(state, wait)) => Taken::Went(Outcome::Wait(erase(state), wait)),
            Ok(Outcome::Done(report)) => Taken::Went(Outcome::Done(report)),
            Ok(_) => Taken::Unfit(format!(
                "the step {} ended in a way that is not known",
                step.name()
            )),
            Err(error) => Taken::Failed(error),
        }
    }

    fn on_failure(&self, held: &Held, failure: &RunFailure) -> Report {
        match held.state.downcast_ref::<W::State>() {
            Some(state) => Workflow::on_failure(self, state, failure),
            None => failure.report(W::NAME),
        }
    }
}

fn foreign<W: Workflow>() -> String {
    format!("the state is that of another workflow than {}", W::NAME)
}
