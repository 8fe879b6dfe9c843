//! The workflow `change`: has one change proposed and done, as far as the guardrails let it.

use async_trait::async_trait;
use claw_core::action::Action;
use claw_core::actuate::{Settlement, Submitted};
use claw_core::evidence::Severity;
use claw_core::gate::ObserveError;
use claw_core::report::{Report, Topology, Verdict, Window};
use claw_core::workflow::{Outcome, RunFailure, Step, StepContext, StepError, Wait, Workflow};
use claw_k8s::tools::propose::Proposal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Rules whose refusals are over in a moment after a start, or when another replica takes over: the step is taken again.
const PASSING: [&str; 3] = ["lease.not_held", "walls.missing", "stop.blind"];

/// What somebody wants to have changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Wanted {
    /// Who. The change is recorded as theirs, and they do not approve it.
    pub by: String,
    /// What.
    pub want: Want,
}

impl Wanted {
    /// What `by` wants.
    pub fn new(by: impl Into<String>, want: Want) -> Self {
        Self { by: by.into(), want }
    }
}

/// A change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Want {
    /// What a tool proposes.
    Tool {
        /// The tool.
        tool: String,
        /// Its input.
        input: Value,
    },
    /// A write as it was proposed elsewhere. It is judged as any other: whatever has changed since refuses it.
    Action(Box<Action>),
}

/// Has one change done. The steps are `propose`, `submit` and `conclude`.
pub struct Change {
    cluster: String,
    steps: Vec<Box<dyn Step<ChangeState>>>,
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Change")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

impl Change {
    /// Changes in the cluster of that name.
    pub fn new(cluster: impl Into<String>) -> Self {
        let cluster = cluster.into();
        Self {
            steps: vec![
                Box::new(Propose),
                Box::new(Submit),
                Box::new(Conclude {
                    cluster: cluster.clone(),
                }),
            ],
            cluster,
        }
    }
}

/// What the steps hand to each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeState {
    wanted: Wanted,
    /// The write, once it is proposed.
    action: Option<Action>,
    /// What speaks against it, as the tool said.
    warnings: Vec<String>,
    /// Why there is none.
    refused: Option<String>,
}

impl Workflow for Change {
    const NAME: &'static str = "change";
    type Input = Wanted;
    type State = ChangeState;

    fn start(&self, wanted: Wanted) -> ChangeState {
        ChangeState {
            wanted,
            action: None,
            warnings: Vec::new(),
            refused: None,
        }
    }

    fn steps(&self) -> &[Box<dyn Step<ChangeState>>] {
        &self.steps
    }

    fn on_failure(&self, state: &ChangeState, failure: &RunFailure) -> Report {
        let of = subject(state.action.as_ref());
        Report {
            cluster: self.cluster.clone(),
            title: format!(
                "{of}: not known to be done, the step {} failed: {}",
                failure.step, failure.reason
            ),
            summary: summary(state),
            subject: state.action.iter().map(|action| action.target.clone()).collect(),
            ..failure.report(Self::NAME)
        }
    }
}

/// Has the tool propose it. The runner journals the proposal, so that a restart submits the same action.
struct Propose;

#[async_trait]
impl Step<ChangeState> for Propose {
    fn name(&self) -> &str {
        "propose"
    }

    async fn run(&self, cx: &StepContext, mut state: ChangeState) -> Result<Outcome<ChangeState>, StepError> {
        let cx = cx.on_behalf_of(&state.wanted.by);
        let (name, input) = match &state.wanted.want {
            Want::Action(action) => {
                state.action = Some((**action).clone());
                return Ok(Outcome::Continue(state));
            }
            Want::Tool { tool, input } => (tool, input.clone()),
        };
        let Some(tool) = cx.tools().get(name) else {
            state.refused = Some(format!("this agent has no tool {name}"));
            return Ok(Outcome::Continue(state));
        };
        let why = format!("{} wants a change", state.wanted.by);
        match cx.gate().observe_json(cx.scope(), tool, input, &why).await {
            Ok(answer) => {
                let proposal: Proposal =
                    serde_json::from_value(answer).map_err(|error| StepError::Fatal {
                        step: self.name().to_owned(),
                        reason: format!("{name} did not answer with a proposal; choose a tool that proposes"),
                        source: Some(Box::new(error)),
                    })?;
                state.action = Some(proposal.action);
                state.warnings = proposal.warnings;
            }
            Err(ObserveError::Tool(error)) if !error.is_retryable() => {
                state.refused = Some(error.to_string());
            }
            Err(ObserveError::Refused(refusal)) => state.refused = Some(refusal.to_string()),
            Err(error) => {
                return Err(StepError::Transient {
                    step: self.name().to_owned(),
                    reason: error.to_string(),
                    source: Some(Box::new(error)),
                });
            }
        }
        Ok(Outcome::Continue(state))
    }
}

/// Submits it, and waits where people have to decide.
struct Submit;

#[async_trait]
impl Step<ChangeState> for Submit {
    fn name(&self) -> &str {
        "submit"
    }

