//! From a case to its report.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_core::evidence::{Evidence, EvidenceId, Finding, Severity};
use claw_core::report::{
    ChangeAssessment, Group, Lane, Recommendation, Report, Role, RuledOut, TimelineEntry, Topology,
    TopologyEdge, TopologyNode, Verdict,
};
use jiff::Timestamp;

use super::IncidentInvestigation;
use super::candidate::Symptom;
use super::case::Case;
use super::facts::{Facts, clip};
use super::mechanism;
use super::rank::{Field, Ranked, rank};
use super::symptom;
use super::weights::Weights;
use crate::trigger::Alert;
use claw_core::workflow::Workflow as _;

/// Hypotheses that a report shows; the others are ruled out or left out.
const MAX_HYPOTHESES: usize = 8;
/// Below this the first hypothesis is no answer.
const LIKELY: f64 = 0.35;
/// Entities in the picture of dependencies.
const MAX_NODES: usize = 80;

/// The report of a case.
pub fn report(case: &Case, cluster: &str, weights: &Weights) -> Report {
    let facts = Facts::new(case);
    let symptoms = symptom::detect(&facts);
    let mut candidates: Vec<_> = mechanism::catalogue()
        .iter()
        .flat_map(|m| m.candidates(&facts))
        .collect();
    for candidate in &mut candidates {
        candidate.unseen.sort();
    }
    let onset = onset(case, &facts, &symptoms);
    let field = Field {
        subject: &case.subject,
        symptoms: &symptoms,
        graph: facts.graph(),
        changes: &case.changes,
        onset,
    };
    let ranked = rank(candidates, field, weights);
    let verdict = verdict(case, &ranked, &symptoms);
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
    Report {
        case: case.incident.id.0.clone(),
        workflow: IncidentInvestigation::NAME.to_owned(),
        cluster: cluster.to_owned(),
        title: title(case, &symptoms, verdict),
        summary: summary(case, first, &symptoms, verdict, onset),
        verdict,
        severity,
        since: onset,
        window: case.window,
        subject: case.subject.clone(),
        changes: changes(case, &ranked, onset),
        ruled_out: ruled_out(&ranked),
        tests: case.tests.clone(),
        recommendations: recommendations(&ranked),
        gaps: gaps(case),
        groups: groups(&ranked, &symptoms),
        timeline: timeline(case, &symptoms),
        topology: topology(case, &facts, first, &symptoms),
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

fn verdict(case: &Case, ranked: &[Ranked], symptoms: &[Symptom]) -> Verdict {
    // Where nothing could be seen, nothing was seen to be well, either; and an alert that fires is not about nothing.
    let firing = case.incident.alerts.iter().any(Alert::is_firing);
    let calm = if case.saw_anything() && !firing {
        Verdict::Healthy
    } else {
        Verdict::Unknown
    };
    let wrong = symptoms
        .iter()
        .any(|symptom| symptom.severity >= Severity::Warning);
    let confidence = |index: usize| {
        ranked
            .get(index)
            .map_or(0.0, |ranked| ranked.hypothesis.confidence)
    };
    let rivals = |a: &Ranked, b: &Ranked| a.explains.intersection(&b.explains).next().is_some();
    match (ranked.first(), ranked.get(1)) {
        (None, _) if wrong => Verdict::Unknown,
        (None, _) => calm,
        (Some(_), _) if confidence(0) < LIKELY => {
            if wrong {
                Verdict::Unknown
            } else {
                calm
            }
        }
        (Some(first), Some(second)) if confidence(1) > confidence(0) * 0.75 && rivals(first, second) => {
            Verdict::Ambiguous
        }
        _ => Verdict::Cause,
    }
}

fn title(case: &Case, symptoms: &[Symptom], verdict: Verdict) -> String {
    if let Some(alert) = case.incident.alerts.first() {
        let said = ["summary", "message", "description"]
            .iter()
            .find_map(|key| alert.annotations.get(*key));
        let name = alert.name().unwrap_or("Alert");
        return said.map_or_else(|| name.to_owned(), |said| format!("{name}: {}", clip(said, 120)));
    }
    match (symptoms.first(), verdict) {
        (None, Verdict::Unknown) => "Nothing could be seen".to_owned(),
        (_, Verdict::Healthy) | (None, _) => "Nothing was seen to be wrong".to_owned(),
        (Some(symptom), _) => format!("{} {}", symptom.entity, clip(&symptom.statement, 100)),
    }
}

fn summary(
    case: &Case,
    first: Option<&Ranked>,
    symptoms: &[Symptom],
    verdict: Verdict,
    onset: Option<Timestamp>,
) -> String {
    let since = onset
        .map(|time| format!(" since {}", time.strftime("%H:%M:%S UTC")))
        .unwrap_or_default();
    let wrong = symptoms
        .iter()
        .filter(|symptom| symptom.severity >= Severity::Warning)
        .count();
    let mut text = match wrong {
        0 if !case.saw_anything() => "Nothing could be seen.".to_owned(),
        0 if verdict == Verdict::Unknown => "The alert fires, and nothing that was seen is wrong.".to_owned(),
        0 => "Nothing was seen to be wrong.".to_owned(),
        1 => format!("One thing is wrong{since}."),
        _ => format!("{wrong} things are wrong{since}."),
    };
    match (first, verdict) {
        (Some(first), Verdict::Ambiguous) => text.push_str(&format!(
            " Several causes are about as likely; the first is: {} ({:.0} %).",
            first.hypothesis.cause,
            first.hypothesis.confidence * 100.0
        )),
        (Some(first), _) => {
            text.push_str(&format!(
                " Likely cause: {} ({:.0} %).",
                first.hypothesis.cause,
                first.hypothesis.confidence * 100.0
            ));
            if let Some(advice) = first.advice.first() {
                text.push_str(&format!(" {}.", advice.title));
            }
        }
        (None, Verdict::Unknown) if wrong > 0 => text.push_str(" What was seen does not say why."),
        (None, _) => {}
    }
    if !case.gaps.is_empty() {
        text.push_str(&format!(
            " {} source{} could not be seen.",
            case.gaps.len(),
            if case.gaps.len() == 1 { "" } else { "s" }
        ));
    }
    text
}

fn changes(case: &Case, ranked: &[Ranked], onset: Option<Timestamp>) -> Vec<ChangeAssessment> {
    let first = ranked
        .first()
        .filter(|ranked| ranked.hypothesis.confidence >= LIKELY);
    let blamed = first.and_then(|ranked| ranked.change.as_deref());
    let mut assessed: Vec<ChangeAssessment> = case
        .changes
        .iter()
        .filter(|change| {
            let near = change.time >= case.window.start && change.time <= case.window.end;
            near || blamed == Some(change.reference.as_str())
        })
        .map(|change| {
            let resting = ranked
                .iter()
                .find(|ranked| ranked.change.as_deref() == Some(change.reference.as_str()));
            let confidence = resting.map_or(0.0, |ranked| ranked.hypothesis.confidence);
            let blamed = blamed == Some(change.reference.as_str());
            let after = onset.is_some_and(|onset| change.time > onset);
            let reason = match (blamed, resting) {
                (true, _) => "the likely cause rests on it".to_owned(),
                (false, Some(ranked)) => format!(
                    "a less likely cause rests on it: {}",
                    clip(&ranked.hypothesis.cause, 120)
                ),
                (false, None) if after => "it came after the trouble began".to_owned(),
                (false, None) => "no mechanism was seen by which it would have caused the trouble".to_owned(),
            };
            ChangeAssessment {
                change: change.clone(),
                blamed,
                confidence,
                reason,
            }
        })
        .collect();
    assessed.sort_by(|a, b| {
        b.blamed
            .cmp(&a.blamed)
            .then_with(|| b.confidence.total_cmp(&a.confidence))
            .then_with(|| b.change.time.cmp(&a.change.time))
    });
    assessed.truncate(50);
    assessed
}

fn ruled_out(ranked: &[Ranked]) -> Vec<RuledOut> {
    ranked
        .iter()
        .skip(1)
        .filter_map(|ranked| {
            let against = ranked
                .hypothesis
                .terms
                .iter()
                .filter(|term| term.log_odds < -0.5 && term.name != "prior");
            let worst = against.min_by(|a, b| a.log_odds.total_cmp(&b.log_odds))?;
            let reason = match &ranked.explained_by {
                Some((mechanism, entity)) if worst.name == "explained by another cause" => {
                    format!("{entity} ({mechanism}) brings it about")
                }
                _ => worst.name.clone(),
            };
            (ranked.hypothesis.confidence < LIKELY).then(|| RuledOut {
                entity: ranked.hypothesis.entity.clone(),
                cause: ranked.hypothesis.cause.clone(),
                reason,
                evidence: worst.evidence.clone(),
            })
        })
        .take(10)
        .collect()
}

fn recommendations(ranked: &[Ranked]) -> Vec<Recommendation> {
    let mut all: Vec<(f64, Recommendation)> = ranked
        .iter()
        .filter(|ranked| ranked.hypothesis.confidence >= 0.15)
        .take(3)
        .flat_map(|ranked| {
            let confidence = ranked.hypothesis.confidence;
            ranked.advice.iter().enumerate().map(move |(place, advice)| {
                // What is easily taken back comes first; among the advice for one cause the mechanism's own order counts.
                let worth = confidence
                    * if advice.reversible { 1.0 } else { 0.6 }
                    * 0.9_f64.powi(i32::try_from(place).unwrap_or(9));
                let recommendation = Recommendation {
                    rank: 0,
                    title: advice.title.clone(),
                    reason: advice.reason.clone(),
                    command: advice.command.clone(),
                    reversible: advice.reversible,
                    confidence: (worth * 1000.0).round() / 1000.0,
                    action: None,
                };
                (worth, recommendation)
            })
        })
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.title.cmp(&b.1.title)));
    let mut seen = BTreeSet::new();
    all.into_iter()
        .map(|(_, recommendation)| recommendation)
        .filter(|recommendation| seen.insert(recommendation.title.clone()))
        .take(6)
        .zip(1..)
        .map(|(recommendation, rank)| Recommendation {
            rank,
            ..recommendation
        })
        .collect()
}

