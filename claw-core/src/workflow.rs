//! Workflows: named steps over a state that survives a crash.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::actuate::{Actuator, Settlement, Submitted};
use crate::audit::AuditKind;
use crate::evidence::Severity;
use crate::gate::{Entry, Gate, ObserveError, Refusal, Scope};
use crate::registry::Registry;
use crate::report::{Gap, Report, Topology, Verdict, Window};
use crate::tool::{ErasedTool, Tool, ToolError, ToolErrorKind};

/// Identifies a run. Made by the trigger from what it was triggered by, so that the same trigger opens one run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RunId(pub String);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a run waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Wait {
    /// A point in time.
    Until(Timestamp),
    /// A person's decision on an approval.
    Approval {
        /// Id of the approval.
        id: String,
        /// The run goes on at this time without a decision, for the next step to deal with that.
        until: Timestamp,
    },
}

/// What a step hands on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Outcome<S> {
    /// Go on with the next step.
    Continue(S),
    /// Go on with the next step when what is waited for has come.
    Wait(S, Wait),
    /// The run is over; steps that follow are not taken.
    Done(Box<Report>),
}

/// A step failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// Something that may pass; the step is taken again.
    #[error("step {step} could not finish: {reason}")]
    Transient {
        /// The step.
        step: String,
        /// Why.
        reason: String,
        /// The underlying error.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Something that will not pass; the run fails.
    #[error("step {step} failed: {reason}")]
    Fatal {
        /// The step.
        step: String,
        /// Why, and what to do.
        reason: String,
        /// The underlying error.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl StepError {
    /// Whether taking the step again may succeed.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Transient { .. })
    }
}

/// Longest purpose of a step, in bytes.
const PURPOSE_BYTES: usize = 512;

/// What a step works with.
#[derive(Clone, Debug)]
pub struct StepContext {
    gate: Gate,
    tools: Registry,
    scope: Scope,
    progress: Progress,
    purpose: Option<String>,
    actuator: Option<Hand>,
}

/// What has actions done, and for which workflow.
#[derive(Clone)]
struct Hand {
    actuator: Arc<dyn Actuator>,
    workflow: String,
}

impl fmt::Debug for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hand")
            .field("workflow", &self.workflow)
            .finish_non_exhaustive()
    }
}

impl StepContext {
    /// A context for one step of the run in `scope`.
    pub fn new(gate: Gate, tools: Registry, scope: Scope, progress: Progress) -> Self {
        Self {
            gate,
            tools,
            scope,
            progress,
            purpose: None,
            actuator: None,
        }
    }

    /// Lets the step, which is one of `workflow`, have actions done.
    #[must_use]
    pub fn with_actuator(mut self, actuator: Arc<dyn Actuator>, workflow: impl Into<String>) -> Self {
        let workflow = workflow.into();
        self.actuator = Some(Hand { actuator, workflow });
        self
    }

    /// Has an action done, as far as it comes by now.
    ///
    /// Where people have to approve it, hand on [`Outcome::Wait`] with [`Wait::Approval`], and submit the same action again in the
    /// step that follows: it is done once. An agent that has no actuator refuses.
    ///
    /// # Errors
    /// [`StepError::Transient`] when it could not be found out how the action stands; the step is taken again.
    pub async fn submit(&self, action: &Action) -> Result<Submitted, StepError> {
        let Some(hand) = &self.actuator else {
            return Ok(Submitted::Settled(Settlement::Refused(Refusal {
                rule: "writes.no_actuator".to_owned(),
                reason: format!(
                    "the agent was built to change nothing, and {} would be changed",
                    action.target
                ),
                remedy: "let a person do it, or build the agent with a pipeline".to_owned(),
            })));
        };
        let submitted = hand.actuator.submit(&self.scope, &hand.workflow, action).await;
        submitted.map_err(|error| StepError::Transient {
            step: self.scope.step.clone().unwrap_or_default(),
            reason: error.to_string(),
            source: Some(Box::new(error)),
        })
    }

    /// Says what the step is for, in the words of who set the agent up: the `instruction` of a definition. It is recorded
    /// with everything that the step does, on one line and at most 512 bytes of it, and is part of the goal that a reasoner
    /// is given, which may choose by it what to look at. It changes nothing else.
    #[must_use]
    pub fn with_purpose(mut self, purpose: &str) -> Self {
        let words: Vec<&str> = purpose.split_whitespace().collect();
        let text = words.join(" ");
        let kept = crate::gate::excerpt(&text, PURPOSE_BYTES);
        self.purpose = match kept.len() {
            0 => None,
            len if len < text.len() => Some(format!("{kept}…")),
            _ => Some(text),
        };
        self
    }

