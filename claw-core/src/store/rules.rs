//! The life of runs and deliveries, apart from where they are kept.

use jiff::Timestamp;

use super::alerts::{Attach, Joining, RunAlert};
use super::error::StoreError;
use super::record::{
    AlertKey, Delivery, DeliveryEnd, DeliveryState, NewRun, RunEnd, RunRecord, RunStatus, StepEnd,
};
use crate::workflow::{RunId, Wait};

impl RunRecord {
    pub(super) fn queued(run: &NewRun, now: Timestamp) -> Self {
        Self {
            id: run.id.clone(),
            workflow: run.workflow.clone(),
            status: RunStatus::Queued,
            step: 0,
            attempts: 0,
            not_before: None,
            approval: None,
            reason: None,
            enqueued_at: now,
            updated_at: now,
            resolved_at: None,
        }
    }

    /// When the run can be claimed; `None` when nothing but an event can change that.
    pub(super) fn due(&self) -> Option<Timestamp> {
        match self.status {
            RunStatus::Queued => Some(self.not_before.unwrap_or(Timestamp::MIN)),
            RunStatus::Waiting => self.not_before,
            _ => None,
        }
    }

    pub(super) fn claim(&mut self, now: Timestamp) {
        self.status = RunStatus::Running;
        self.attempts = self.attempts.saturating_add(1);
        self.not_before = None;
        self.approval = None;
        self.updated_at = now;
    }

    /// The step `step` has ended, and the run goes on after `wait`, which may be `decided` already.
    pub(super) fn advance(
        &mut self,
        step: u32,
        wait: Option<&Wait>,
        decided: bool,
        now: Timestamp,
    ) -> Result<StepEnd, StoreError> {
        self.expect_step(step)?;
        self.step = step.saturating_add(1);
        self.attempts = 0;
        self.reason = None;
        self.updated_at = now;
        let Some(wait) = wait else {
            self.status = RunStatus::Queued;
            return Ok(StepEnd::Continue);
        };
        self.status = RunStatus::Waiting;
        match wait {
            Wait::Until(time) => self.not_before = Some(*time),
            Wait::Approval { .. } if decided => self.status = RunStatus::Queued,
            Wait::Approval { id, until } => {
                self.approval = Some(id.clone());
                self.not_before = Some(*until);
            }
        }
        Ok(StepEnd::Wait)
    }

    pub(super) fn finish(&mut self, step: u32, now: Timestamp) -> Result<(), StoreError> {
        self.expect_step(step)?;
        self.status = RunStatus::Done;
        self.reason = None;
        self.updated_at = now;
        Ok(())
    }

    pub(super) fn postpone(
        &mut self,
        until: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.expect_running()?;
        self.status = RunStatus::Queued;
        self.not_before = Some(until);
        self.reason = Some(reason.to_owned());
        self.updated_at = now;
        Ok(())
    }

    pub(super) fn end(&mut self, end: &RunEnd, now: Timestamp) -> Result<(), StoreError> {
        if self.status.is_ended() {
            return Err(conflict(&self.id, "unfinished", word(self.status)));
        }
        let (status, reason) = match end {
            RunEnd::Failed { reason } => (RunStatus::Failed, reason),
            RunEnd::Cancelled { reason } => (RunStatus::Cancelled, reason),
        };
        self.status = status;
        self.reason = Some(reason.clone());
        self.not_before = None;
        self.approval = None;
        self.updated_at = now;
        Ok(())
    }

    pub(super) fn wake(&mut self, now: Timestamp) {
        self.status = RunStatus::Queued;
        self.approval = None;
        self.not_before = None;
        self.updated_at = now;
    }

    /// The last of its alerts is over. Returns whether that ends the run: one that is being worked on goes on.
    pub(super) fn close(&mut self, now: Timestamp) -> bool {
        self.resolved_at = Some(now);
        let idle = self.is_untouched() || self.status == RunStatus::Waiting;
        if idle {
            self.status = RunStatus::Cancelled;
            self.reason = Some("its alerts were resolved".to_owned());
            self.not_before = None;
            self.approval = None;
            self.updated_at = now;
        }
        idle
    }

    /// Alerts join the run: it is not over any more.
    pub(super) fn attach(&mut self) {
        self.resolved_at = None;
    }