fn gaps(case: &Case) -> Vec<claw_core::report::Gap> {
    let mut gaps = case.gaps.clone();
    gaps.sort();
    gaps.dedup();
    gaps
}

/// Each symptom goes to the first cause that explains it.
fn groups(ranked: &[Ranked], symptoms: &[Symptom]) -> Vec<Group> {
    let mut left: BTreeSet<usize> = (0..symptoms.len()).collect();
    let mut groups = Vec::new();
    for ranked in ranked
        .iter()
        .filter(|ranked| ranked.hypothesis.confidence >= LIKELY)
    {
        let own: BTreeSet<usize> = ranked.explains.intersection(&left).copied().collect();
        if own.is_empty() {
            continue;
        }
        left.retain(|index| !own.contains(index));
        let members: BTreeSet<EntityRef> = own
            .iter()
            .filter_map(|&index| symptoms.get(index))
            .map(|symptom| symptom.entity.clone())
            .collect();
        groups.push(Group {
            entity: ranked.hypothesis.entity.clone(),
            cause: ranked.hypothesis.cause.clone(),
            members: members.into_iter().collect(),
        });
    }
    groups
}

fn timeline(case: &Case, symptoms: &[Symptom]) -> Vec<TimelineEntry> {
    let inside = |time: &Timestamp| *time >= case.window.start && *time <= case.window.end;
    let mut entries: Vec<TimelineEntry> = Vec::new();
    for change in case.changes.iter().filter(|change| inside(&change.time)) {
        entries.push(TimelineEntry {
            time: change.time,
            lane: Lane::Change,
            entity: change.entity.clone(),
            text: clip(&change.summary, 120),
            severity: Severity::Info,
        });
    }
    for symptom in symptoms {
        if let Some(time) = symptom.since.filter(|time| inside(time)) {
            entries.push(TimelineEntry {
                time,
                lane: Lane::Symptom,
                entity: symptom.entity.clone(),
                text: clip(&symptom.statement, 120),
                severity: symptom.severity,
            });
        }
    }
    for event in case.objects.events.iter().filter(|event| event.is_warning()) {
        if let Some(time) = event.first_seen().filter(|time| inside(time)) {
            entries.push(TimelineEntry {
                time,
                lane: Lane::Event,
                entity: event.about(),
                text: format!("{}: {}", event.reason, clip(&event.message, 100)),
                severity: Severity::Warning,
            });
        }
    }
    for alert in &case.incident.alerts {
        entries.push(TimelineEntry {
            time: alert.starts_at,
            lane: Lane::Alert,
            entity: case
                .subject
                .first()
                .cloned()
                .unwrap_or_else(|| EntityRef::cluster("Alert", alert.name().unwrap_or("alert"))),
            text: alert.name().unwrap_or("alert").to_owned(),
            severity: Severity::Critical,
        });
    }
    entries.sort_by(|a, b| (a.time, a.lane, &a.entity, &a.text).cmp(&(b.time, b.lane, &b.entity, &b.text)));
    entries.dedup();
    entries.truncate(500);
    entries
}

