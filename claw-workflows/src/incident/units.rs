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
    strain_of(signal.measure)
}

/// The strain that a measure shows.
pub fn strain_of(measure: Measure) -> Strain {
    match measure {
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
    /// In what it is counted.
    pub scale: Scale,
    /// What shows it.
    pub signal: &'a Signal,
}

impl<'a> Excess<'a> {
    /// The difference that a signal shows; `None` where it is no number.
    pub fn of(signal: &'a Signal) -> Option<Self> {
        let (scale, factor) = Scale::of(signal);
        let amount = (signal.observed - signal.baseline).abs() * factor;
        amount.is_finite().then_some(Self {
            amount,
            scale,
            signal,
        })
    }
}

/// What a number says of many requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Statistic {
    /// A quantile, in thousandths.
    Quantile(u32),
    /// Their mean.
    Mean,
    /// Something else, or what it is is not told.
    Other,
}

/// By how much one statistic of latency is late.
#[derive(Clone, Copy, Debug)]
pub struct Late<'a> {
    /// Which one: means are compared with means.
    pub statistic: Statistic,
    /// By how much.
    pub excess: Excess<'a>,
}

impl<'a> Late<'a> {
    /// `None` for what is not late, and for statistics of single requests.
    pub fn of(signal: &'a Signal) -> Option<Self> {
        let statistic = match signal.stat() {
            Stat::Min | Stat::Spread | Stat::Max => return None,
            Stat::Quantile(quantile) => Statistic::Quantile((quantile * 1000.0) as u32),
            Stat::Mean => Statistic::Mean,
            _ => Statistic::Other,
        };
        let late = signal.measure == Measure::Latency && signal.direction == Direction::Up && signal.harmful;
        let excess = Excess::of(signal).filter(|_| late)?;
        Some(Self { statistic, excess })
    }
}

/// How often something was asked, before and now.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Per second, or in whatever its series count in.
    pub before: f64,
    /// The same in the incident.
    pub now: f64,
    /// The strongest series that shows it.
    pub signal: &'a Signal,
}

impl<'a> Asked<'a> {
    /// What the changed series of work among `signals` come to: those of one metric together, for each pod, method and outcome
    /// has its own. Of several metrics the one that counts most.
    pub fn of(signals: &[&'a Signal], notable: f64) -> Option<Self> {
        let mut by_metric: BTreeMap<&str, Self> = BTreeMap::new();
        let counted = signals.iter().copied().filter(|signal| {
            strain(signal) == Strain::Traffic && signal.score >= notable && signal.baseline > 0.0
        });
        for signal in counted {
            let name = signal.metric.split('{').next().unwrap_or_default();
            let one = Self {
                before: signal.baseline,
                now: signal.observed,
                signal,
            };
            by_metric
                .entry(name)
                .and_modify(|sum| {
                    sum.before += one.before;
                    sum.now += one.now;
                    if signal.score > sum.signal.score {
                        sum.signal = signal;
                    }
                })
                .or_insert(one);
        }
        by_metric.into_values().max_by(|a, b| a.now.total_cmp(&b.now))
    }

    /// By what factor that grew.
    pub fn factor(&self) -> f64 {
        self.now / self.before
    }

    /// How much more that is.
    pub fn more(&self) -> f64 {
        self.now - self.before
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

    /// How much work it got, as far as that changed.
    pub fn asked(&self) -> Option<Asked<'a>> {
        Asked::of(self.strains.get(&Strain::Traffic)?, 0.0)
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

    /// By how much answers are late: the largest difference of each statistic and scale.
    pub fn lateness(&self) -> Vec<Late<'a>> {
        let signals = self.strains.get(&Strain::Latency).into_iter().flatten();
        let mut largest: BTreeMap<(Scale, Statistic), Late<'a>> = BTreeMap::new();
        for late in signals.filter_map(|signal| Late::of(signal)) {
            let known = largest.entry((late.excess.scale, late.statistic)).or_insert(late);
            if known.excess.amount < late.excess.amount {
                *known = late;
            }
        }
        largest.into_values().collect()
    }

    /// By how much more work fails: the largest difference of each scale.
    pub fn error_excess(&self) -> Vec<Excess<'a>> {
        let signals = self.strains.get(&Strain::Errors).into_iter().flatten();
        let mut largest: BTreeMap<Scale, Excess<'a>> = BTreeMap::new();
        for found in signals
            .filter(|signal| signal.harmful)
            .filter_map(|signal| Excess::of(signal))
        {
            let known = largest.entry(found.scale).or_insert(found);
            if known.amount < found.amount {
                *known = found;
            }
        }
        largest.into_values().collect()
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
