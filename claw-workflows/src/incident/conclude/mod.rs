//! From a case to its report.

mod advice;
mod changes;
mod timeline;
mod topology;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_core::evidence::{Evidence, EvidenceId, Finding, Severity};
use claw_core::report::{Gap, Report, Verdict};
use claw_core::workflow::Workflow as _;
use jiff::Timestamp;

use super::IncidentInvestigation;
use super::candidate::Symptom;
use super::case::Case;
use super::facts::Facts;
use super::mechanism;
use super::rank::{Field, Ranked, rank};
use super::steps::analyze_logs::left_out;
use super::subject;
use super::symptom;
use super::weights::Weights;

/// Hypotheses that a report shows; the others are ruled out or left out.
const MAX_HYPOTHESES: usize = 8;
/// Below this the first hypothesis is no answer.
const LIKELY: f64 = 0.35;

/// What may have caused the trouble of a case, most likely first, and what that was told from.
#[derive(Debug)]
pub(super) struct Weighed<'a> {
    /// The case's facts.
    pub(super) facts: Facts<'a>,
    /// What is wrong.
    pub(super) symptoms: Vec<Symptom>,
    /// When the trouble began.
    pub(super) onset: Option<Timestamp>,
    /// The causes.
    pub(super) ranked: Vec<Ranked>,
}

/// Weighs the causes that the catalogue puts forward.
pub(super) fn weigh<'a>(case: &'a Case, weights: &Weights) -> Weighed<'a> {
    let facts = Facts::new(case);
    let symptoms = symptom::detect(&facts);
    let mut candidates: Vec<_> = mechanism::catalogue()
        .iter()
        .flat_map(|m| m.candidates(&facts))
        .collect();
    for candidate in &mut candidates {
        candidate.unseen.sort();
        mechanism::outdated::advise(&facts, candidate);
    }
    let onset = onset(case, &facts, &symptoms);
    let field = Field {
        subject: &case.subject,
        measured_only: !case.subject.iter().any(|entity| facts.was_read(entity)),
        symptoms: &symptoms,
        graph: facts.graph(),
        changes: &case.changes,
        onset,
    };
    let ranked = rank(candidates, field, weights);
    Weighed {
        facts,
        symptoms,
        onset,
        ranked,
    }
}

/// The report of a case.
pub fn report(case: &Case, cluster: &str, weights: &Weights) -> Report {
    let Weighed {
        facts,
        symptoms,
        onset,
        mut ranked,
    } = weigh(case, weights);
    let verdict = verdict::verdict(case, &ranked, &symptoms);
    if !matches!(verdict, Verdict::Cause | Verdict::Ambiguous) {
        verdict::no_answer(&mut ranked);
    }
    let mut book: BTreeMap<EvidenceId, Evidence> = BTreeMap::new();
    for evidence in ranked
        .iter()
        .take(MAX_HYPOTHESES)
        .flat_map(|r| &r.evidence)
        .chain(symptoms.iter().flat_map(|s| &s.evidence))
    {
        book.entry(evidence.id.clone())
            .or_insert_with(|| evidence.clone());
    }
    let first = ranked
        .first()
        .filter(|_| matches!(verdict, Verdict::Cause | Verdict::Ambiguous));
    let severity = symptoms
        .iter()
        .map(|symptom| symptom.severity)
        .max()
        .unwrap_or(Severity::Info);
    let absent = subject::absent(&facts);
    Report {
        case: case.incident.id.0.clone(),
        workflow: IncidentInvestigation::NAME.to_owned(),
        cluster: cluster.to_owned(),
        title: verdict::title(case, &symptoms, verdict),
        summary: verdict::summary(case, &absent, first, &symptoms, verdict, onset),
        verdict,
        severity,
        since: onset,
        window: case.window,
        subject: case.subject.clone(),
        changes: changes::changes(&facts, &symptoms, &ranked, onset),
        ruled_out: advice::ruled_out(&ranked),
        tests: case.tests.clone(),
        recommendations: if first.is_some() {
            advice::recommendations(&ranked)
        } else {
            Vec::new()
        },
        gaps: gaps(case, &absent),
        groups: advice::groups(&ranked, &symptoms),
        // Named last, when the causes are known.
        runbooks: Vec::new(),
        dashboards: Vec::new(),
        timeline: timeline::timeline(case, &symptoms, onset),
        topology: topology::topology(case, &facts, first, &symptoms),
        symptoms: symptoms
            .into_iter()
            .map(|symptom| Finding {
                id: symptom.id.to_owned(),
                entity: symptom.entity,
                severity: symptom.severity,
                since: symptom.since,
                statement: symptom.statement,
                evidence: symptom
                    .evidence
                    .iter()
                    .map(|evidence| evidence.id.clone())
                    .collect(),
            })
            .collect(),
        hypotheses: ranked
            .into_iter()
            .take(MAX_HYPOTHESES)
            .map(|ranked| ranked.hypothesis)
            .collect(),
        evidence: book.into_values().collect(),
    }
}

/// When the trouble of the alerting entities began: the earliest symptom of theirs, else the earliest of all, else what
/// the trigger says.
fn onset(case: &Case, facts: &Facts<'_>, symptoms: &[Symptom]) -> Option<Timestamp> {
    let mut around: BTreeSet<EntityRef> = case.subject.iter().cloned().collect();
    for entity in &case.subject {
        around.extend(
            facts
                .pods_of(entity)
                .iter()
                .map(|pod| claw_k8s::model::Object::entity(*pod)),
        );
    }
    let first = |own: bool| {
        symptoms
            .iter()
            .filter(|symptom| symptom.severity >= Severity::Warning)
            .filter(|symptom| !own || around.contains(&symptom.entity))
            .filter_map(|symptom| symptom.since)
            .filter(|since| *since >= case.window.start)
            .min()
    };
    let seen = first(true).or_else(|| {
        if case.subject.is_empty() {
            first(false)
        } else {
            None
        }
    });
    match (seen, case.began) {
        (Some(seen), Some(began)) => Some(seen.min(began)),
        (one, other) => one.or(other),
    }
}

fn gaps(case: &Case, absent: &[EntityRef]) -> Vec<Gap> {
    let mut gaps = case.gaps.clone();
    gaps.extend(left_out(case));
    gaps.extend(absent.iter().map(|entity| Gap {
        source: "subject".to_owned(),
        reason: format!("{entity} does not exist"),
        remedy: "check kind, namespace and name; it may have been deleted".to_owned(),
    }));
    gaps.sort();
    gaps.dedup();
    gaps
}
