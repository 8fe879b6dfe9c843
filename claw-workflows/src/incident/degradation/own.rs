//! How much of a unit's slowness and failures is its own: what those that it calls do not account for.

use claw_core::entity::EntityRef;
use claw_metrics::signal::Signal;

use super::ties::Ties;
use super::{NOTABLE, Strains, Suspect, all_of, evidence, strength};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::units::{Excess, Late, Scale, Strain, Unit};

/// Said of a unit whose callees are in the same kind of trouble, measured in another way.
pub(super) const INCOMPARABLE: &str =
    "how much of its trouble comes from the services that it calls: they are measured in other units";
/// Said of a unit of which some callees are not measured in the respect in which it is in trouble.
pub(super) const UNMEASURED: &str = "metrics of some services that it calls";
/// A callee that takes so many times as long makes its callers give up.
const GIVEN_UP: f64 = 1.5;
/// How much of a caller's failures callees account for at most that are late, and do not fail.
const FAILS_FOR_LATE: f64 = 0.8;
/// How much of a caller's failures a callee accounts for that its calls do not reach.
const FAILS_FOR_LOST: f64 = 0.95;

impl<'a> Strains<'a> {
    /// Answers late by more than the callees are late.
    pub(super) fn latency(&self, entity: &EntityRef, unit: &Unit<'a>, ties: &Ties<'_>) -> Option<Suspect> {
        let signal = unit
            .worst(Strain::Latency)
            .filter(|signal| signal.score >= NOTABLE)?;
        let own = unit.lateness();
        if own.is_empty() {
            return None;
        }
        let part = self.own_lateness(entity, &own, ties);
        // Who gets more work than it can do is late of that, and whoever sends it accounts for it.
        let share = part.share * (1.0 - self.load_of(entity, ties).accounts_for());
        let mut candidate = Candidate::new(
            "latency_degradation",
            entity.clone(),
            format!("{entity} answers late by itself: {}", signal.statement()),
        )
        .clue("answers slow", strength(signal), all_of(unit, Strain::Latency))
        .clue(
            "slowness of its own",
            2.5 * share - 1.0,
            part.heaviest.into_iter().map(evidence).collect(),
        )
        .derived(0.8)
        .advise(Advice::new(
            format!("Look into what {entity} does during a request"),
            "The services that it calls do not account for its slowness",
        ));
        if self.calls_unmeasured(entity, Strain::Latency, ties) {
            candidate = candidate.unseen(UNMEASURED);
        }
        let mut suspect = part.suspect(candidate, signal);
        suspect.late = most_seconds(own.iter().map(|late| late.excess))
            .filter(|most| most.scale == Scale::Seconds)
            .map(|most| most.amount * part.share);
        Some(suspect)
    }

    /// Whether a unit calls somebody of whom it is not measured how things stand in this respect.
    fn calls_unmeasured(&self, entity: &EntityRef, by: Strain, ties: &Ties<'_>) -> bool {
        let mut callees = self.callees.get(entity).into_iter().flatten();
        callees.any(|callee| !ties.is_measured(by, callee))
    }

    /// Failures that the callees do not account for.
    pub(super) fn errors(&self, entity: &EntityRef, unit: &Unit<'a>, ties: &Ties<'_>) -> Option<Suspect> {
        let signal = unit
            .worst(Strain::Errors)
            .filter(|signal| signal.score >= NOTABLE)?;
        let part = self.own_failures(entity, unit, ties);
        let mut candidate = Candidate::new(
            "error_degradation",
            entity.clone(),
            format!("{entity} fails by itself: {}", signal.statement()),
        )
        .clue("requests fail", strength(signal), all_of(unit, Strain::Errors))
        .clue(
            "failures of its own",
            2.5 * part.share - 1.0,
            part.heaviest.into_iter().map(evidence).collect(),
        )
        .derived(0.8)
        .advise(Advice::new(
            format!("Look at the errors that {entity} logs"),
            "The services that it calls do not account for its failures",
        ));
        if self.calls_unmeasured(entity, Strain::Errors, ties) {
            candidate = candidate.unseen(UNMEASURED);
        }
        Some(part.suspect(candidate, signal))
    }

