//! Which candidate explains the incident best: additive log-odds over named weights.

mod confidence;
mod explain;
mod fold;
mod merge;

use std::collections::{BTreeMap, BTreeSet};

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use claw_core::evidence::{Evidence, EvidenceId, Hypothesis, Severity, Term};
use jiff::{SignedDuration, Timestamp};

use super::candidate::{Advice, Candidate, Symptom};
use super::graph::FailureGraph;
use super::weights::Weights;
use confidence::confidences;
use explain::explain_away;
use fold::{corroborate, fold};
use merge::merge;

/// By how many seconds onsets of noisy series may be off.
const ONSET_OF_SERIES: i64 = 300;

/// What the candidates compete for.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// The alerting entities.
    pub subject: &'a [EntityRef],
    /// Whether they are known from series alone: no object of theirs was read.
    pub measured_only: bool,
    /// Everything that is wrong.
    pub symptoms: &'a [Symptom],
    /// How trouble spreads.
    pub graph: &'a FailureGraph,
    /// Changes by which candidates may have come about.
    pub changes: &'a [Change],
    /// When the alerting entity was first in trouble, where that is known.
    pub onset: Option<Timestamp>,
}

/// A candidate in its place.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// As it goes into the report.
    pub hypothesis: Hypothesis,
    /// Sum of all terms.
    pub score: f64,
    /// Symptoms that it explains, by their position in [`Field::symptoms`].
    pub explains: BTreeSet<usize>,
    /// Whether there is something that the run is about, and nothing leads from this to it.
    pub misses_alert: bool,
    /// Whether it leaves open what is wrong with the entity.
    pub general: bool,
    /// The change that it rests on.
    pub change: Option<String>,
    /// What to do about it.
    pub advice: Vec<Advice>,
    /// All evidence that its terms refer to.
    pub evidence: Vec<Evidence>,
    /// The candidate that explains this one away, by mechanism and entity.
    pub explained_by: Option<(String, EntityRef)>,
}

struct Contender {
    candidate: Candidate,
    reach: BTreeMap<EntityRef, u32>,
    explains: BTreeSet<usize>,
    terms: Vec<Term>,
    explained_by: Option<usize>,
}

impl Contender {
    /// Sum of all terms. What is no number ranks last.
    fn score(&self) -> f64 {
        let sum: f64 = self.terms.iter().map(|term| term.log_odds).sum();
        if sum.is_nan() { f64::NEG_INFINITY } else { sum }
    }

    /// Whether there is something that the run is about, and nothing leads from this to it.
    fn misses_alert(&self, field: Field<'_>) -> bool {
        let mut subject = field.subject.iter();
        !field.subject.is_empty() && !subject.any(|entity| self.reach.contains_key(entity))
    }

    fn add(&mut self, name: &str, log_odds: f64) {
        if log_odds != 0.0 {
            self.terms.push(Term {
                name: name.to_owned(),
                log_odds,
                evidence: Vec::new(),
            });
        }
    }
}

/// Ranks the candidates, the most probable first. The order of `candidates` does not matter.
pub fn rank(candidates: Vec<Candidate>, field: Field<'_>, weights: &Weights) -> Vec<Ranked> {
    let cut_off = cut_off(field);
    let mut contenders: Vec<Contender> = merge(candidates)
        .into_iter()
        .map(|candidate| contend(candidate, field, cut_off, weights))
        .collect();
    explain_away(&mut contenders, weights);
    corroborate(&mut contenders, weights);
    order(&mut contenders);
    fold(&mut contenders);
    let confidences = confidences(&contenders, field, weights);
    let names: Vec<(String, EntityRef)> = contenders
        .iter()
        .map(|c| (c.candidate.mechanism.to_owned(), c.candidate.entity.clone()))
        .collect();
    let mut placed: Vec<(Contender, f64)> = contenders.into_iter().zip(confidences).collect();
    // Causes that contest the same symptoms share what is believed of them; one that nobody contests may be surer with less.
    // Equally sure ones stay in the order of their scores, those that lead to the alert first.
    placed.sort_by(|(a, x), (b, y)| {
        y.total_cmp(x)
            .then_with(|| a.misses_alert(field).cmp(&b.misses_alert(field)))
    });
    placed
        .into_iter()
        .zip(1..)
        .map(|((contender, confidence), rank)| finish(contender, confidence, rank, field, &names))
        .collect()
}

