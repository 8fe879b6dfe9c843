//! Suspects held against each other.

use claw_metrics::signal::Signal;
use jiff::Timestamp;

use super::ties::Ties;
use super::{NOTABLE, Strains, Suspect};
use crate::incident::candidate::{Candidate, Clue};
use crate::incident::units::Strain;

/// Log-odds that a suspect loses at most for being late by little.
const MOST: f64 = 3.0;
/// Seconds by which beginnings may differ: clocks, and the times of samples.
const SAME: f64 = 150.0;
/// Seconds beyond that which cost one in log-odds.
const FAR: f64 = 300.0;
/// Log-odds that a suspect loses at most for beginning at another time.
const MOST_FOR_TIME: f64 = 2.0;

/// A cause is late by about as much as all others are for it: who is late by a tenth of that accounts for a tenth. Where it is
/// not known who calls whom, amounts tell nothing, since callers' are larger; then who is late by the largest factor is the
/// likeliest, since the work of those who wait does not grow.
pub(super) fn lateness(suspects: &mut [Suspect], strains: &Strains<'_>, ties: &Ties<'_>) {
    let amount = |suspect: &Suspect| {
        if !ties.is_empty() {
            return suspect.late;
        }
        let unit = strains.units.get(&suspect.candidate.entity)?;
        let factors = unit.lateness().into_iter().map(|late| late.excess.signal.ratio);
        let factor = factors.filter(|ratio| *ratio > 1.0).fold(1.0, f64::max);
        suspect.late.map(|_| factor.ln())
    };
    let amounts: Vec<Option<f64>> = suspects.iter().map(amount).collect();
    let largest = amounts.iter().flatten().copied().fold(0.0, f64::max);
    if largest <= 0.0 {
        return;
    }
    for (suspect, amount) in suspects.iter_mut().zip(amounts) {
        let Some(amount) = amount else { continue };
        let log_odds = (amount / largest).max(1e-9).ln().max(-MOST);
        add(&mut suspect.candidate, "late by less than others", log_odds);
    }
}

/// What began long before most of the trouble, or long after it, is not what it came from.
pub(super) fn beginnings(suspects: &mut [Suspect], strains: &Strains<'_>) {
    let Some(began) = began(strains) else { return };
    for suspect in suspects {
        let Some(onset) = suspect.candidate.onset else {
            continue;
        };
        let apart = onset.duration_since(began).as_secs_f64().abs();
        let beyond = apart - SAME.max(1.5 * suspect.uncertainty);
        if beyond > 0.0 {
            let log_odds = -(beyond / FAR).min(MOST_FOR_TIME);
            add(
                &mut suspect.candidate,
                "began at another time than the trouble",
                log_odds,
            );
        }
    }
}

/// When half of all lateness and failures had begun, by how far each is from what is usual.
fn began(strains: &Strains<'_>) -> Option<Timestamp> {
    let felt = strains.units.values().flat_map(|unit| {
        let of = |strain| unit.strains.get(&strain).into_iter().flatten().copied();
        of(Strain::Latency).chain(of(Strain::Errors))
    });
    let felt = felt.filter(|signal: &&Signal| signal.harmful && signal.score >= NOTABLE);
    let mut begun: Vec<(Timestamp, f64)> = felt
        .filter_map(|signal| Some((signal.onset?, signal.score)))
        .collect();
    begun.sort_by_key(|(onset, _)| *onset);
    let half = begun.iter().map(|(_, score)| score).sum::<f64>() / 2.0;
    let mut sum = 0.0;
    begun.iter().find_map(|(onset, score)| {
        sum += score;
        (sum >= half).then_some(*onset)
    })
}

fn add(candidate: &mut Candidate, name: &'static str, log_odds: f64) {
    if log_odds < 0.0 {
        candidate.clues.push(Clue {
            name,
            log_odds,
            evidence: Vec::new(),
        });
    }
}
