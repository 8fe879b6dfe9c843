//! The one way to the outside: reads are judged, audited and redacted; writes need a [`Permit`].

mod ahead;
mod arbiter;
mod attend;
mod entry;
mod naming;
mod pending;
mod permit;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::action::Action;
use crate::audit::{AuditError, AuditEvent, AuditKind, AuditLog, AuditReceipt, Observed};
use crate::clock::Clock;
use crate::digest::sha256;
use crate::redact::Redactor;
use crate::requests::{Chore, Requests};
use crate::tool::{Effect, ErasedTool, Tool, ToolContext, ToolError, ToolErrorKind};

use ahead::{Ahead, Recording};
use naming::Naming;
use pending::Pending;

#[cfg(any(test, feature = "mock"))]
pub use arbiter::MockArbiter;
pub use arbiter::{Arbiter, Judgement, Refusal};
pub use entry::Entry;
pub use permit::{Permit, PermitError};

/// Longest excerpt of an answer in the audit log, in bytes.
const EXCERPT_BYTES: usize = 512;

/// On whose behalf something is done, and until when.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The run.
    pub run: String,
    /// The step of the run.
    pub step: Option<String>,
    /// The agent's name, or a person's.
    pub actor: String,
    /// When the run ends, whatever it has by then.
    pub deadline: Timestamp,
    /// Fires when the run is cancelled.
    pub cancel: CancellationToken,
}

/// A read did not happen, or must not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// The arbiter refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The tool failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The read could not be recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// A write was not permitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdmitError {
    /// The arbiter refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The permission could not be recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// The gate between an agent and everything outside.
///
/// Each read is judged, performed, redacted, recorded, and only then handed on: an answer that could not be recorded
/// is not used.
#[derive(Clone)]
pub struct Gate {
    arbiter: Arc<dyn Arbiter>,
    audit: Arc<dyn AuditLog>,
    clock: Arc<dyn Clock>,
    redactor: Arc<Redactor>,
    /// Whose budget calls are charged to, where that is not the run's.
    account: Option<String>,
    naming: Arc<Naming>,
    ahead: Arc<Ahead>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate that asks `arbiter` and records in `audit`.
    pub fn new(
        arbiter: Arc<dyn Arbiter>,
        audit: Arc<dyn AuditLog>,
        clock: Arc<dyn Clock>,
        redactor: Redactor,
    ) -> Self {
        Self {
            naming: Arc::new(Naming::at(clock.now())),
            ahead: Arc::default(),
            arbiter,
            audit,
            clock,
            redactor: Arc::new(redactor),
            account: None,
        }
    }

    /// The same gate for calls that are charged to another account than their run's: work that goes on for the run while it
    /// waits, or after it has ended. [`end_run`](Self::end_run) with that name closes the account.
    #[must_use]
    pub fn charged_to(&self, account: impl Into<String>) -> Self {
        Self {
            account: Some(account.into()),
            ..self.clone()
        }
    }

    /// Another beginning of the ids under which API servers have the requests that go through this gate. No other gate of the
    /// account may ever have had it. Unless set it is `claw-` with the nanosecond at which the gate was made.
    #[must_use]
    pub fn with_request_name(mut self, name: impl Into<String>) -> Self {
        self.naming = Arc::new(Naming::new(name));
        self
    }

    /// What `actor` asks of an API server again and again, and on behalf of no run; `why` goes into the audit log.
    pub fn chore(&self, actor: &str, subject: &str, why: &str) -> Chore {
        Chore::new(self.clone(), self.naming.next(), actor, subject, why)
    }

    /// The clock that deadlines are measured by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The run has ended: forgets what was remembered of it, such as what it has spent.
    pub fn end_run(&self, run: &str) {
        self.arbiter.end_run(run);
    }

    /// The redactor, for text that leaves the agent on another way.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Calls `tool`, which has to be a `T` or to answer like one. `why` goes into the audit log.
    pub async fn observe<T: Tool>(
        &self,
        scope: &Scope,
        tool: &Arc<dyn ErasedTool>,
        input: T::Input,
        why: &str,
    ) -> Result<T::Output, ObserveError> {
        let arguments = serde_json::to_value(&input).map_err(|error| internal(T::NAME, error))?;
        match tool.as_any().downcast_ref::<T>() {
            Some(typed) => {
                let called = (T::NAME, tool.effect());
                self.perform(scope, called, arguments, why, |cx| async move {
                    typed.call(&cx, input).await
                })
                .await
            }
            None => {
                let output = self.observe_json(scope, tool, arguments, why).await?;
                T::Output::deserialize(output).map_err(|error| internal(T::NAME, error).into())
            }
        }
    }

