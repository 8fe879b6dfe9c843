//! What to do, what need not be looked into, and what belongs together.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_core::report::{Group, Recommendation, RuledOut};

use super::LIKELY;
use crate::incident::candidate::Symptom;
use crate::incident::rank::Ranked;

/// Below this confidence nothing is advised.
const WORTH_ADVICE: f64 = 0.15;
/// Causes for which something is advised.
const MAX_CAUSES: usize = 3;
/// Recommendations that a report shows.
const MAX_RECOMMENDATIONS: usize = 6;
/// What a step that is hard to take back counts beside one that is not.
const IRREVERSIBLE: f64 = 0.6;
/// What the next advice for the same cause counts beside the one before.
const NEXT: f64 = 0.9;
/// Causes that a report rules out by name.
const MAX_RULED_OUT: usize = 10;
/// A term below this speaks against a cause strongly enough to be its reason for being ruled out.
const AGAINST: f64 = -0.5;

/// Causes that were thought of and why they are none.
pub(super) fn ruled_out(ranked: &[Ranked]) -> Vec<RuledOut> {
    ranked
        .iter()
        .skip(1)
        .filter_map(|ranked| {
            let against = ranked
                .hypothesis
                .terms
                .iter()
                .filter(|term| term.log_odds < AGAINST && term.name != "prior");
            let worst = against.min_by(|a, b| a.log_odds.total_cmp(&b.log_odds))?;
            let reason = match &ranked.explained_by {
                Some((mechanism, entity)) if worst.name == "explained by another cause" => {
                    format!("{entity} ({mechanism}) brings it about")
                }
                Some((mechanism, entity)) if worst.name == "said more closely by another cause" => {
                    format!("{mechanism} says more closely what is wrong with {entity}")
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
        .take(MAX_RULED_OUT)
        .collect()
}

/// What to do, by the confidence in the cause and by how easily it is taken back.
pub(super) fn recommendations(ranked: &[Ranked]) -> Vec<Recommendation> {
    let mut all: Vec<(f64, Recommendation)> = ranked
        .iter()
        .filter(|ranked| ranked.hypothesis.confidence >= WORTH_ADVICE)
        .take(MAX_CAUSES)
        .flat_map(|ranked| {
            let confidence = ranked.hypothesis.confidence;
            ranked.advice.iter().enumerate().map(move |(place, advice)| {
                // What is easily taken back comes first; among the advice for one cause the mechanism's own order counts.
                let worth = confidence
                    * if advice.reversible { 1.0 } else { IRREVERSIBLE }
                    * NEXT.powi(i32::try_from(place).unwrap_or(9));
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
        .take(MAX_RECOMMENDATIONS)
        .zip(1..)
        .map(|(recommendation, rank)| Recommendation {
            rank,
            ..recommendation
        })
        .collect()
}

/// Each symptom goes to the first cause that explains it.
pub(super) fn groups(ranked: &[Ranked], symptoms: &[Symptom]) -> Vec<Group> {
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
