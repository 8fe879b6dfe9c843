//! Taking the steps of one run.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use claw_core::audit::AuditKind;
use claw_core::store::{Claim, RunRecord, StepResult, StoreError};
use claw_core::tool::Effect;
use claw_core::workflow::{FailureKind, Outcome, RunId, StepContext, StepError, Wait};
use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::end::bounded;
use super::erased::{ErasedWorkflow, Held, Taken};
use super::runner::Inner;

/// What is to stop the work on a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop {
    /// Begin nothing new.
    pub(super) soft: CancellationToken,
    /// Leave off at once. The step will be taken again.
    pub(super) hard: CancellationToken,
}

/// Whether there is more to do now.
pub(super) enum Next {
    /// The step of this number, from the state that was journaled a moment ago.
    Step(u32, Held),
    Nothing,
}

/// A step that is being taken.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) claim: &'a Claim,
    pub(super) workflow: &'a Arc<dyn ErasedWorkflow>,
    pub(super) step: &'a str,
    /// How long the steps before have taken.
    pub(super) spent: Duration,
    pub(super) cancel: &'a CancellationToken,
    pub(super) stop: &'a Stop,
}

/// The state that a step of the claimed run begins with.
pub(super) fn held(workflow: &dyn ErasedWorkflow, claim: &Claim) -> Result<Held, String> {
    guarded("reading the state of the run", || match &claim.state {
        Some(snapshot) => workflow.restore(snapshot),
        None => workflow.start(&claim.input),
    })
}

