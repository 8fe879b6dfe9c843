//! Signals by the unit that they are about: a service with its workload and pods is one unit.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_metrics::classify::{Kind, Measure, Stat, Unit as MetricUnit};
use claw_metrics::signal::{Direction, Signal};
use jiff::Timestamp;

/// Groups of measures that mean the same thing to a unit's users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Strain {
    /// Answers come late.
    Latency,
    /// Answers are wrong or missing.
    Errors,
    /// More or less work arrives.
    Traffic,
    /// Processor time is used up or withheld.
    Cpu,
    /// Memory is used up.
    Memory,
    /// Packets are lost, late or repeated.
    Network,
    /// Storage is full or slow.
    Storage,
    /// Work waits, pools and handles are used up.
    Queue,
    /// Instances go away or start again.
    Instances,
    /// Anything else.
    Other,
}

/// The strain that a signal shows.
pub fn strain(signal: &Signal) -> Strain {
    match signal.measure {
        Measure::Latency => Strain::Latency,
        Measure::Errors | Measure::Availability => Strain::Errors,
        Measure::Traffic => Strain::Traffic,
        Measure::Cpu | Measure::CpuThrottling | Measure::Pauses => Strain::Cpu,
        Measure::Memory | Measure::OutOfMemory => Strain::Memory,
        Measure::Network | Measure::NetworkErrors => Strain::Network,
        Measure::Disk | Measure::DiskIo => Strain::Storage,
        Measure::Queue
        | Measure::Connections
        | Measure::Saturation
        | Measure::Handles
        | Measure::CacheHits
        | Measure::Evictions => Strain::Queue,
        Measure::Restarts | Measure::Replicas => Strain::Instances,
        _ => Strain::Other,
    }
}

/// In what a difference is counted. Only differences of the same scale can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scale {
    /// Seconds.
    Seconds,
    /// Share of a whole.
    Share,
    /// Events per second.
    PerSecond,
    /// A number of things.
    Count,
    /// Whatever the metric counts in: its name does not tell.
    Untold,
}

impl Scale {
    /// The scale of a signal's values, and what they are multiplied with to be on it.
    fn of(signal: &Signal) -> (Self, f64) {
        let unit = signal.classification.unit;
        if signal.classification.kind == Kind::Counter {
            // Counters count as rates.
            return match unit {
                MetricUnit::PerMinute => (Self::PerSecond, 1.0 / 60.0),
                _ => (Self::PerSecond, 1.0),
            };
        }
        match unit {
            MetricUnit::Seconds => (Self::Seconds, 1.0),
            MetricUnit::Milliseconds => (Self::Seconds, 1e-3),
            MetricUnit::Microseconds => (Self::Seconds, 1e-6),
            MetricUnit::Nanoseconds => (Self::Seconds, 1e-9),
            MetricUnit::Ratio => (Self::Share, 1.0),
            MetricUnit::Percent => (Self::Share, 1e-2),
            MetricUnit::PerSecond => (Self::PerSecond, 1.0),
            MetricUnit::PerMinute => (Self::PerSecond, 1.0 / 60.0),
            MetricUnit::Count => (Self::Count, 1.0),
            _ => (Self::Untold, 1.0),
        }
    }
}

/// A difference from what is usual.
#[derive(Clone, Copy, Debug)]
pub struct Excess<'a> {
    /// How large it is, in its scale.
    pub amount: f64,
    /// What shows it.
    pub signal: &'a Signal,
}

/// What the metrics say of one unit.
#[derive(Clone, Debug, Default)]
pub struct Unit<'a> {
    /// Signals by strain, the strongest first.
    pub strains: BTreeMap<Strain, Vec<&'a Signal>>,
}