    /// Calls `tool` with JSON arguments.
    pub async fn observe_json(
        &self,
        scope: &Scope,
        tool: &Arc<dyn ErasedTool>,
        input: Value,
        why: &str,
    ) -> Result<Value, ObserveError> {
        let arguments = input.clone();
        let called = (tool.name(), tool.effect());
        self.perform(scope, called, arguments, why, |cx| async move {
            tool.call_json(&cx, input).await
        })
        .await
    }

    /// Asks for leave to perform `action`. The permit is good for this action only.
    pub async fn admit(&self, scope: &Scope, action: &Action) -> Result<Permit, AdmitError> {
        let subject = format!("{:?} {}", action.verb, action.target);
        let input = self.redactor.redact_json(serde_json::json!(action));
        match self.arbiter.judge_write(scope, action).await {
            Judgement::Deny(refusal) => {
                let event = AuditEvent {
                    decided: Some(self.redactor.redact(&refusal.to_string()).into_owned()),
                    ..self.event(scope, AuditKind::Refuse, &subject, input, &action.reason)
                };
                self.append(event).await?;
                Err(refusal.into())
            }
            Judgement::Allow { rules } => {
                let event = AuditEvent {
                    decided: Some(allowed(&rules)),
                    ..self.event(scope, AuditKind::Permit, &subject, input, &action.reason)
                };
                let decision = self.append(event).await?;
                let expires = self.clock.deadline(Permit::LIFETIME);
                Ok(Permit::issue(action, decision, expires))
            }
        }
    }

    /// Records something that is neither a read nor the permission of a write: a conclusion, a delivery, the start or end of a
    /// run.
    pub async fn record(&self, scope: &Scope, entry: Entry) -> Result<AuditReceipt, AuditError> {
        let redacted = |text: String| self.redactor.redact(&text).into_owned();
        let input = self.redactor.redact_json(entry.input);
        self.append(AuditEvent {
            reasoned: entry.reasoned.map(redacted),
            decided: entry.decided.map(redacted),
            error: entry.error.map(redacted),
            requests: entry.requests,
            ..self.event(scope, entry.kind, &entry.subject, input, &entry.why)
        })
        .await
    }

    async fn perform<O, F, Fut>(
        &self,
        scope: &Scope,
        (name, effect): (&str, Effect),
        input: Value,
        why: &str,
        call: F,
    ) -> Result<O, ObserveError>
    where
        O: Serialize + DeserializeOwned,
        F: FnOnce(ToolContext) -> Fut,
        Fut: Future<Output = Result<O, ToolError>>,
    {
        // Taken before the judgement, so that no stop falls between the two.
        let stopped = self.arbiter.stopped();
        let judgement = match &self.account {
            None => self.arbiter.judge_read(scope, name, effect, &input).await,
            Some(account) => {
                let charged = Scope {
                    run: account.clone(),
                    ..scope.clone()
                };
                self.arbiter.judge_read(&charged, name, effect, &input).await
            }
        };
        let input = self.redactor.redact_json(input);
        let rules = match judgement {
            Judgement::Allow { rules } => rules,
            Judgement::Deny(refusal) => {
                let event = AuditEvent {
                    decided: Some(self.redactor.redact(&refusal.to_string()).into_owned()),
                    ..self.event(scope, AuditKind::Refuse, name, input, why)
                };
                self.append(event).await?;
                return Err(refusal.into());
            }
        };
        let pending = Pending::new(
            self,
            AuditEvent {
                decided: Some(allowed(&rules)),
                ..self.event(scope, AuditKind::Observe, name, input, why)
            },
        );
        let requests = pending.requests().clone();
        let answer = self
            .call_in_time(scope, stopped, requests, call)
            .await
            .and_then(|output| self.redacted(name, output))
            .map_err(|error| error.map_message(|text| self.redactor.redact(text).into_owned()));
        match answer {
            Ok((output, text)) => {
                let observed = Observed {
                    digest: sha256(&text),
                    bytes: text.len() as u64,
                    excerpt: excerpt(&text, EXCERPT_BYTES).to_owned(),
                };
                pending.answered(observed).await?;
                Ok(output)
            }
            Err(error) => {
                pending.failed(&error).await?;
                Err(error.into())
            }
        }
    }

