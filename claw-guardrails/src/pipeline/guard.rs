//! Step 2: what has to be so before anything else is asked, and again before anything is sent.

use claw_core::gate::Refusal;
use claw_core::store::RunStatus;
use claw_core::workflow::RunId;

use super::Parts;
use super::behalf::Behalf;
use super::error::PipelineError;
use super::judge::Held;

pub(super) fn refusal(rule: &str, reason: impl Into<String>, remedy: impl Into<String>) -> Refusal {
    Refusal {
        rule: rule.to_owned(),
        reason: reason.into(),
        remedy: remedy.into(),
    }
}

impl Parts {
    /// That nobody has stopped the agent or the run, that this process leads, and that there is time left.
    pub(super) async fn guard(&self, by: &Behalf) -> Result<(), Held> {
        self.engine.check_write().await?;
        if let Some(cancelled) = self.cancelled(by.run()).await? {
            return Err(cancelled.into());
        }
        if by.scope.cancel.is_cancelled() {
            return Err(cancelled_run(by.run(), None).into());
        }
        if self.gate.clock().now() >= by.scope.deadline {
            return Err(refusal(
                "run.deadline",
                format!("the time of the run was over at {}", by.scope.deadline),
                "give runs more time",
            )
            .into());
        }
        Ok(())
    }

    /// Whether somebody has ended the run, by the journal. A run that has ended by itself may have left actions that wait for
    /// people: those are wanted.
    pub(super) async fn cancelled(&self, run: &str) -> Result<Option<Refusal>, PipelineError> {
        let Some(journal) = &self.journal else {
            return Ok(None);
        };
        let known = journal.run(&RunId(run.to_owned())).await?;
        Ok(known
            .filter(|known| known.status == RunStatus::Cancelled)
            .map(|known| cancelled_run(run, known.reason.as_deref())))
    }

    /// Whether the run may still submit something.
    pub(super) async fn is_going_on(&self, run: &str) -> Result<bool, PipelineError> {
        let Some(journal) = &self.journal else {
            return Ok(false);
        };
        let known = journal.run(&RunId(run.to_owned())).await?;
        Ok(known.is_some_and(|known| !known.status.is_ended()))
    }
}

fn cancelled_run(run: &str, why: Option<&str>) -> Refusal {
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    refusal(
        "run.cancelled",
        format!("the run {run} was cancelled{why}"),
        "start a new run if the action is still wanted",
    )
}
