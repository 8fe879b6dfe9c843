//! How sure the ranking is.

use super::{Contender, Field, gravity};
use crate::incident::weights::Weights;

/// Probabilities of the contenders, 0 to 1, in thousandths.
///
/// Candidates compete with those that explain the same symptoms, and with a cause that nobody put forward: two independent
/// faults may both be certain. Where the run is about something, it has one cause: what does not lead to it, however surely
/// it is in trouble itself, is left what the likeliest of those that do lead to it and say what is wrong leave over.
pub(super) fn confidences(contenders: &[Contender], field: Field<'_>, weights: &Weights) -> Vec<f64> {
    let temperature = weights.temperature.max(0.05);
    let scores: Vec<f64> = contenders
        .iter()
        .map(|contender| contender.score() / temperature)
        .collect();
    let unknown = weights.unknown / temperature;
    let mut confidences: Vec<f64> = contenders
        .iter()
        .zip(&scores)
        .map(|(contender, own)| {
            let rivals: Vec<(f64, f64)> = contenders
                .iter()
                .zip(&scores)
                .filter(|(rival, _)| !std::ptr::eq(*rival, contender))
                .map(|(rival, score)| (*score, contradicts(rival, contender, contenders, field)))
                .chain([(unknown, 1.0)])
                .collect();
            let confidence = share(*own, &rivals);
            let seen = contender
                .candidate
                .clues
                .iter()
                .any(|clue| clue.log_odds > 0.0 && !clue.evidence.is_empty());
            if seen {
                confidence
            } else {
                confidence.min(weights.cap_without_mechanism)
            }
        })
        .collect();
    let answered = contenders
        .iter()
        .zip(&confidences)
        .filter(|(contender, _)| !contender.candidate.general && !contender.misses_alert(field))
        .map(|(_, confidence)| *confidence)
        .fold(0.0, f64::max);
    for (contender, confidence) in contenders.iter().zip(&mut confidences) {
        if contender.misses_alert(field) {
            *confidence = confidence.min(1.0 - answered);
        }
        *confidence = (*confidence * 1000.0).round() / 1000.0;
    }
    confidences
}

/// `e^own / (e^own + Σ weight·e^score)`. The greatest exponent is taken out first, so that none overflows; what is no
/// number has no confidence.
fn share(own: f64, rivals: &[(f64, f64)]) -> f64 {
    let greatest = rivals
        .iter()
        .filter(|(_, weight)| *weight > 0.0)
        .map(|(score, _)| *score)
        .fold(own, f64::max);
    if !own.is_finite() || !greatest.is_finite() {
        return 0.0;
    }
    let own = (own - greatest).exp();
    let others: f64 = rivals
        .iter()
        .filter(|(_, weight)| *weight > 0.0)
        .map(|(score, weight)| weight * (score - greatest).exp())
        .sum();
    let share = own / (own + others);
    if share.is_finite() { share } else { 0.0 }
}

/// How far a rival contradicts a contender, 0 to 1: how much of what the two explain is the same, by the gravity of the
/// symptoms. Of those that say no more than that something is wrong with an entity one is the cause and the others are its
/// victims or beside the matter. One that leaves open what is wrong with the contender's entity, and of which the contender
/// says that, does not contradict it.
fn contradicts(rival: &Contender, contender: &Contender, all: &[Contender], field: Field<'_>) -> f64 {
    if rival.candidate.general {
        if contender.candidate.general {
            return 1.0;
        }
        let explaining = rival.explained_by.and_then(|index| all.get(index));
        if rival.candidate.entity == contender.candidate.entity
            && explaining.is_some_and(|explaining| std::ptr::eq(explaining, contender))
        {
            return 0.0;
        }
    }
    let smaller = weight(&rival.explains, field).min(weight(&contender.explains, field));
    if smaller > 0.0 {
        weight(rival.explains.intersection(&contender.explains), field) / smaller
    } else {
        1.0
    }
}

/// The gravity of symptoms together.
fn weight<'a>(symptoms: impl IntoIterator<Item = &'a usize>, field: Field<'_>) -> f64 {
    let known = symptoms
        .into_iter()
        .filter_map(|&index| field.symptoms.get(index));
    known.map(gravity).sum()
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn scores_of_any_size_make_probabilities() {
        type Rivals<'a> = &'a [(f64, f64)];
        let cases: [(f64, Rivals<'_>, f64); 7] = [
            (0.0, &[(0.0, 1.0)], 0.5),
            (2000.0, &[(0.0, 1.0)], 1.0),
            (2000.0, &[(2000.0, 1.0)], 0.5),
            (-2000.0, &[(2000.0, 1.0)], 0.0),
            (0.0, &[(2000.0, 0.0), (0.0, 1.0)], 0.5),
            (f64::NAN, &[(0.0, 1.0)], 0.0),
            (f64::INFINITY, &[(0.0, 1.0)], 0.0),
        ];
        for (own, rivals, expected) in cases {
            assert!(
                (share(own, rivals) - expected).abs() < 1e-9,
                "{own} against {rivals:?}"
            );
        }
    }
}
