//! Which unit's metrics stand out by themselves, and not only because of the units that it calls.
//!
//! Latency and errors travel against the direction of calls: a caller waits for what it calls. A unit is suspected by how
//! much of its strain its callees do not account for (`own`), by strain on its resources, which does not travel, by work that
//! its callers do not send it or send it in vain (`traffic`), and by calls that take long on the way (`network`). Of those
//! that are late, the one that accounts for most of it is the likeliest, and what began at another time is none (`compare`).

mod calls;
mod compare;
mod network;
mod own;
mod ties;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_core::evidence::{Evidence, Source, SourceKind};
use claw_metrics::classify::{Measure, Unit as MetricUnit};
use claw_metrics::signal::Signal;

use self::ties::Ties;
use super::candidate::{Advice, Candidate};
use super::units::{Strain, Unit};

/// A signal below this many robust standard deviations does not make a suspect.
const NOTABLE: f64 = 4.0;
/// Signals of one kind of strain that a clue names at most.
const MAX_SIGNALS: usize = 24;

/// The evidence for a signal.
pub fn evidence(signal: &Signal) -> Evidence {
    Evidence::new(
        signal.entity.clone(),
        signal.onset,
        signal.statement(),
        Source::new(SourceKind::Metric, signal.source.clone()),
        "query_prometheus",
        format!("{}|{}|{}", signal.metric, signal.baseline, signal.observed).as_bytes(),
    )
}

/// The evidence for all of a unit's notable signals of one kind of strain, the strongest first: each alone would say the same.
fn all_of(unit: &Unit<'_>, strain: Strain) -> Vec<Evidence> {
    let signals = unit.strains.get(&strain).into_iter().flatten();
    let notable = signals.filter(|signal| signal.harmful && signal.score >= NOTABLE);
    notable.take(MAX_SIGNALS).map(|signal| evidence(signal)).collect()
}

/// A unit that stands out.
#[derive(Clone, Debug)]
pub struct Suspect {
    /// What its strain speaks for.
    pub candidate: Candidate,
    /// How much of the strain is the unit's own, 0 to 1: what neither the units that it calls nor the amount of work account
    /// for. 0 where that cannot be told.
    pub own: f64,
    /// By how many seconds answers are late of its own, where it is suspected for that.
    late: Option<f64>,
    /// The uncertainty of its onset, in seconds.
    uncertainty: f64,
}

impl Suspect {
    /// A suspect whose strain `signal` shows.
    fn new(candidate: Candidate, own: f64, signal: &Signal) -> Self {
        Self {
            candidate: candidate
                .since(signal.onset)
                .uncertain_by(signal.onset_uncertainty),
            own,
            late: None,
            uncertainty: signal.onset_uncertainty,
        }
    }
}

/// Signals, call edges and calls of one incident.
#[derive(Debug)]
pub struct Strains<'a> {
    /// By unit.
    pub units: BTreeMap<EntityRef, Unit<'a>>,
    /// By caller and called.
    pub edges: BTreeMap<(EntityRef, EntityRef), Vec<&'a Signal>>,
    /// Callees by caller.
    pub callees: BTreeMap<EntityRef, BTreeSet<EntityRef>>,
    /// Those of them of whom calls are counted, whether that moved or not.
    pub counted: BTreeMap<EntityRef, BTreeSet<EntityRef>>,
    /// Units with series, whether they moved or not, and what strain these would show.
    pub measured: BTreeSet<(EntityRef, Strain)>,
}

impl<'a> Strains<'a> {
    /// Units that stand out, each with the mechanism that its strongest own strain speaks for.
    pub fn suspects(&self) -> Vec<Suspect> {
        let ties = Ties::of(self);
        let mut entities: BTreeSet<&EntityRef> = self.units.keys().collect();
        entities.extend(self.edges.keys().flat_map(|(from, to)| [from, to]));
        let mut suspects: Vec<Suspect> = entities
            .into_iter()
            // What is measured of a namespace is the sum of what is in it.
            .filter(|entity| entity.kind != "Namespace")
            .flat_map(|entity| self.of_unit(entity, &ties))
            .collect();
        compare::lateness(&mut suspects, self, &ties);
        compare::beginnings(&mut suspects, self);
        suspects
    }