/// States are other people's code: when one panics, that is a defect of its workflow and ends the run, not the runner.
fn guarded<T>(what: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(format!("{what} panicked")))
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
        let mut known: Option<(u32, Held)> = None;
        loop {
            let held = known.take().map(|(_, held)| held);
            let next = match self.advance(&claim, held, &cancel, stop).await {
                // Somebody has ended the run meanwhile.
                Err(StoreError::Conflict { .. }) => Next::Nothing,
                other => other?,
            };
            self.touch();
            match next {
                Next::Step(step, held) if !stop.soft.is_cancelled() => known = Some((step, held)),
                _ => return Ok(()),
            }
            match self.journal.claim_run(&run, self.now()).await? {
                Some(next) => claim = next,
                None => return Ok(()),
            }
            // Somebody else may have taken steps in between: then the journal has the state, and this one is of the past.
            known = known.filter(|(step, _)| *step == claim.run.step);
        }
    }

    /// Takes one step and journals what it ended with. `known` is the state to begin with, where the step before was taken
    /// just now.
    async fn advance(
        &self,
        claim: &Claim,
        known: Option<Held>,
        cancel: &CancellationToken,
        stop: &Stop,
    ) -> Result<Next, StoreError> {
        let run = &claim.run;
        let Some(workflow) = self.workflows.get(run.workflow.as_str()) else {
            let reason = format!("this agent has no workflow named {}", run.workflow);
            return self
                .give_up(run, "start", None, FailureKind::Step, reason, stop)
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
                .note(run, None, AuditKind::RunStarted, input, &why, stop)
                .await
            {
                return self.postpone(run, &error.to_string(), stop).await;
            }
        }
        let held = match known.map_or_else(|| held(workflow.as_ref(), claim), Ok) {
            Ok(held) => held,
            Err(reason) => {
                return self
                    .give_up(run, &step, None, FailureKind::Defect, reason, stop)
                    .await;
            }
        };
        let work = Work {
            claim,
            workflow,
            step: &step,
            spent: held.spent,
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
        self.take(work, held.state).await
    }

    async fn take(&self, work: Work<'_>, state: Box<dyn Any + Send>) -> Result<Next, StoreError> {
        let run = &work.claim.run;
        let remaining = self.settings.run_timeout.saturating_sub(work.spent);
        if remaining.is_zero() {
            return self.fail(&work, FailureKind::Deadline, self.time_is_over()).await;
        }
        let mut scope = self.scope(&run.id, Some(work.step), work.cancel.clone());
        let deadline = self.gate.clock().deadline(remaining);
        let last = work.workflow.step_name(run.step.saturating_add(1)).is_none();
        scope.deadline = self.gate.clock().deadline(share(remaining, last));
        let name = (run.workflow.clone(), work.step.to_owned());
        let mut tools = self.limits.get(&name).unwrap_or(&self.tools).clone();
        let reads = self.reading.contains(&run.workflow);
        if reads {
            let reading = tools.iter().filter(|tool| tool.effect() == Effect::Read);
            let names: Vec<String> = reading.map(|tool| tool.name().to_owned()).collect();
            tools = tools.only(names.iter().map(String::as_str));
        }
        let mut cx = StepContext::new(self.gate.clone(), tools, scope, self.progress());
        if let Some(purpose) = self.purposes.get(&name) {
            cx = cx.with_purpose(purpose);
        }
        if let Some(actuator) = self.actuator.as_ref().filter(|_| !reads) {
            cx = cx.with_actuator(Arc::clone(actuator), &run.workflow);
        }
        cx.progress("begins");
        let begun = self.now();
        let step = AssertUnwindSafe(work.workflow.take(&cx, run.step, state)).catch_unwind();
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
                self.journal.postpone(&run.id, ended, reason, ended).await?;
            }
            return Ok(Next::Nothing);
        };
        let spent = Duration::try_from(ended.duration_since(begun)).unwrap_or_default();
        tracing::info!(run = %run.id, step = work.step, seconds = spent.as_secs_f64(), "a step ended");
        let held = |state| Held {
            spent: work.spent.saturating_add(spent),
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
                    run = %run.id,
                    step = work.step,
                    error = &error as &dyn std::error::Error,
                    "a step failed"
                );
                let may_pass = error.is_retryable() && run.attempts < self.settings.step_retry.attempts;
                if may_pass {
                    cx.progress(format!("failed and will be taken again: {}", reason_of(&error)));
                    self.postpone(run, &reason_of(&error), work.stop).await
                } else {
                    self.fail(&work, FailureKind::Step, reason_of(&error)).await
                }
            }
            Ok(Ok(Taken::Went(Outcome::Continue(state)))) => self.go_on(&work, held(state), None).await,
            Ok(Ok(Taken::Went(Outcome::Wait(state, wait)))) => {
                cx.progress(match &wait {
                    Wait::Until(time) => format!("waits until {time}"),
                    Wait::Approval { id, until } => {
                        format!("waits for a person to decide on {id}, until {until}")
                    }
                    _ => "waits".to_owned(),
                });
                self.go_on(&work, held(state), Some(wait)).await
            }
            Ok(Ok(Taken::Went(Outcome::Done(report)))) => {
                self.finish(run, work.step, &report, work.stop).await
            }
            Ok(Ok(Taken::Went(_))) => {
                let reason = format!("the step {} ended in a way that is not known", work.step);
                self.fail(&work, FailureKind::Defect, reason).await
            }
        }
    }

    /// Journals the result of a step that is not the last.
    async fn go_on(&self, work: &Work<'_>, held: Held, wait: Option<Wait>) -> Result<Next, StoreError> {
        let run = &work.claim.run;
        let packed = guarded("writing the state of the run", || {
            work.workflow.snapshot(&held, work.step)
        });
        let state = match packed {
            Ok(state) => state,
            Err(reason) => return self.fail(work, FailureKind::Defect, reason).await,
        };
        let result = StepResult {
            step: run.step,
            name: work.step.to_owned(),
            state,
            wait,
        };
        self.persist(&work.stop.hard, || {
            self.journal.record_step(&run.id, result.clone(), self.now())
        })
        .await?;
        // What it waits for may be there already: the journal knows.
        Ok(Next::Step(run.step.saturating_add(1), held))
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