fn contend(candidate: Candidate, field: Field<'_>, cut_off: bool, weights: &Weights) -> Contender {
    let reach = field.graph.reach(candidate.seeds());
    let explains: BTreeSet<usize> = (0..)
        .zip(field.symptoms)
        .filter(|(_, symptom)| reach.contains_key(&symptom.entity))
        .filter(|(_, symptom)| !starts_after(candidate.onset, symptom.since, slack(&candidate, weights)))
        .map(|(index, _)| index)
        .collect();
    let terms = candidate
        .clues
        .iter()
        .map(|clue| Term {
            name: clue.name.to_owned(),
            log_odds: clue.log_odds,
            evidence: clue.evidence.iter().map(|evidence| evidence.id.clone()).collect(),
        })
        .collect();
    let mut contender = Contender {
        candidate,
        reach,
        explains,
        terms,
        explained_by: None,
    };
    contender.add("prior", weights.prior);
    if !field.subject.is_empty() {
        match field
            .subject
            .iter()
            .filter_map(|entity| contender.reach.get(entity))
            .min()
        {
            Some(&hops) if hops > 0 && contender.candidate.general && cut_off => {}
            Some(&hops) => {
                let value = (weights.explains_alert - f64::from(hops) * weights.per_hop).max(0.0);
                contender.add("explains the alert", value);
            }
            // Where nobody is known whose trouble the alerting entity would feel, that nothing leads there says nothing.
            None if contender.candidate.general && cut_off => {}
            None => contender.add("does not explain the alert", weights.misses_alert),
        }
    }
    let total: f64 = field.symptoms.iter().map(gravity).sum();
    if total > 0.0 {
        let explained: f64 = contender
            .explains
            .iter()
            .filter_map(|&index| field.symptoms.get(index))
            .map(gravity)
            .sum();
        let asked = if field.subject.is_empty() {
            weights.explains_question
        } else {
            0.0
        };
        contender.add(
            "share of symptoms explained",
            (weights.explains_symptoms + asked) * explained / total,
        );
    }
    time_terms(&mut contender, field, weights);
    contender
}

fn time_terms(contender: &mut Contender, field: Field<'_>, weights: &Weights) {
    let first = field.onset.or_else(|| {
        contender
            .explains
            .iter()
            .filter_map(|&index| field.symptoms.get(index))
            .filter_map(|s| s.since)
            .min()
    });
    let Some(first) = first else { return };
    // Of what metrics show, the mechanism has compared all beginnings; the first symptom may be that of a victim that is
    // measured more closely.
    let began = contender.candidate.onset.filter(|_| !contender.candidate.general);
    if let Some(began) = began {
        let late = began.duration_since(first).as_secs();
        if late > slack(&contender.candidate, weights) {
            contender.add("began after the symptoms", weights.follows);
        } else if late < 0 && late >= -weights.precedes_seconds {
            // What went on for long before did not matter until something else came.
            contender.add("began before the symptoms", weights.precedes);
        }
    }
    let changed = contender
        .candidate
        .change
        .as_ref()
        .and_then(|reference| field.changes.iter().find(|change| change.reference == *reference))
        .map(|change| first.duration_since(change.time).as_secs());
    if let Some(age) = changed {
        if age >= -weights.simultaneous_seconds && age <= weights.change_window_seconds {
            // The closer the change to the onset, the more it tells: full weight at once, half at the window's end.
            let nearness = 1.0 - 0.5 * (age.max(0) as f64 / weights.change_window_seconds.max(1) as f64);
            contender.add("changed shortly before", weights.change_before_onset * nearness);
        } else if age < -weights.simultaneous_seconds {
            contender.add("changed only after the symptoms", weights.follows);
        }
    }
}

