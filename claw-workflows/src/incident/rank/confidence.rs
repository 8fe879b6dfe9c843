//! How sure the ranking is.

use std::collections::BTreeSet;

use super::{Contender, Field, gravity};
use crate::incident::weights::Weights;

/// Probabilities of the contenders, 0 to 1, in thousandths.
///
/// Candidates compete with those that explain the same symptoms, and with a cause that nobody put forward: two independent
/// faults may both be certain. Where the run is about something, it has one cause: what does not lead to it, however surely
/// it is in trouble itself, is left what the likeliest of those that do lead to it and say what is wrong leave over.
pub(super) fn confidences(contenders: &[Contender], field: Field<'_>, weights: &Weights) -> Vec<f64> {
    let of_series = contenders.iter().all(|contender| contender.candidate.general);
    let temperature = match of_series {
        true => weights.temperature_of_series,
        false => weights.temperature,
    };
    let temperature = temperature.max(0.05);
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
                .map(|(rival, score)| (*score, overlap(contender, rival, field)))
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

/// How much of what two contenders explain is the same, 0 to 1, by the gravity of the symptoms. Of those that say no more
/// than that something is wrong with an entity one is the cause and the others are its victims or beside the matter.
fn overlap(a: &Contender, b: &Contender, field: Field<'_>) -> f64 {
    if a.candidate.general && b.candidate.general {
        return 1.0;
    }
    let weight = |set: &BTreeSet<usize>| -> f64 {
        set.iter()
            .filter_map(|&index| field.symptoms.get(index))
            .map(gravity)
            .sum()
    };
    let common: BTreeSet<usize> = a.explains.intersection(&b.explains).copied().collect();
    let smaller = weight(&a.explains).min(weight(&b.explains));
    if smaller > 0.0 {
        weight(&common) / smaller
    } else {
        1.0
    }
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