    async fn run(&self, cx: &StepContext, state: ChangeState) -> Result<Outcome<ChangeState>, StepError> {
        let submitted = submit(cx, &state).await?;
        match submitted {
            Some(Submitted::Waiting { approval, until }) => {
                Ok(Outcome::Wait(state, Wait::Approval { id: approval, until }))
            }
            Some(Submitted::UnderWay { intent, until, .. }) => {
                Ok(Outcome::Wait(state, Wait::Approval { id: intent, until }))
            }
            Some(Submitted::Settled(Settlement::Refused(refusal)))
                if PASSING.contains(&refusal.rule.as_str()) =>
            {
                Err(StepError::Transient {
                    step: self.name().to_owned(),
                    reason: refusal.to_string(),
                    source: None,
                })
            }
            _ => Ok(Outcome::Continue(state)),
        }
    }
}

/// Says what came of it. Submitted again it is not done again: the answer is how it stands.
struct Conclude {
    cluster: String,
}

#[async_trait]
impl Step<ChangeState> for Conclude {
    fn name(&self) -> &str {
        "conclude"
    }

    async fn run(&self, cx: &StepContext, state: ChangeState) -> Result<Outcome<ChangeState>, StepError> {
        let submitted = submit(cx, &state).await?;
        let (severity, what) = match (&submitted, &state.refused) {
            (None, Some(why)) => (Severity::Warning, format!("not proposed: {why}")),
            (None, None) => (Severity::Warning, "not proposed".to_owned()),
            // It was woken and is not decided: by a clock that is not ours.
            (Some(Submitted::Waiting { until, .. }), _) => {
                return Err(StepError::Transient {
                    step: self.name().to_owned(),
                    reason: format!("it waits for approval until {until}"),
                    source: None,
                });
            }
            (Some(Submitted::UnderWay { reason, .. }), _) => {
                return Err(StepError::Transient {
                    step: self.name().to_owned(),
                    reason: format!("it is not known yet whether it was done: {reason}"),
                    source: None,
                });
            }
            (Some(Submitted::Settled(settlement)), _) => told(settlement),
            (Some(other), _) => (Severity::Warning, format!("{other:?}")),
        };
        let of = subject(state.action.as_ref());
        let targets = state.action.iter().map(|action| action.target.clone());
        let title = format!("{of}: {what}");
        cx.reasoned(&of, what, "how the change ended").await?;
        let now = cx.now();
        Ok(Outcome::Done(Box::new(Report {
            case: cx.scope().run.clone(),
            workflow: Change::NAME.to_owned(),
            cluster: self.cluster.clone(),
            title,
            summary: summary(&state),
            verdict: Verdict::Unknown,
            severity,
            since: None,
            window: Window { start: now, end: now },
            subject: targets.collect(),
            hypotheses: Vec::new(),
            symptoms: Vec::new(),
            changes: Vec::new(),
            ruled_out: Vec::new(),
            tests: Vec::new(),
            recommendations: Vec::new(),
            evidence: Vec::new(),
            gaps: Vec::new(),
            groups: Vec::new(),
            timeline: Vec::new(),
            runbooks: Vec::new(),
            dashboards: Vec::new(),
            topology: Topology::default(),
        })))
    }
}

/// What it is about, for people.
fn subject(action: Option<&Action>) -> String {
    action.map_or_else(|| "the change".to_owned(), |action| action.target.to_string())
}

async fn submit(cx: &StepContext, state: &ChangeState) -> Result<Option<Submitted>, StepError> {
    match &state.action {
        Some(action) => {
            let theirs = cx.on_behalf_of(&state.wanted.by);
            theirs.submit(action).await.map(Some)
        }
        None => Ok(None),
    }
}

/// What came of it, for people.
fn told(settlement: &Settlement) -> (Severity, String) {
    match settlement {
        Settlement::Applied { approved_by, .. } => {
            let by = match approved_by.is_empty() {
                true => "by the policy alone".to_owned(),
                false => format!("approved by {}", approved_by.join(", ")),
            };
            (Severity::Info, format!("applied, {by}"))
        }
        Settlement::Rehearsed { tier, diff } => (
            Severity::Info,
            format!("rehearsed and not done ({tier}): {}", diff.join("; ")),
        ),
        Settlement::Refused(refusal) => (Severity::Warning, refusal.to_string()),
        Settlement::Failed { reason } => (Severity::Warning, format!("not done: {reason}")),
        Settlement::Unresolved { reason } => (
            Severity::Warning,
            format!("it is not known whether it was done: {reason}"),
        ),
        other => (Severity::Warning, format!("{other:?}")),
    }
}

fn summary(state: &ChangeState) -> String {
    let mut said = format!("Asked for by {}.", state.wanted.by);
    if let Some(action) = &state.action {
        said.push_str(&format!(
            " Expected: {}. Reason: {}.",
            action.expected, action.reason
        ));
    }
    for warning in &state.warnings {
        said.push_str(&format!(" Warning: {warning}."));
    }
    said
}
