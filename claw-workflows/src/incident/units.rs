//! Signals by the unit that they are about: a service with its workload and pods is one unit.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_metrics::classify::{Measure, Stat};
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

    /// By how much answers are late, in the unit of the metric: the largest difference over comparable statistics.
    pub fn latency_excess(&self) -> Option<f64> {
        let signals = self.strains.get(&Strain::Latency)?;
        signals
            .iter()
            .filter(|signal| signal.harmful && signal.direction == Direction::Up && signal.peer.is_none())
            .filter(|signal| !matches!(signal.stat(), Stat::Min | Stat::Spread | Stat::Max))
            .map(|signal| signal.observed - signal.baseline)
            .max_by(f64::total_cmp)
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
