//! Which unit's metrics stand out by themselves, and not only because of the units that it calls.
//!
//! Latency and errors travel against the direction of calls: a caller waits for what it calls. A unit is suspected by how
//! much of its strain its callees do not account for, and by strain on its resources, which does not travel.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_core::evidence::{Evidence, Source, SourceKind};
use claw_metrics::classify::Unit as MetricUnit;
use claw_metrics::signal::{Direction, Signal};

use super::candidate::{Advice, Candidate};
use super::units::{Excess, Scale, Strain, Unit};

/// A signal below this many robust standard deviations does not make a suspect.
const NOTABLE: f64 = 4.0;
/// Said of a unit whose callees are in the same kind of trouble, measured in another way.
const INCOMPARABLE: &str =
    "how much of its trouble comes from the services that it calls: they are measured in other units";
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
}

impl<'a> Strains<'a> {
    /// Units that stand out, each with the mechanism that its strongest own strain speaks for.
    pub fn suspects(&self) -> Vec<Suspect> {
        let mut entities: BTreeSet<&EntityRef> = self.units.keys().collect();
        entities.extend(self.edges.keys().flat_map(|(from, to)| [from, to]));
        entities
            .into_iter()
            .flat_map(|entity| self.of_unit(entity))
            .collect()
    }

