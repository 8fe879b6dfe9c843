//! What general candidates and others of the same entity say of one another.
//!
//! That an entity is slow, fails or is short of something is seen in several ways at a time. Such candidates name the
//! entity and leave open what is wrong with it: they are told as one, and give way to one that says what is wrong.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_core::evidence::Term;

use super::{Contender, starts_after};
use crate::incident::candidate::{Advice, Candidate, Clue};
use crate::incident::weights::Weights;

/// What a clue of another general candidate adds to the first of the entity: they come from the same trouble.
const ALSO: f64 = 0.1;
/// What the general candidates of an entity add to a specific one at most.
const MAX_SUPPORT: f64 = 3.0;
/// By how much a specific candidate comes before the general one whose place it takes.
const AHEAD: f64 = 0.2;
/// What the general candidate loses by that at least.
const GIVES_WAY: f64 = 1.0;
/// How long before the general trouble a specific fault may have begun to count as its beginning, in seconds. What went on
/// for longer did without it.
const BEGINS_WITH: i64 = 600;

/// Gives a specific candidate the place of the general one of the same entity, where they began together: what the metrics
/// show then is what the specific fault does. It gets no more than that place, so that nothing changes for other entities.
pub(super) fn corroborate(contenders: &mut [Contender], weights: &Weights) {
    let scores: Vec<f64> = contenders.iter().map(Contender::score).collect();
    let score = |index: usize| scores.get(index).copied().unwrap_or(f64::NEG_INFINITY);
    let mut strongest: BTreeMap<EntityRef, usize> = BTreeMap::new();
    for (index, contender) in contenders.iter().enumerate() {
        if contender.candidate.general {
            let known = strongest
                .entry(contender.candidate.entity.clone())
                .or_insert(index);
            if score(index) > score(*known) {
                *known = index;
            }
        }
    }
    for (entity, general) in strongest {
        let Some(shown) = contenders
            .get(general)
            .map(|contender| contender.candidate.clone())
        else {
            continue;
        };
        let specific = contenders
            .iter()
            .enumerate()
            .filter(|(_, other)| !other.candidate.general && other.candidate.entity == entity)
            .filter(|(_, other)| other.candidate.own_score() > 0.0)
            .filter(|(_, other)| began_together(&other.candidate, &shown, weights))
            .max_by(|a, b| score(a.0).total_cmp(&score(b.0)).then(b.0.cmp(&a.0)))
            .map(|(index, _)| index)
            .filter(|index| score(*index) < score(general));
        let Some(specific) = specific else { continue };
        let support = (score(general) - score(specific) + AHEAD).min(MAX_SUPPORT);
        if let Some(contender) = contenders.get_mut(specific) {
            contender.support(support, &shown);
        }
        let of_entity = contenders
            .iter_mut()
            .filter(|contender| contender.candidate.general && contender.candidate.entity == entity);
        for contender in of_entity {
            contender.add("said more closely by another cause", -support.max(GIVES_WAY));
            contender.explained_by = Some(specific);
        }
    }
}

impl Contender {
    fn support(&mut self, log_odds: f64, general: &Candidate) {
        let clues = general.clues.iter().filter(|clue| clue.log_odds > 0.0);
        let mut evidence = Vec::new();
        for shown in clues.flat_map(|clue| &clue.evidence) {
            if !evidence.contains(shown) {
                evidence.push(shown.clone());
            }
        }
        self.take_up(Clue {
            name: "its metrics went bad with it",
            log_odds,
            evidence,
        });
        if self.candidate.change.is_none() {
            self.candidate.change.clone_from(&general.change);
            self.advise_too(general.advice.clone());
        }
    }

    fn advise_too(&mut self, advice: Vec<Advice>) {
        for advice in advice {
            if self
                .candidate
                .advice
                .iter()
                .all(|known| known.title != advice.title)
            {
                self.candidate.advice.push(advice);
            }
        }
    }

    fn take_up(&mut self, clue: Clue) {
        self.terms.push(Term {
            name: clue.name.to_owned(),
            log_odds: clue.log_odds,
            evidence: clue.evidence.iter().map(|evidence| evidence.id.clone()).collect(),
        });
        self.candidate.clues.push(clue);
    }
}

fn began_together(specific: &Candidate, general: &Candidate, weights: &Weights) -> bool {
    specific.onset.is_some()
        && general.onset.is_some()
        && !starts_after(specific.onset, general.onset, weights.simultaneous_seconds)
        && !is_stale(specific, general)
}

/// Whether a fault is known to have begun long before the trouble.
pub(super) fn is_stale(fault: &Candidate, trouble: &Candidate) -> bool {
    starts_after(trouble.onset, fault.onset, BEGINS_WITH)
}

/// Makes one of the general candidates of each entity: the first in order, with the others as further clues.
pub(super) fn fold(contenders: &mut Vec<Contender>) {
    let mut first: BTreeMap<EntityRef, usize> = BTreeMap::new();
    let mut kept: Vec<Contender> = Vec::new();
    let mut places: Vec<usize> = Vec::new();
    for contender in std::mem::take(contenders) {
        let place = kept.len();
        let known = contender
            .candidate
            .general
            .then(|| *first.entry(contender.candidate.entity.clone()).or_insert(place))
            .filter(|known| *known < place);
        match known.and_then(|known| Some((known, kept.get_mut(known)?))) {
            Some((known, one)) => {
                places.push(known);
                join(one, contender.candidate);
            }
            None => {
                places.push(place);
                kept.push(contender);
            }
        }
    }
    for (place, contender) in kept.iter_mut().enumerate() {
        contender.explained_by = contender
            .explained_by
            .and_then(|index| places.get(index).copied())
            .filter(|index| *index != place);
    }
    *contenders = kept;
}

fn join(one: &mut Contender, other: Candidate) {
    for mut clue in other.clues {
        let known = one.candidate.clues.iter().any(|known| known.name == clue.name);
        if known || clue.log_odds <= 0.0 {
            continue;
        }
        clue.log_odds *= ALSO;
        one.take_up(clue);
    }
    one.candidate.change = one.candidate.change.take().or(other.change);
    one.advise_too(other.advice);
    one.candidate.unseen.extend(other.unseen);
    one.candidate.unseen.sort();
    one.candidate.unseen.dedup();
}
