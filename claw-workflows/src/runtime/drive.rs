//! Taking the steps of one run.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use claw_core::audit::AuditKind;
use claw_core::store::{Claim, RunRecord, StepResult, StoreError};
use claw_core::workflow::{FailureKind, Outcome, RunId, StepContext, StepError, Wait};
use futures::FutureExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::end::bounded;
use super::erased::{ErasedWorkflow, Taken};
use super::runner::Inner;

/// What is to stop the work on a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop {
    /// Begin nothing new.
    pub(super) soft: CancellationToken,
    /// Leave off at once. The step will be taken again.
    pub(super) hard: CancellationToken,
}

/// The state of a run as it is journaled.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Memo {
    /// How long the steps have taken together.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub(super) spent: Duration,
    /// The workflow's own state.
    pub(super) state: Value,
}

/// Whether there is more to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Step,
    Nothing,
}

/// A step that is being taken.
pub(super) struct Work<'a> {
    pub(super) run: &'a RunRecord,
    pub(super) workflow: &'a Arc<dyn ErasedWorkflow>,
    pub(super) step: &'a str,
    pub(super) memo: Memo,
    pub(super) cancel: &'a CancellationToken,
    pub(super) stop: &'a Stop,
}

/// Removes a run from the table of active runs, also when its task is dropped.
struct Active<'a>(&'a Inner, RunId);

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.active().remove(&self.1);
    }
}

impl Inner {
    /// Takes the steps of a claimed run until it ends, waits, or `stop` fires.
    pub(super) async fn drive(&self, mut claim: Claim, stop: &Stop) -> Result<(), StoreError> {
        let run = claim.run.id.clone();
        let cancel = stop.hard.child_token();
        self.active().insert(run.clone(), cancel.clone());
        let _active = Active(self, run.clone());
        loop {
            let next = match self.advance(claim, &cancel, stop).await {
                // Somebody has ended the run meanwhile.
                Err(StoreError::Conflict { .. }) => Next::Nothing,
                other => other?,
            };
            self.touch();
            if next == Next::Nothing || stop.soft.is_cancelled() {
                return Ok(());
            }
            match self.journal.claim_run(&run, self.now()).await? {
                Some(next) => claim = next,
                None => return Ok(()),
            }
        }
    }

    /// Takes one step and journals what it ended with.
    async fn advance(
        &self,
        claim: Claim,
        cancel: &CancellationToken,
        stop: &Stop,
    ) -> Result<Next, StoreError> {
        let run = claim.run;
        let Some(workflow) = self.workflows.get(run.workflow.as_str()) else {
            let reason = format!("this agent has no workflow named {}", run.workflow);
            return self
                .give_up(&run, "start", None, FailureKind::Step, reason, stop)
                .await;
        };
        let step = workflow.step_name(run.step).unwrap_or("end").to_owned();
        if run.step == 0 {
            let why = match run.attempts {
                0 | 1 => "the run was triggered".to_owned(),
                attempts => format!("the run is taken up again, try {attempts}"),
            };
            let input = bounded(&claim.input);
            if let Err(error) = self
                .note(&run, None, AuditKind::RunStarted, input, &why, stop)
                .await
            {
                return self.postpone(&run, &error.to_string(), stop).await;
            }
        }
        let memo = match claim.state {
            Some(memo) => {
                Memo::deserialize(memo).map_err(|error| format!("the journaled state is not one: {error}"))
            }
            None => workflow.start(claim.input).map(|state| Memo {
                spent: Duration::ZERO,
                state,
            }),
        };
        let memo = match memo {
            Ok(memo) => memo,
            Err(reason) => {
                return self
                    .give_up(&run, &step, None, FailureKind::Defect, reason, stop)
                    .await;
            }
        };
        let work = Work {
            run: &run,
            workflow,
            step: &step,
            memo,
            cancel,
            stop,
        };
        if run.attempts > self.settings.step_retry.attempts.max(1) {
            let last = run.reason.as_deref().unwrap_or("the process ended each time");
            let reason = format!(
                "the step was begun {} times and never ended: {last}",
                run.attempts.saturating_sub(1)
            );
            return self.fail(&work, FailureKind::Crash, reason).await;
        }
        self.take(work).await
    }