impl<'a> Unit<'a> {
    /// The strongest signal of a strain in its harmful direction.
    pub fn worst(&self, strain: Strain) -> Option<&'a Signal> {
        self.strains
            .get(&strain)?
            .iter()
            .copied()
            .find(|signal| signal.harmful)
    }

    /// The strongest signal of a strain in any direction.
    pub fn strongest(&self, strain: Strain) -> Option<&'a Signal> {
        self.strains.get(&strain)?.first().copied()
    }

    /// When its first harmful signal began.
    pub fn onset(&self) -> Option<Timestamp> {
        self.strains
            .values()
            .flatten()
            .filter(|signal| signal.harmful)
            .filter_map(|signal| signal.onset)
            .min()
    }

    /// By how much answers are late, by scale: the largest difference over comparable statistics, with its signal.
    pub fn latency_excess(&self) -> BTreeMap<Scale, Excess<'a>> {
        let late = |signal: &Signal| {
            signal.direction == Direction::Up
                && signal.peer.is_none()
                && !matches!(signal.stat(), Stat::Min | Stat::Spread | Stat::Max)
        };
        self.excess(Strain::Latency, late)
    }

    /// By how much more work fails, by scale: the largest difference, with its signal.
    pub fn error_excess(&self) -> BTreeMap<Scale, Excess<'a>> {
        self.excess(Strain::Errors, |_| true)
    }

    fn excess(&self, strain: Strain, counts: impl Fn(&Signal) -> bool) -> BTreeMap<Scale, Excess<'a>> {
        let mut largest: BTreeMap<Scale, Excess<'a>> = BTreeMap::new();
        for &signal in self.strains.get(&strain).into_iter().flatten() {
            if !signal.harmful || !counts(signal) {
                continue;
            }
            let (scale, factor) = Scale::of(signal);
            let amount = (signal.observed - signal.baseline).abs() * factor;
            if !amount.is_finite() {
                continue;
            }
            let found = Excess { amount, signal };
            largest
                .entry(scale)
                .and_modify(|known| {
                    if known.amount < amount {
                        *known = found;
                    }
                })
                .or_insert(found);
        }
        largest
    }
}

/// Units by entity; signals of call edges are left out (see [`edges`]).
pub fn units<'a>(
    signals: &'a [Signal],
    unit_of: &dyn Fn(&EntityRef) -> EntityRef,
) -> BTreeMap<EntityRef, Unit<'a>> {
    let mut units: BTreeMap<EntityRef, Unit<'a>> = BTreeMap::new();
    for signal in signals.iter().filter(|signal| signal.peer.is_none()) {
        let unit = units.entry(unit_of(&signal.entity)).or_default();
        unit.strains.entry(strain(signal)).or_default().push(signal);
    }
    for unit in units.values_mut() {
        for signals in unit.strains.values_mut() {
            signals.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.metric.cmp(&b.metric)));
        }
    }
    units
}

/// Signals of call edges by caller and called.
pub fn edges<'a>(
    signals: &'a [Signal],
    unit_of: &dyn Fn(&EntityRef) -> EntityRef,
) -> BTreeMap<(EntityRef, EntityRef), Vec<&'a Signal>> {
    let mut edges: BTreeMap<(EntityRef, EntityRef), Vec<&'a Signal>> = BTreeMap::new();
    for signal in signals {
        if let Some(peer) = &signal.peer {
            edges
                .entry((unit_of(&signal.entity), unit_of(peer)))
                .or_default()
                .push(signal);
        }
    }
    edges
}

/// Callees by caller, over units.
pub fn callees(
    calls: impl IntoIterator<Item = (EntityRef, EntityRef)>,
    unit_of: &dyn Fn(&EntityRef) -> EntityRef,
) -> BTreeMap<EntityRef, BTreeSet<EntityRef>> {
    let mut callees: BTreeMap<EntityRef, BTreeSet<EntityRef>> = BTreeMap::new();
    for (caller, callee) in calls {
        let (caller, callee) = (unit_of(&caller), unit_of(&callee));
        if caller != callee {
            callees.entry(caller).or_default().insert(callee);
        }
    }
    callees
}