/// Services and workloads around the trouble, by calls and by what they stand on.
fn topology(case: &Case, facts: &Facts<'_>, first: Option<&Ranked>, symptoms: &[Symptom]) -> Topology {
    let troubled: BTreeSet<EntityRef> = symptoms
        .iter()
        .filter(|symptom| symptom.severity >= Severity::Warning)
        .flat_map(|symptom| [symptom.entity.clone(), facts.unit_of(&symptom.entity)])
        .collect();
    let cause = first.map(|ranked| &ranked.hypothesis.entity);
    let mut edges: BTreeSet<TopologyEdge> = case
        .calls
        .iter()
        .map(|call| TopologyEdge {
            from: facts.unit_of(&call.caller),
            to: facts.unit_of(&call.callee),
            via: call.via.clone(),
        })
        .filter(|edge| edge.from != edge.to)
        .collect();
    if let Some(cause) = cause {
        for felt in facts.graph().felt_by(cause) {
            if felt.kind != "Pod" && felt.kind != "ReplicaSet" && *felt != *cause {
                edges.insert(TopologyEdge {
                    from: felt.clone(),
                    to: cause.clone(),
                    via: "stands on".to_owned(),
                });
            }
        }
    }
    let mut entities: BTreeSet<EntityRef> = edges
        .iter()
        .flat_map(|edge| [edge.from.clone(), edge.to.clone()])
        .collect();
    entities.extend(cause.cloned());
    entities.extend(case.subject.iter().map(|entity| {
        if entity.kind == "Pod" {
            facts.unit_of(entity)
        } else {
            entity.clone()
        }
    }));
    let alerting: BTreeSet<EntityRef> = case
        .subject
        .iter()
        .flat_map(|entity| [entity.clone(), facts.unit_of(entity)])
        .collect();
    let role = |entity: &EntityRef| {
        if cause == Some(entity) {
            Role::Cause
        } else if alerting.contains(entity) {
            Role::Alerting
        } else if troubled.contains(entity) {
            Role::Affected
        } else if entity.kind == EntityRef::EXTERNAL_HOST || !facts.graph().contains(entity) {
            Role::Unseen
        } else {
            Role::Healthy
        }
    };
    let mut nodes: Vec<TopologyNode> = entities
        .into_iter()
        .map(|entity| TopologyNode {
            role: role(&entity),
            entity,
        })
        .collect();
    nodes.sort_by(|a, b| (a.role, &a.entity).cmp(&(b.role, &b.entity)));
    nodes.truncate(MAX_NODES);
    let kept: BTreeSet<&EntityRef> = nodes.iter().map(|node| &node.entity).collect();
    let edges = edges
        .into_iter()
        .filter(|edge| kept.contains(&edge.from) && kept.contains(&edge.to))
        .collect();
    Topology { nodes, edges }
}