    fn of_unit(&self, entity: &EntityRef) -> Vec<Suspect> {
        let empty = Unit::default();
        let unit = self.units.get(entity).unwrap_or(&empty);
        [
            self.resources(entity, unit),
            self.latency(entity, unit),
            self.errors(entity, unit),
            self.network(entity, unit),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Processor, memory or storage under strain, and more so than the work explains.
    fn resources(&self, entity: &EntityRef, unit: &Unit<'a>) -> Option<Suspect> {
        const KINDS: [(Strain, &str, &str); 4] = [
            (Strain::Cpu, "cpu_contention", "processor time"),
            (Strain::Memory, "memory_pressure", "memory"),
            (Strain::Storage, "storage_pressure", "storage"),
            (Strain::Queue, "saturation", "queues or pools"),
        ];
        let surge = unit
            .strongest(Strain::Traffic)
            .filter(|signal| signal.direction == Direction::Up && signal.score >= NOTABLE)
            .map_or(1.0, |signal| signal.ratio);
        let (_, strain, mechanism, what, signal) = KINDS
            .iter()
            .filter_map(|(strain, mechanism, what)| {
                let mut signals = unit.strains.get(strain)?.iter().copied();
                let signal = signals.find(|signal| signal.harmful && !begins(signal))?;
                if signal.score < NOTABLE {
                    return None;
                }
                // Growth in proportion to the work is no strain of its own.
                let beyond = (growth(signal) / surge.max(1.0)).max(1.0).ln();
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
        let beyond = (growth(signal) / surge.max(1.0)).max(1.0);
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
        .since(signal.onset)
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
        Some(Suspect {
            candidate,
            own: 1.0 - 1.0 / beyond,
        })
    }

    /// Answers late by more than the callees are late.
    fn latency(&self, entity: &EntityRef, unit: &Unit<'a>) -> Option<Suspect> {
        let signal = unit
            .worst(Strain::Latency)
            .filter(|signal| signal.score >= NOTABLE)?;
        let own = unit.latency_excess();
        if own.is_empty() {
            return None;
        }
        let part = self.own_part(entity, &own, |unit| unit.latency_excess());
        let mut candidate = Candidate::new(
            "latency_degradation",
            entity.clone(),
            format!("{entity} answers late by itself: {}", signal.statement()),
        )
        .clue("answers slow", strength(signal), all_of(unit, Strain::Latency))
        .clue(
            "slowness of its own",
            2.5 * part.share - 1.0,
            part.heaviest.into_iter().map(evidence).collect(),
        )
        .since(signal.onset)
        .derived(0.8)
        .advise(Advice::new(
            format!("Look into what {entity} does during a request"),
            "The services that it calls do not account for its slowness",
        ));
        if self
            .callees
            .get(entity)
            .is_some_and(|callees| callees.iter().any(|callee| !self.units.contains_key(callee)))
        {
            candidate = candidate.unseen("metrics of some services that it calls");
        }
        if part.incomparable {
            candidate = candidate.unseen(INCOMPARABLE);
        }
        Some(part.suspect(candidate))
    }

    /// Failures that the callees do not account for.
    fn errors(&self, entity: &EntityRef, unit: &Unit<'a>) -> Option<Suspect> {
        let signal = unit
            .worst(Strain::Errors)
            .filter(|signal| signal.score >= NOTABLE)?;
        let own = unit.error_excess();
        let part = self.own_part(entity, &own, |unit| unit.error_excess());
        let candidate = Candidate::new(
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
        .since(signal.onset)
        .derived(0.8)
        .advise(Advice::new(
            format!("Look at the errors that {entity} logs"),
            "The services that it calls do not account for its failures",
        ));
        Some(part.suspect(if part.incomparable {
            candidate.unseen(INCOMPARABLE)
        } else {
            candidate
        }))
    }

    /// Slow or lossy on the way: callers see it late, or packets are lost, and the unit itself is not slow.
    fn network(&self, entity: &EntityRef, unit: &Unit<'a>) -> Option<Suspect> {
        let lossy = unit
            .worst(Strain::Network)
            .filter(|signal| signal.score >= NOTABLE);
        let touching: Vec<&Signal> = self
            .edges
            .iter()
            .filter(|((from, to), _)| from == entity || to == entity)
            .flat_map(|(_, signals)| signals.iter().copied())
            .filter(|signal| signal.harmful && signal.score >= NOTABLE)
            .collect();
        let all = self
            .edges
            .keys()
            .filter(|(from, to)| from == entity || to == entity)
            .count();
        let strained: BTreeSet<&EntityRef> = touching
            .iter()
            .flat_map(|signal| std::iter::once(&signal.entity).chain(&signal.peer))
            .collect();
        let worst = touching
            .iter()
            .copied()
            .max_by(|a, b| a.score.total_cmp(&b.score))
            .or(lossy)?;
        let own_latency = unit.worst(Strain::Latency).map_or(0.0, |signal| signal.score);
        let mut candidate = Candidate::new(
            "network_degradation",
            entity.clone(),
            format!(
                "the network of {entity} is slow or loses packets: {}",
                worst.statement()
            ),
        )
        .clue(
            "calls slow on the way",
            strength(worst),
            touching
                .iter()
                .copied()
                .chain(lossy)
                .take(4)
                .map(evidence)
                .collect(),
        )
        .since(worst.onset)
        .derived(0.5)
        .advise(Advice::new(
            format!("Check the network of the node and pod of {entity}"),
            "Calls from and to it are late although the services at the ends are not",
        ));
        if all > 1 {
            // A fault of one end shows on most of its edges; a fault of the other end on just one of them.
            let share = touching.len() as f64 / all as f64;
            candidate = candidate.clue(
                "share of its calls affected",
                2.0 * share.min(1.0) - 1.0,
                Vec::new(),
            );
        }
        if own_latency >= NOTABLE && strained.len() <= 2 {
            candidate = candidate.clue("slow by itself as well", -0.3, Vec::new());
        }
        Some(Suspect { candidate, own: 0.0 })
    }

    /// How much of a unit's trouble its callees do not account for. Amounts are compared on the same scale only; of several
    /// scales the one counts on which the callees account for most.
    fn own_part(
        &self,
        entity: &EntityRef,
        own: &BTreeMap<Scale, Excess<'_>>,
        excess: impl Fn(&Unit<'a>) -> BTreeMap<Scale, Excess<'a>>,
    ) -> OwnPart<'a> {
        let mut heaviest: BTreeMap<Scale, Excess<'a>> = BTreeMap::new();
        let callees = self.callees.get(entity).into_iter().flatten();
        for (scale, found) in callees
            .filter_map(|callee| self.units.get(callee))
            .flat_map(excess)
        {
            heaviest
                .entry(scale)
                .and_modify(|known| {
                    if known.amount < found.amount {
                        *known = found;
                    }
                })
                .or_insert(found);
        }
        let compared = own.iter().filter_map(|(scale, own)| {
            let inherited = heaviest.get(scale)?;
            let share = if own.amount > 0.0 {
                ((own.amount - inherited.amount) / own.amount).clamp(0.0, 1.0)
            } else {
                0.0
            };
            Some((share, inherited.signal))
        });
        match compared.min_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((share, signal)) => OwnPart {
                share,
                heaviest: Some(signal),
                incomparable: false,
            },
            // Nobody that it calls is in such trouble.
            None if heaviest.is_empty() => OwnPart {
                share: 1.0,
                heaviest: None,
                incomparable: false,
            },
            None => OwnPart {
                share: 0.5,
                heaviest: heaviest.values().next().map(|found| found.signal),
                incomparable: true,
            },
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
    fn suspect(&self, candidate: Candidate) -> Suspect {
        Suspect {
            candidate,
            own: if self.incomparable { 0.0 } else { self.share },
        }
    }
}

/// Whether an amount was nothing before: then something was started there, and is not short of anything for that.
fn begins(signal: &Signal) -> bool {
    let held = matches!(signal.classification.unit, MetricUnit::Bytes);
    held && signal.baseline == 0.0
}

/// How many times as much there is as before. From nothing, no number says that.
fn growth(signal: &Signal) -> f64 {
    if signal.baseline == 0.0 { 1.0 } else { signal.ratio }
}

/// Weight of a signal: grows with the logarithm of its distance from normal, 0.7 to 3.
fn strength(signal: &Signal) -> f64 {
    (signal.score / NOTABLE).max(1.0).ln().mul_add(0.9, 0.7).min(3.0)
}

#[cfg(test)]
mod tests;