    /// Whether its first step has not begun, so that its input may still change.
    pub(super) fn is_untouched(&self) -> bool {
        self.status == RunStatus::Queued && self.step == 0 && self.attempts == 0
    }

    /// Whether alerts may join it.
    pub(super) fn admits(&self, attach: &Attach) -> bool {
        let is_too_late = attach.unless_done && self.status == RunStatus::Done;
        !self.has_no_report() && !is_too_late
    }

    /// Whether it has ended, and nobody gets a report of it.
    pub(super) fn has_no_report(&self) -> bool {
        matches!(self.status, RunStatus::Failed | RunStatus::Cancelled)
    }

    /// The process that took the step is gone.
    #[cfg(test)]
    pub(super) fn recover(&mut self) {
        if self.status == RunStatus::Running {
            self.status = RunStatus::Queued;
        }
    }

    fn expect_step(&self, step: u32) -> Result<(), StoreError> {
        self.expect_running()?;
        if self.step == step {
            return Ok(());
        }
        Err(conflict(
            &self.id,
            &format!("at step {step}"),
            format!("at step {}", self.step),
        ))
    }

    fn expect_running(&self) -> Result<(), StoreError> {
        if self.status == RunStatus::Running {
            return Ok(());
        }
        Err(conflict(&self.id, "running", word(self.status)))
    }
}

impl RunAlert {
    /// An alert that opens a run.
    pub(super) fn opening(alert: &AlertKey) -> Self {
        Self {
            fingerprint: alert.fingerprint.clone(),
            starts_at: alert.starts_at,
            joined_at: None,
            in_input: true,
            ended_at: None,
            body: None,
        }
    }
}

impl Joining {
    /// The alert as one of the run.
    pub(super) fn joined(self, in_input: bool, now: Timestamp) -> RunAlert {
        RunAlert {
            joined_at: Some(now),
            in_input,
            body: Some(self.body),
            ..RunAlert::opening(&self.alert)
        }
    }
}

impl Delivery {
    pub(super) fn pending(run: &RunId, sink: &str, now: Timestamp) -> Self {
        Self {
            run: run.clone(),
            sink: sink.to_owned(),
            state: DeliveryState::Pending,
            attempts: 0,
            not_before: None,
            reason: None,
            updated_at: now,
        }
    }

    /// When it is to be tried; `None` when it is being tried or is over.
    pub(super) fn due(&self) -> Option<Timestamp> {
        match self.state {
            DeliveryState::Pending | DeliveryState::InDoubt => {
                Some(self.not_before.unwrap_or(Timestamp::MIN))
            }
            _ => None,
        }
    }

    pub(super) fn begin(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.due().is_none() {
            return Err(self.conflict("pending"));
        }
        self.state = DeliveryState::Attempting;
        self.attempts = self.attempts.saturating_add(1);
        self.not_before = None;
        self.updated_at = now;
        Ok(())
    }

    pub(super) fn end(&mut self, end: &DeliveryEnd, now: Timestamp) -> Result<(), StoreError> {
        if self.state != DeliveryState::Attempting {
            return Err(self.conflict("attempting"));
        }
        let (state, not_before, reason) = match end {
            DeliveryEnd::Delivered => (DeliveryState::Delivered, None, None),
            DeliveryEnd::Retry { at, reason } => (DeliveryState::Pending, Some(*at), Some(reason.clone())),
            DeliveryEnd::Failed { reason } => (DeliveryState::Failed, None, Some(reason.clone())),
        };
        self.state = state;
        self.not_before = not_before;
        self.reason = reason;
        self.updated_at = now;
        Ok(())
    }

    /// The process that tried is gone.
    #[cfg(test)]
    pub(super) fn recover(&mut self) {
        if self.state == DeliveryState::Attempting {
            self.state = DeliveryState::InDoubt;
        }
    }

    fn conflict(&self, expected: &str) -> StoreError {
        StoreError::Conflict {
            subject: format!("the delivery of {} to {}", self.run, self.sink),
            expected: expected.to_owned(),
            actual: word(self.state),
        }
    }
}

fn conflict(run: &RunId, expected: &str, actual: impl Into<String>) -> StoreError {
    StoreError::Conflict {
        subject: format!("run {run}"),
        expected: expected.to_owned(),
        actual: actual.into(),
    }
}

/// The name of a unit variant as it is serialized.
pub(super) fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