    /// What the step is for, where somebody said so.
    pub fn purpose(&self) -> Option<&str> {
        self.purpose.as_deref()
    }

    /// `text` and what the step is for: a reason for the audit log, or the goal that a reasoner is given.
    pub fn with_its_purpose(&self, text: &str) -> String {
        match &self.purpose {
            None => text.to_owned(),
            Some(purpose) => format!("{text} (purpose of the step: {purpose})"),
        }
    }

    /// Calls the tool that is registered under `T`'s name. `why` goes into the audit log.
    ///
    /// A tool that is not at hand answers [`ToolErrorKind::Unavailable`]: a source that an agent was built without, or that
    /// a definition keeps from this step, is a gap like one that is down.
    pub async fn observe<T: Tool>(&self, input: T::Input, why: &str) -> Result<T::Output, ObserveError> {
        let tool = self.at_hand(T::NAME)?;
        let why = self.with_its_purpose(why);
        self.gate.observe::<T>(&self.scope, tool, input, &why).await
    }

    /// As [`observe`](Self::observe), for a tool and input that somebody wrote down.
    pub async fn observe_json(
        &self,
        tool: &str,
        input: serde_json::Value,
        why: &str,
    ) -> Result<serde_json::Value, ObserveError> {
        let tool = self.at_hand(tool)?;
        let why = self.with_its_purpose(why);
        self.gate.observe_json(&self.scope, tool, input, &why).await
    }

    fn at_hand(&self, name: &str) -> Result<&Arc<dyn ErasedTool>, ToolError> {
        self.tools.get(name).ok_or_else(|| {
            let message = format!(
                "{name} is not at hand: the agent was built without it, or a definition does not list it for this step"
            );
            ToolError::new(ToolErrorKind::Unavailable, message)
        })
    }

    /// The tools of the agent.
    pub fn tools(&self) -> &Registry {
        &self.tools
    }

    /// The gate, for proposals.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// On whose behalf the step works.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The present moment by the run's clock.
    pub fn now(&self) -> Timestamp {
        self.gate.clock().now()
    }

    /// Time left to the run; zero when it is over.
    pub fn remaining(&self) -> Duration {
        Duration::try_from(self.scope.deadline.duration_since(self.now())).unwrap_or(Duration::ZERO)
    }

    /// The same context for a part of the step that may take so long and no longer. The run's deadline holds besides.
    #[must_use]
    pub fn within(&self, time: Duration) -> Self {
        let mut part = self.clone();
        part.scope.deadline = part.scope.deadline.min(self.gate.clock().deadline(time));
        part
    }

    /// The same context for what a person has asked for: it is recorded as theirs, and they do not approve it.
    #[must_use]
    pub fn on_behalf_of(&self, person: impl Into<String>) -> Self {
        let mut theirs = self.clone();
        theirs.scope.actor = person.into();
        theirs
    }

    /// Tells watchers what is going on.
    pub fn progress(&self, message: impl Into<String>) {
        let step = self.scope.step.clone().unwrap_or_default();
        self.progress.send(ProgressEvent {
            run: self.scope.run.clone(),
            step,
            message: message.into(),
        });
    }

    /// Records a conclusion in the audit log. [`StepError::Transient`] while that takes no records.
    pub async fn reasoned(&self, subject: &str, conclusion: String, why: &str) -> Result<(), StepError> {
        let entry = Entry::new(AuditKind::Reason, subject, self.with_its_purpose(why));
        self.gate
            .record(&self.scope, entry.with_reasoned(conclusion))
            .await
            .map(drop)
            .map_err(|error| StepError::Transient {
                step: self.scope.step.clone().unwrap_or_default(),
                reason: "its conclusion could not be recorded; see that the audit log can be written"
                    .to_owned(),
                source: Some(Box::new(error)),
            })
    }
}

/// One sign of life of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProgressEvent {
    /// The run.
    pub run: String,
    /// The step.
    pub step: String,
    /// What it does.
    pub message: String,
}