    async fn call_in_time<O, F, Fut>(
        &self,
        scope: &Scope,
        stopped: CancellationToken,
        requests: Requests,
        call: F,
    ) -> Result<O, ToolError>
    where
        F: FnOnce(ToolContext) -> Fut,
        Fut: Future<Output = Result<O, ToolError>>,
    {
        let cx = ToolContext {
            clock: Arc::clone(&self.clock),
            deadline: scope.deadline,
            cancel: scope.cancel.clone(),
            requests,
        };
        let remaining = cx.remaining();
        if remaining.is_zero() {
            // A timeout of zero would still begin the call before it looks at the time.
            return Err(out_of_time());
        }
        tokio::select! {
            biased;
            () = scope.cancel.cancelled() => Err(cancelled("the run was cancelled")),
            () = stopped.cancelled() => Err(cancelled("the agent was stopped while the call was under way")),
            answer = tokio::time::timeout(remaining, call(cx)) => answer.unwrap_or_else(|_| Err(out_of_time())),
        }
    }

    /// The output without secrets, and its JSON. Most answers hold none: those are handed on as they are, and as answers may
    /// be lists of thousands of objects, no tree of JSON values is made of them.
    fn redacted<O: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        output: O,
    ) -> Result<(O, String), ToolError> {
        let unfit = |error| internal(name, error);
        let text = serde_json::to_string(&output).map_err(unfit)?;
        if !self.redactor.may_hold_secret(&text) {
            return Ok((output, text));
        }
        drop(text);
        let value = serde_json::to_value(&output).map_err(unfit)?;
        let output = O::deserialize(self.redactor.redact_json(value)).map_err(unfit)?;
        let text = serde_json::to_string(&output).map_err(unfit)?;
        Ok((output, text))
    }

    /// Records an event on a task of its own: a caller that goes away does not take its record along. What was recorded ahead
    /// of it is durable as well then.
    async fn append(&self, event: AuditEvent) -> Result<AuditReceipt, AuditError> {
        let ahead = self.ahead.take();
        let appended = self.begin_append(event);
        for record in ahead {
            ended(record.await)?;
        }
        ended(appended.await)
    }

    fn begin_append(&self, event: AuditEvent) -> Recording {
        let audit = Arc::clone(&self.audit);
        tokio::spawn(async move { audit.append(event).await })
    }

    fn event(&self, scope: &Scope, kind: AuditKind, subject: &str, input: Value, why: &str) -> AuditEvent {
        AuditEvent {
            time: self.clock.now(),
            run: scope.run.clone(),
            step: scope.step.clone(),
            actor: scope.actor.clone(),
            kind,
            subject: subject.to_owned(),
            input,
            observed: None,
            reasoned: None,
            decided: None,
            why: self.redactor.redact(why).into_owned(),
            error: None,
            requests: None,
        }
    }
}

fn ended(
    recorded: Result<Result<AuditReceipt, AuditError>, tokio::task::JoinError>,
) -> Result<AuditReceipt, AuditError> {
    recorded.unwrap_or_else(|error| {
        Err(AuditError {
            reason: "the recording was interrupted".to_owned(),
            source: Some(Box::new(error)),
        })
    })
}

fn out_of_time() -> ToolError {
    ToolError::new(
        ToolErrorKind::Timeout,
        "the run's time was over before the answer came; give it more",
    )
}

fn internal(name: &str, error: serde_json::Error) -> ToolError {
    ToolError::new(
        ToolErrorKind::Internal,
        format!("{name} answered something that does not fit its own schema"),
    )
    .with_source(error)
}

fn cancelled(message: &str) -> ToolError {
    ToolError::new(ToolErrorKind::Cancelled, message)
}

fn allowed(rules: &[String]) -> String {
    format!("allowed; asked: {}", rules.join(", "))
}

/// The beginning of a text, of so many bytes at most.
pub(crate) fn excerpt(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