    async fn take(&self, work: Work<'_>) -> Result<Next, StoreError> {
        let remaining = self.settings.run_timeout.saturating_sub(work.memo.spent);
        if remaining.is_zero() {
            return self.fail(&work, FailureKind::Deadline, self.time_is_over()).await;
        }
        let mut scope = self.scope(&work.run.id, Some(work.step), work.cancel.clone());
        let deadline = self.gate.clock().deadline(remaining);
        let last = work.workflow.step_name(work.run.step.saturating_add(1)).is_none();
        scope.deadline = self.gate.clock().deadline(share(remaining, last));
        let name = (work.run.workflow.clone(), work.step.to_owned());
        let tools = self.limits.get(&name).unwrap_or(&self.tools).clone();
        let mut cx = StepContext::new(self.gate.clone(), tools, scope, self.progress());
        if let Some(purpose) = self.purposes.get(&name) {
            cx = cx.with_purpose(purpose);
        }
        cx.progress("begins");
        let begun = self.now();
        let step = AssertUnwindSafe(work.workflow.take(&cx, work.run.step, &work.memo.state)).catch_unwind();
        let limit = remaining.saturating_add(self.settings.grace);
        let taken = tokio::select! {
            biased;
            () = work.cancel.cancelled() => None,
            taken = tokio::time::timeout(limit, step) => Some(taken),
        };
        let ended = self.now();
        // What the step made of a cancellation is of no interest: it is taken again, or the run has ended.
        let Some(taken) = taken.filter(|_| !work.cancel.is_cancelled()) else {
            if work.stop.hard.is_cancelled() {
                let reason = "the agent was stopped while the step was being taken";
                self.journal.postpone(&work.run.id, ended, reason, ended).await?;
            }
            return Ok(Next::Nothing);
        };
        let spent = Duration::try_from(ended.duration_since(begun)).unwrap_or_default();
        let memo = |state| Memo {
            spent: work.memo.spent.saturating_add(spent),
            state,
        };
        match taken {
            Err(_) => self.fail(&work, FailureKind::Deadline, self.time_is_over()).await,
            Ok(Err(_)) => {
                let reason = format!("the step {} panicked", work.step);
                self.fail(&work, FailureKind::Defect, reason).await
            }
            Ok(Ok(Taken::Unfit(reason))) => self.fail(&work, FailureKind::Defect, reason).await,
            Ok(Ok(Taken::Failed(error))) if ended >= deadline => {
                let reason = format!(
                    "{}; the last word was: {}",
                    self.time_is_over(),
                    reason_of(&error)
                );
                self.fail(&work, FailureKind::Deadline, reason).await
            }
            Ok(Ok(Taken::Failed(error))) => {
                tracing::warn!(
                    run = %work.run.id,
                    step = work.step,
                    error = &error as &dyn std::error::Error,
                    "a step failed"
                );
                let may_pass = error.is_retryable() && work.run.attempts < self.settings.step_retry.attempts;
                if may_pass {
                    cx.progress(format!("failed and will be taken again: {}", reason_of(&error)));
                    self.postpone(work.run, &reason_of(&error), work.stop).await
                } else {
                    self.fail(&work, FailureKind::Step, reason_of(&error)).await
                }
            }
            Ok(Ok(Taken::Went(Outcome::Continue(state)))) => self.go_on(&work, memo(state), None).await,
            Ok(Ok(Taken::Went(Outcome::Wait(state, wait)))) => {
                cx.progress(match &wait {
                    Wait::Until(time) => format!("waits until {time}"),
                    Wait::Approval { id, until } => {
                        format!("waits for a person to decide on {id}, until {until}")
                    }
                    _ => "waits".to_owned(),
                });
                self.go_on(&work, memo(state), Some(wait)).await
            }
            Ok(Ok(Taken::Went(Outcome::Done(report)))) => {
                self.finish(work.run, work.step, &report, work.stop).await
            }
            Ok(Ok(Taken::Went(_))) => {
                let reason = format!("the step {} ended in a way that is not known", work.step);
                self.fail(&work, FailureKind::Defect, reason).await
            }
        }
    }

    /// Journals the result of a step that is not the last.
    async fn go_on(&self, work: &Work<'_>, memo: Memo, wait: Option<Wait>) -> Result<Next, StoreError> {
        let state = match serde_json::to_value(&memo) {
            Ok(state) => state,
            Err(error) => {
                let reason = format!("the state that {} left is not JSON: {error}", work.step);
                return self.fail(work, FailureKind::Defect, reason).await;
            }
        };
        let result = StepResult {
            step: work.run.step,
            name: work.step.to_owned(),
            state,
            wait,
        };
        self.persist(&work.stop.hard, || {
            self.journal.record_step(&work.run.id, result.clone(), self.now())
        })
        .await?;
        // What it waits for may be there already: the journal knows.
        Ok(Next::Step)
    }

    /// Gives the run back, to take the step again after a pause.
    pub(super) async fn postpone(
        &self,
        run: &RunRecord,
        reason: &str,
        stop: &Stop,
    ) -> Result<Next, StoreError> {
        let until = self
            .gate
            .clock()
            .deadline(self.settings.step_retry.pause(run.attempts));
        self.persist(&stop.hard, || {
            self.journal.postpone(&run.id, until, reason, self.now())
        })
        .await?;
        Ok(Next::Nothing)
    }

    fn time_is_over(&self) -> String {
        format!("the run's {:?} were over", self.settings.run_timeout)
    }
}

/// How long a step may read: the last one as long as the run has left, the others half of that. What hangs in one step
/// then leaves time for those that follow.
fn share(remaining: Duration, last: bool) -> Duration {
    if last { remaining } else { remaining / 2 }
}

fn reason_of(error: &StepError) -> String {
    match error {
        StepError::Transient { reason, .. } | StepError::Fatal { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}