/// Where signs of life go. Cloned freely; a receiver that is gone or slow never holds a run up.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<dyn Fn(ProgressEvent) + Send + Sync>>);

impl Progress {
    /// Nobody watches.
    pub fn none() -> Self {
        Self::default()
    }

    /// `watch` is called with every event; it must return at once.
    pub fn new(watch: impl Fn(ProgressEvent) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(watch)))
    }

    /// Hands on one event.
    pub fn send(&self, event: ProgressEvent) {
        if let Some(watch) = &self.0 {
            watch(event);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.0.is_some()).finish()
    }
}

/// Why a run could not finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// A step failed, and taking it again does not help, or was tried often enough.
    Step,
    /// The run's time was over.
    Deadline,
    /// The process ended again and again while the step was being taken.
    Crash,
    /// A defect: a step panicked, the last step did not end the run, or the journaled state does not fit the workflow.
    Defect,
}

/// A run that could not finish, and where it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailure {
    /// The run.
    pub run: RunId,
    /// The step that was being taken.
    pub step: String,
    /// What kind of failure.
    pub kind: FailureKind,
    /// Why, and what to do.
    pub reason: String,
    /// When the run was triggered.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}

impl RunFailure {
    /// A report that says where the run ended and why, and nothing else. The verdict is "unknown".
    pub fn report(&self, workflow: &str) -> Report {
        let remedy = match self.kind {
            FailureKind::Deadline => "give runs more time, or see which source was slow in the audit log",
            FailureKind::Crash | FailureKind::Defect => "report this as a defect, with the agent's log",
            FailureKind::Step => "remove what the reason names, then start the run again",
        };
        Report {
            case: self.run.0.clone(),
            workflow: workflow.to_owned(),
            cluster: String::new(),
            title: format!("{workflow} could not finish"),
            summary: format!(
                "The run ended in the step {} without a result: {}. Nothing is known about the cause.",
                self.step, self.reason
            ),
            verdict: Verdict::Unknown,
            severity: Severity::Warning,
            since: None,
            window: Window {
                start: self.started_at,
                end: self.ended_at,
            },
            subject: Vec::new(),
            hypotheses: Vec::new(),
            symptoms: Vec::new(),
            changes: Vec::new(),
            ruled_out: Vec::new(),
            tests: Vec::new(),
            recommendations: Vec::new(),
            evidence: Vec::new(),
            gaps: vec![Gap {
                source: self.step.clone(),
                reason: format!("this step and those after it were not taken: {}", self.reason),
                remedy: remedy.to_owned(),
            }],
            groups: Vec::new(),
            timeline: Vec::new(),
            runbooks: Vec::new(),
            dashboards: Vec::new(),
            topology: Topology::default(),
        }
    }
}

/// One named step: state in, state out.
///
/// A step may be taken again after a crash, with the state that the step before it left: it must not depend on anything
/// that it keeps for itself.
#[async_trait]
pub trait Step<S>: Send + Sync {
    /// The step's name, unique within its workflow.
    fn name(&self) -> &str;

    /// Takes the step.
    async fn run(&self, cx: &StepContext, state: S) -> Result<Outcome<S>, StepError>;
}

/// An ordered set of named steps over a serializable state.
///
/// The result of each step is journaled before the next one starts. The last step has to end with [`Outcome::Done`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a claw workflow",
    note = "implement `claw_core::workflow::Workflow`: a NAME, an Input, a serializable State, and the steps"
)]
pub trait Workflow: Send + Sync + 'static {
    /// Name by which definitions and journals know the workflow.
    const NAME: &'static str;
    /// What triggers a run.
    type Input: Serialize + DeserializeOwned + Send + Sync;
    /// What steps hand to each other.
    type State: Serialize + DeserializeOwned + Send + 'static;

    /// The state before the first step.
    fn start(&self, input: Self::Input) -> Self::State;

    /// The steps in their order.
    fn steps(&self) -> &[Box<dyn Step<Self::State>>];

    /// The report of a run that could not finish, from the `state` that its last finished step left.
    ///
    /// People are waiting for an answer: say what is known by now, and what could not be seen. Unless overridden, the
    /// report says only where the run ended and why.
    fn on_failure(&self, state: &Self::State, failure: &RunFailure) -> Report {
        let _ = state;
        failure.report(Self::NAME)
    }
}

#[cfg(test)]
mod tests;
