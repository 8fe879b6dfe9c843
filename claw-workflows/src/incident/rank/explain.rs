//! Which candidates are the effect of others.

use super::fold::is_stale;
use super::{Contender, slack, starts_after};
use crate::incident::weights::Weights;

/// A candidate whose trouble another one would bring about is its victim, to the degree that it can be one.
pub(super) fn explain_away(contenders: &mut [Contender], weights: &Weights) {
    let scores: Vec<f64> = contenders.iter().map(Contender::score).collect();
    let general = |index: usize| contenders.get(index).is_some_and(|c| c.candidate.general);
    let mut penalties: Vec<(usize, usize, f64)> = Vec::new();
    for (victim, contender) in contenders.iter().enumerate() {
        if contender.candidate.derived <= 0.0 {
            continue;
        }
        let best = contenders
            .iter()
            .enumerate()
            .filter(|(index, other)| {
                *index != victim
                    && other.candidate.derived < contender.candidate.derived + 0.5
                    && explains(other, contender, weights)
                    && !(other.candidate.derived >= contender.candidate.derived
                        && contender.reach.contains_key(&other.candidate.entity)
                        && explains(contender, other, weights))
            })
            .filter_map(|(index, _)| Some((index, *scores.get(index)?)))
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        if let Some((cause, score)) = best {
            // A weak explanation takes little away; one that is sure takes all of what the weight allows. Of two that say
            // no more than that something is wrong, what counts is how much surer the one is than the other.
            let own = scores.get(victim).copied().unwrap_or(0.0);
            let against = if general(cause) && general(victim) {
                own
            } else {
                0.0
            };
            let sure = 1.0 / (1.0 + (against - score).exp());
            penalties.push((
                victim,
                cause,
                weights.explained_away * contender.candidate.derived * sure,
            ));
        }
    }
    for (victim, cause, penalty) in penalties {
        if let Some(contender) = contenders.get_mut(victim) {
            contender.add("explained by another cause", penalty);
            contender.explained_by = Some(cause);
        }
    }
}

/// Whether `cause` would bring about the trouble of `effect`.
fn explains(cause: &Contender, effect: &Contender, weights: &Weights) -> bool {
    let reaches = effect
        .candidate
        .seeds()
        .iter()
        .any(|seed| cause.reach.contains_key(*seed));
    let same = cause.candidate.entity == effect.candidate.entity;
    let later = starts_after(
        cause.candidate.onset,
        effect.candidate.onset,
        slack(&cause.candidate, weights),
    );
    // What went on for long before did without the trouble that its own metrics show now.
    let stale = same && effect.candidate.general && is_stale(&cause.candidate, &effect.candidate);
    reaches && !later && !stale && (!same || cause.candidate.derived < effect.candidate.derived)
}