    /// Lateness is compared with that of the same statistic where a callee has it, otherwise with the largest on the scale. Of
    /// several statistics each counts by how far it is from what is usual.
    fn own_lateness(&self, entity: &EntityRef, own: &[Late<'a>], ties: &Ties<'_>) -> OwnPart<'a> {
        let inherited: Vec<Vec<Late<'a>>> = ties
            .callees(Strain::Latency, entity)
            .map(|callee| {
                let mut late = self.units.get(callee).map(Unit::lateness).unwrap_or_default();
                late.extend(self.late_calls(entity, callee));
                late
            })
            .collect();
        let mut parts = Parts::default();
        for mine in own {
            let of_callee = |late: &Vec<Late<'a>>| {
                let same = late
                    .iter()
                    .filter(|other| other.excess.scale == mine.excess.scale);
                let alike = most(
                    same.clone()
                        .filter(|other| other.statistic == mine.statistic)
                        .map(|l| l.excess),
                );
                alike.or_else(|| most(same.map(|other| other.excess)))
            };
            parts.add(mine.excess, most(inherited.iter().filter_map(of_callee)));
        }
        parts.finish(inherited.iter().flatten().map(|late| late.excess.signal).next())
    }

    /// What a caller sees of late calls.
    fn late_calls(&self, caller: &EntityRef, callee: &EntityRef) -> Vec<Late<'a>> {
        let signals = self.edges.get(&(caller.clone(), callee.clone()));
        let late = signals.into_iter().flatten().copied();
        late.filter(|signal| signal.harmful && signal.score >= NOTABLE)
            .filter_map(Late::of)
            .collect()
    }

    fn own_failures(&self, entity: &EntityRef, unit: &Unit<'a>, ties: &Ties<'_>) -> OwnPart<'a> {
        let failing: Vec<Excess<'a>> = ties
            .callees(Strain::Errors, entity)
            .filter_map(|callee| self.units.get(callee))
            .flat_map(|unit| unit.error_excess())
            .collect();
        let late = most_seconds(ties.callees(Strain::Latency, entity).flat_map(|callee| {
            let unit = self.units.get(callee).map(Unit::lateness).unwrap_or_default();
            let late = unit.into_iter().chain(self.late_calls(entity, callee));
            late.map(|late| late.excess)
                .filter(|excess| excess.signal.ratio > GIVEN_UP)
                .collect::<Vec<_>>()
        }));
        let lost = self.lost_calls(entity, ties);
        let mut parts = Parts::default();
        for mine in unit.error_excess() {
            let same = failing.iter().copied().filter(|other| other.scale == mine.scale);
            let with = |share: f64, signal: &'a Signal| Excess {
                amount: share * mine.amount,
                scale: mine.scale,
                signal,
            };
            let late = late.map(|late| with(FAILS_FOR_LATE, late.signal));
            let lost = lost.map(|(share, signal)| with(FAILS_FOR_LOST * share, signal));
            let inherited = most(same.chain(late).chain(lost));
            parts.add_alone(mine, inherited);
        }
        parts.finish(failing.first().map(|found| found.signal))
    }
}

/// The largest of those that are counted in seconds; where none is, the largest, whatever the others count.
fn most_seconds<'a>(all: impl Iterator<Item = Excess<'a>>) -> Option<Excess<'a>> {
    let in_order = |excess: &Excess<'_>| (excess.scale == Scale::Seconds, excess.amount);
    all.max_by(|a, b| {
        let (a, b) = (in_order(a), in_order(b));
        a.0.cmp(&b.0).then_with(|| a.1.total_cmp(&b.1))
    })
}

/// The largest of some on one scale.
fn most<'a>(all: impl Iterator<Item = Excess<'a>>) -> Option<Excess<'a>> {
    all.max_by(|a, b| a.amount.total_cmp(&b.amount))
}

/// Shares of several scales or statistics.
#[derive(Default)]
struct Parts<'a> {
    compared: Vec<(f64, f64, Option<&'a Signal>)>,
    /// Whether only the least of them counts.
    alone: bool,
}

impl<'a> Parts<'a> {
    fn add(&mut self, mine: Excess<'a>, inherited: Option<Excess<'a>>) {
        if let Some(inherited) = inherited {
            let share = if mine.amount > 0.0 {
                ((mine.amount - inherited.amount) / mine.amount).clamp(0.0, 1.0)
            } else {
                0.0
            };
            self.compared
                .push((share, mine.signal.score, Some(inherited.signal)));
        }
    }

    fn add_alone(&mut self, mine: Excess<'a>, inherited: Option<Excess<'a>>) {
        self.alone = true;
        self.add(mine, inherited);
    }

    /// `other` is trouble of a callee that could not be compared.
    fn finish(self, other: Option<&'a Signal>) -> OwnPart<'a> {
        let least = self.compared.iter().min_by(|a, b| a.0.total_cmp(&b.0));
        let Some(&(least, _, heaviest)) = least else {
            // Nobody that it calls is in such trouble, or in what way cannot be told.
            return OwnPart {
                share: if other.is_some() { 0.5 } else { 1.0 },
                heaviest: other,
                incomparable: other.is_some(),
            };
        };
        let weight: f64 = self.compared.iter().map(|(_, score, _)| score).sum();
        let sum: f64 = self.compared.iter().map(|(share, score, _)| share * score).sum();
        OwnPart {
            share: if self.alone || weight <= 0.0 {
                least
            } else {
                sum / weight
            },
            heaviest,
            incomparable: false,
        }
    }
}

/// How much of a unit's trouble is its own.
struct OwnPart<'a> {
    /// Share of it that the callees do not account for, 0 to 1.
    share: f64,
    /// The callee's signal that accounts for most.
    heaviest: Option<&'a Signal>,
    /// Whether callees are in trouble that cannot be compared.
    incomparable: bool,
}

impl OwnPart<'_> {
    fn suspect(&self, candidate: Candidate, signal: &Signal) -> Suspect {
        if self.incomparable {
            Suspect::new(candidate.unseen(INCOMPARABLE), 0.0, signal)
        } else {
            Suspect::new(candidate, self.share, signal)
        }
    }
}
