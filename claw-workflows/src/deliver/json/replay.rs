//! The short form of a report that a replay prints.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_core::evidence::{Evidence, EvidenceId, Finding, Source};
use claw_core::report::{Gap, Group, Report, Runbook};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::visible;
use crate::deliver::words;

/// What a replay of a recorded case found. Every reference to evidence is resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// Name of the case.
    pub case: String,
    /// Possible causes, most probable first.
    pub hypotheses: Vec<ReplayHypothesis>,
    /// What was changed.
    pub changes: Vec<ReplayChange>,
    /// What is wrong.
    pub symptoms: Vec<Finding>,
    /// Runbooks of the agent that fit; left out where none does. Pages that alerts name are in the alerts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runbooks: Vec<Runbook>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// Symptoms by cause.
    pub groups: Vec<Group>,
}

/// A possible cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayHypothesis {
    /// 1 is the most probable.
    pub rank: u32,
    /// What is at fault.
    pub entity: EntityRef,
    /// The cause in one sentence.
    pub cause: String,
    /// Id in the mechanism catalogue.
    pub mechanism: String,
    /// Probability, 0 to 1.
    pub confidence: f64,
    /// What speaks for it.
    pub evidence: Vec<ReplayEvidence>,
    /// What speaks against it.
    pub against: Vec<ReplayEvidence>,
    /// What would have helped to judge it but could not be seen.
    pub unseen: Vec<String>,
}

/// A piece of evidence, without what only auditors need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayEvidence {
    /// Stable id.
    pub id: EvidenceId,
    /// What the fact is about.
    pub entity: EntityRef,
    /// When it was so; `null` where the source has no time.
    pub time: Option<Timestamp>,
    /// The fact in one sentence.
    pub statement: String,
    /// Where it can be read again, as `kind:locator`.
    pub source: Source,
}

/// A change and whether it is to blame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayChange {
    /// Reference by which people find it.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What was changed.
    pub entity: EntityRef,
    /// Whether the first hypothesis rests on it.
    pub blamed: bool,
    /// Probability that it caused the incident, 0 to 1.
    pub confidence: f64,
}

impl Replay {
    /// The short form of `report`. References to evidence that the report does not hold are left out.
    pub fn new(report: &Report) -> Self {
        let evidence: BTreeMap<_, _> = report
            .evidence
            .iter()
            .rev()
            .map(|evidence| (&evidence.id, evidence))
            .collect();
        let resolve = |ids: &[EvidenceId]| -> Vec<_> {
            ids.iter()
                .filter_map(|id| evidence.get(id).copied())
                .map(ReplayEvidence::new)
                .collect()
        };
        Self {
            case: report.case.clone(),
            hypotheses: report
                .hypotheses
                .iter()
                .map(|hypothesis| ReplayHypothesis {
                    rank: hypothesis.rank,
                    entity: hypothesis.entity.clone(),
                    cause: hypothesis.cause.clone(),
                    mechanism: hypothesis.mechanism.clone(),
                    confidence: words::probability(hypothesis.confidence),
                    evidence: resolve(&hypothesis.evidence),
                    against: resolve(&hypothesis.against),
                    unseen: hypothesis.unseen.clone(),
                })
                .collect(),
            changes: report
                .changes
                .iter()
                .map(|assessment| ReplayChange {
                    reference: assessment.change.reference.clone(),
                    entity: assessment.change.entity.clone(),
                    blamed: assessment.blamed,
                    confidence: words::probability(assessment.confidence),
                })
                .collect(),
            symptoms: report.symptoms.clone(),
            runbooks: report
                .runbooks
                .iter()
                .filter(|runbook| !runbook.text.is_empty())
                .cloned()
                .collect(),
            gaps: report.gaps.clone(),
            groups: report.groups.clone(),
        }
    }

    /// Indented JSON with a line end; the same bytes for equal values.
    pub fn to_json(&self) -> String {
        visible::to_string(self)
    }
}

impl ReplayEvidence {
    fn new(evidence: &Evidence) -> Self {
        Self {
            id: evidence.id.clone(),
            entity: evidence.entity.clone(),
            time: evidence.time,
            statement: evidence.statement.clone(),
            source: evidence.source.clone(),
        }
    }
}