fn order(contenders: &mut Vec<Contender>) {
    // `explained_by` holds positions: renumber it after sorting.
    let mut positions: Vec<usize> = (0..contenders.len()).collect();
    let key = |index: &usize| contenders.get(*index);
    positions.sort_by(|a, b| match (key(a), key(b)) {
        (Some(a), Some(b)) => b
            .score()
            .total_cmp(&a.score())
            .then_with(|| a.candidate.entity.cmp(&b.candidate.entity))
            .then_with(|| a.candidate.mechanism.cmp(b.candidate.mechanism)),
        _ => std::cmp::Ordering::Equal,
    });
    let new_place: BTreeMap<usize, usize> = positions
        .iter()
        .enumerate()
        .map(|(new, &old)| (old, new))
        .collect();
    let mut slots: Vec<Option<Contender>> = std::mem::take(contenders).into_iter().map(Some).collect();
    for old in positions {
        if let Some(mut contender) = slots.get_mut(old).and_then(Option::take) {
            contender.explained_by = contender
                .explained_by
                .and_then(|index| new_place.get(&index).copied());
            contenders.push(contender);
        }
    }
}

fn finish(
    contender: Contender,
    confidence: f64,
    rank: u32,
    field: Field<'_>,
    names: &[(String, EntityRef)],
) -> Ranked {
    let score = contender.score();
    let misses_alert = contender.misses_alert(field);
    let Contender {
        candidate,
        explains,
        mut terms,
        explained_by,
        reach,
    } = contender;
    terms.sort_by(|a, b| {
        b.log_odds
            .abs()
            .total_cmp(&a.log_odds.abs())
            .then_with(|| a.name.cmp(&b.name))
    });
    let ids = |sign: f64| -> Vec<EvidenceId> {
        let mut seen = BTreeSet::new();
        candidate
            .clues
            .iter()
            .filter(|clue| clue.log_odds * sign > 0.0)
            .flat_map(|clue| &clue.evidence)
            .filter(|evidence| seen.insert(evidence.id.clone()))
            .map(|evidence| evidence.id.clone())
            .collect()
    };
    let explained: BTreeSet<EntityRef> = explains
        .iter()
        .filter_map(|&index| field.symptoms.get(index))
        .map(|symptom| symptom.entity.clone())
        .chain(
            field
                .subject
                .iter()
                .filter(|entity| reach.contains_key(*entity))
                .cloned(),
        )
        .collect();
    let hypothesis = Hypothesis {
        rank,
        entity: candidate.entity.clone(),
        cause: candidate.cause.clone(),
        mechanism: candidate.mechanism.to_owned(),
        confidence,
        evidence: ids(1.0),
        against: ids(-1.0),
        unseen: candidate.unseen.clone(),
        explains: explained.into_iter().collect(),
        terms,
    };
    let mut evidence: Vec<Evidence> = candidate
        .clues
        .iter()
        .flat_map(|clue| clue.evidence.clone())
        .collect();
    evidence.sort_by(|a, b| a.id.cmp(&b.id));
    evidence.dedup_by(|a, b| a.id == b.id);
    Ranked {
        hypothesis,
        score,
        explains,
        misses_alert,
        general: candidate.general,
        change: candidate.change,
        advice: candidate.advice,
        evidence,
        explained_by: explained_by.and_then(|index| names.get(index).cloned()),
    }
}

/// How much a symptom has to be explained.
fn gravity(symptom: &Symptom) -> f64 {
    match symptom.severity {
        Severity::Critical => 1.0,
        Severity::Warning => 0.5,
        _ => 0.1,
    }
}

/// Whether the alerting entities are known from series alone, and nobody is known whose trouble they would feel. Of what was
/// read as an object it is known whom it feels: a node, for one, nobody.
fn cut_off(field: Field<'_>) -> bool {
    let alone = |entity: &EntityRef| field.graph.contains(entity) && !field.graph.feels_any(entity);
    field.measured_only && !field.subject.is_empty() && field.subject.iter().all(alone)
}

/// Seconds by which a candidate may seem to begin later than it did.
fn slack(candidate: &Candidate, weights: &Weights) -> i64 {
    let told = if candidate.general { ONSET_OF_SERIES } else { 0 };
    weights.simultaneous_seconds.max(candidate.uncertainty).max(told)
}

fn starts_after(a: Option<Timestamp>, b: Option<Timestamp>, slack_seconds: i64) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.duration_since(b) > SignedDuration::from_secs(slack_seconds),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
