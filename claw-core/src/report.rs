//! What a run has to say, once; renderers turn it into text, JSON, HTML or Slack blocks.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::change::Change;
use crate::entity::EntityRef;
use crate::evidence::{Evidence, EvidenceId, Finding, Hypothesis, Severity};

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// From, inclusive.
    pub start: Timestamp,
    /// To, inclusive.
    pub end: Timestamp,
}

/// The answer in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// There is a likely root cause.
    Cause,
    /// Several causes are about as likely.
    Ambiguous,
    /// Something is wrong, and what was seen does not say why.
    Unknown,
    /// Nothing was seen to be wrong.
    Healthy,
}

/// Something that could not be seen. Never to be read as health.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// The source: a tool, or a kind of data.
    pub source: String,
    /// What could not be seen, and why.
    pub reason: String,
    /// What to do so that it can be seen next time.
    pub remedy: String,
}

/// A change in the window, and whether it is to blame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeAssessment {
    /// The change.
    pub change: Change,
    /// Whether the first hypothesis rests on it.
    pub blamed: bool,
    /// Probability that it caused the incident, 0 to 1.
    pub confidence: f64,
    /// Why, in one sentence.
    pub reason: String,
}

/// A cause that was considered and does not hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuledOut {
    /// What was suspected.
    pub entity: EntityRef,
    /// Of what.
    pub cause: String,
    /// Why it does not hold.
    pub reason: String,
    /// What shows it.
    pub evidence: Vec<EvidenceId>,
}

/// A moment in the story of the incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineEntry {
    /// When.
    pub time: Timestamp,
    /// Which row of the picture: `change`, `symptom`, `event`, `alert`.
    pub lane: Lane,
    /// About what.
    pub entity: EntityRef,
    /// What happened.
    pub text: String,
    /// How bad.
    pub severity: Severity,
}

/// A row of the timeline picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Lane {
    /// Something was changed.
    Change,
    /// Something began to be wrong.
    Symptom,
    /// Kubernetes said something.
    Event,
    /// The alert.
    Alert,
}

/// How an entity fares in the incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// The likely root cause.
    Cause,
    /// In trouble because of the cause.
    Affected,
    /// What the alert is about.
    Alerting,
    /// Not in trouble.
    Healthy,
    /// Could not be judged.
    Unseen,
}

/// The picture of who depends on whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Topology {
    /// Services, workloads, nodes and hosts, each with its role.
    pub nodes: Vec<TopologyNode>,
    /// Who calls or needs whom.
    pub edges: Vec<TopologyEdge>,
}

/// One entity in the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TopologyNode {
    /// The entity.
    pub entity: EntityRef,
    /// How it fares.
    pub role: Role,
}

/// `from` depends on `to`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct TopologyEdge {
    /// The dependent.
    pub from: EntityRef,
    /// What it depends on.
    pub to: EntityRef,
    /// How that is known: `endpoints`, `env`, `mesh`, `metrics`, `configured`, …
    pub via: String,
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recommendation {
    /// 1 is to be done first.
    pub rank: u32,
    /// What to do, in one sentence.
    pub title: String,
    /// Why it helps.
    pub reason: String,
    /// The exact command, or a diff, where there is one.
    pub command: Option<String>,
    /// Whether it is easily taken back.
    pub reversible: bool,
    /// Probability that it helps, 0 to 1.
    pub confidence: f64,
    /// The write as data, where the agent could propose one.
    pub action: Option<Action>,
}

/// An observation made to tell hypotheses apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Test {
    /// What was asked.
    pub question: String,
    /// What it showed.
    pub answer: String,
}

/// What somebody wrote down beforehand about incidents like this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Runbook {
    /// Its title.
    pub title: String,
    /// Where it is: the path of a file, or an address.
    pub place: String,
    /// Why it is named, a sentence each.
    pub because: Vec<String>,
    /// What it says, cut to a limit; empty where only its place is known.
    pub text: String,
    /// What the calls that it asks for answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<RunbookCall>,
}

/// A tool call that a runbook asks for, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunbookCall {
    /// The tool.
    pub tool: String,
    /// Its input, as JSON.
    pub input: String,
    /// Its answer, as JSON without secrets and cut to a limit; `None` where there was none: a gap says why.
    pub answer: Option<String>,
}

/// A dashboard that shows what a run is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dashboard {
    /// Its title.
    pub title: String,
    /// Its address, with the time and the entity that are in question.
    pub url: String,
    /// Why it is named, in one sentence.
    pub because: String,
}

/// Symptoms that have one cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// The common cause.
    pub entity: EntityRef,
    /// In one sentence, with its extent.
    pub cause: String,
    /// Everything that it explains.
    pub members: Vec<EntityRef>,
}

/// The result of a run. One model, several renderers; two runs over the same world give the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The run, or the name of the recorded case.
    pub case: String,
    /// The workflow.
    pub workflow: String,
    /// Name of the cluster.
    pub cluster: String,
    /// One line: what is broken.
    pub title: String,
    /// A few sentences: what is broken and since when, why, what to do.
    pub summary: String,
    /// The answer in one word.
    pub verdict: Verdict,
    /// How bad it is.
    pub severity: Severity,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// The time that was looked at.
    pub window: Window,
    /// What the run was about: the alerting entities.
    pub subject: Vec<EntityRef>,
    /// Possible causes, most probable first.
    pub hypotheses: Vec<Hypothesis>,
    /// What is wrong.
    pub symptoms: Vec<Finding>,
    /// What was changed.
    pub changes: Vec<ChangeAssessment>,
    /// What the agent considered and rejected.
    pub ruled_out: Vec<RuledOut>,
    /// What was asked to tell hypotheses apart.
    pub tests: Vec<Test>,
    /// What to do, first things first.
    pub recommendations: Vec<Recommendation>,
    /// What was written down beforehand about such an incident.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runbooks: Vec<Runbook>,
    /// Dashboards that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dashboards: Vec<Dashboard>,
    /// Every piece of evidence that the report refers to, by id.
    pub evidence: Vec<Evidence>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// Symptoms by cause.
    pub groups: Vec<Group>,
    /// The story in time.
    pub timeline: Vec<TimelineEntry>,
    /// Who depends on whom.
    pub topology: Topology,
}

impl Report {
    /// The evidence with that id.
    pub fn evidence(&self, id: &EvidenceId) -> Option<&Evidence> {
        self.evidence.iter().find(|evidence| evidence.id == *id)
    }
}