    fn of_unit(&self, entity: &EntityRef, ties: &Ties<'_>) -> Vec<Suspect> {
        let empty = Unit::default();
        let unit = self.units.get(entity).unwrap_or(&empty);
        [
            self.resources(entity, unit, ties),
            self.latency(entity, unit, ties),
            self.errors(entity, unit, ties),
            self.traffic(entity, unit, ties),
            self.floods(entity, unit, ties),
            self.network(entity, unit),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Processor, memory or storage under strain, and more so than the work explains.
    fn resources(&self, entity: &EntityRef, unit: &Unit<'a>, ties: &Ties<'_>) -> Option<Suspect> {
        const KINDS: [(Strain, &str, &str); 4] = [
            (Strain::Cpu, "cpu_contention", "processor time"),
            (Strain::Memory, "memory_pressure", "memory"),
            (Strain::Storage, "storage_pressure", "storage"),
            (Strain::Queue, "saturation", "queues or pools"),
        ];
        let surge = self.load_of(entity, ties).factor.max(1.0);
        let (_, strain, mechanism, what, signal) = KINDS
            .iter()
            .filter_map(|(strain, mechanism, what)| {
                let mut signals = unit.strains.get(strain)?.iter().copied();
                let signal =
                    signals.find(|signal| signal.harmful && !begins(signal) && !is_idle(entity, signal))?;
                if signal.score < NOTABLE {
                    return None;
                }
                // Growth in proportion to the work is no strain of its own.
                let beyond = (growth(signal) / surge).max(1.0).ln();
                Some((
                    strength(signal) * (0.4 + beyond.min(2.0)),
                    *strain,
                    *mechanism,
                    *what,
                    signal,
                ))
            })
            .max_by(|a, b| a.0.total_cmp(&b.0))?;
        let slow = unit
            .worst(Strain::Latency)
            .filter(|signal| signal.score >= NOTABLE);
        let beyond = (growth(signal) / surge).max(1.0);
        let mut candidate = Candidate::new(
            mechanism,
            entity.clone(),
            format!("{entity} is short of {what}: {}", signal.statement()),
        )
        .clue("resource under strain", strength(signal), all_of(unit, strain))
        .clue(
            "strain beyond the work",
            beyond.ln().min(2.0),
            vec![evidence(signal)],
        )
        .derived(0.3)
        .advise(Advice::new(
            format!("Give {entity} more {what}, or find what uses it up"),
            "Its own resources are under strain, and its work does not account for that",
        ));
        if slow.is_some() {
            candidate = candidate.clue(
                "answers slow at the same time",
                0.8,
                all_of(unit, Strain::Latency),
            );
        }
        Some(Suspect::new(candidate, 1.0 - 1.0 / beyond, signal))
    }
}

/// Whether an amount was nothing before: then something was started there, and is not short of anything for that.
fn begins(signal: &Signal) -> bool {
    let held = matches!(signal.classification.unit, MetricUnit::Bytes);
    held && signal.baseline == 0.0
}

/// Whether a node uses a part of one processor: no node has fewer, so that it is not short of them, however much more that is
/// than before.
fn is_idle(entity: &EntityRef, signal: &Signal) -> bool {
    const OF_ONE: f64 = 0.8;
    let cores = match signal.classification.unit {
        // Seconds of them in a second.
        MetricUnit::Cores | MetricUnit::Seconds if signal.measure == Measure::Cpu => signal.observed,
        MetricUnit::Millicores => signal.observed / 1000.0,
        _ => return false,
    };
    entity.kind == "Node" && cores < OF_ONE
}

/// How many times as much there is as before. From nothing, no number says that.
fn growth(signal: &Signal) -> f64 {
    if signal.baseline == 0.0 { 1.0 } else { signal.ratio }
}

/// Weight of a signal: grows with the logarithm of its distance from normal, 0.7 to 3.
fn strength(signal: &Signal) -> f64 {
    strength_of(signal.score)
}

/// The weight of a distance from normal.
fn strength_of(score: f64) -> f64 {
    (score / NOTABLE).max(1.0).ln().mul_add(0.9, 0.7).min(3.0)
}

#[cfg(test)]
mod tests;
