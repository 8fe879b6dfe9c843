//! What goes wrong, where, and how far it is felt.

use std::collections::BTreeSet;

use super::flow::{Disturbance, State, states};
use super::system::{Role, System};
use crate::scenario::dice::Dice;

/// Kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Own work, or the way to it, takes longer.
    Latency,
    /// Requests fail, at once or after the usual time.
    Errors,
    /// Processor time is short.
    Cpu,
    /// Memory is short.
    Memory,
    /// More requests arrive than usual, or calls are refused.
    Load,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Latency, Self::Errors, Self::Cpu, Self::Memory, Self::Load];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Errors => "errors",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Load => "load",
        }
    }

    /// Ids of the mechanisms that say what it does to a service, as far as metrics tell: who works more slowly has more to do
    /// at a time, and who has too little memory or processor time is slow and fails.
    pub fn mechanisms(self) -> &'static [&'static str] {
        match self {
            Self::Latency => &["latency_degradation", "network_degradation", "saturation"],
            Self::Errors => &["error_degradation"],
            Self::Cpu => &["cpu_contention", "saturation", "latency_degradation"],
            Self::Memory => &["memory_pressure", "latency_degradation", "error_degradation"],
            Self::Load => &["traffic_surge", "traffic_loss", "saturation", "error_degradation"],
        }
    }
}

/// A fault at a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Root {
    pub(super) at: usize,
    pub(super) fault: Fault,
    pub(super) disturbance: Disturbance,
    /// Where it is felt enough to alert somebody.
    pub(super) alerting: usize,
}

/// A fault of this kind that is felt where requests come in, or somewhere on the way there.
pub(super) fn root(system: &System, fault: Fault, edges: bool, dice: &mut Dice) -> Option<Root> {
    let usual = states(system, system.rate, usize::MAX, Disturbance::default());
    (0..400).find_map(|_| {
        let at = 1 + dice.index(system.nodes.len() - 1);
        let node = system.nodes.get(at)?;
        let fits = match fault {
            Fault::Cpu | Fault::Memory => !node.role.managed() && node.role != Role::Gateway,
            _ => true,
        };
        let busy = usual.get(at)?.rate > 0.02;
        if !fits || !busy {
            return None;
        }
        let disturbance = disturbance(fault, node.work, edges, dice);
        let disturbed = states(system, system.rate, at, disturbance);
        let alerting = alerting(system, at, &usual, &disturbed, dice)?;
        Some(Root {
            at,
            fault,
            disturbance,
            alerting,
        })
    })
}

fn disturbance(fault: Fault, work: f64, edges: bool, dice: &mut Dice) -> Disturbance {
    let mut found = Disturbance::default();
    match fault {
        // Only who sees both ends of a call can tell the way from the work.
        Fault::Latency if edges && dice.chance(0.4) => found.on_the_way = dice.magnitude(0.02, 0.6),
        Fault::Latency => found.slower = 1.0 + dice.magnitude(0.03, 1.0) / work,
        Fault::Errors => {
            found.failing = dice.magnitude(0.05, 0.9);
            found.at_once = dice.chance(0.6);
        }
        Fault::Cpu => found.slower = dice.magnitude(2.0, 12.0),
        Fault::Memory => {
            found.slower = dice.magnitude(1.5, 8.0);
            found.failing = if dice.chance(0.4) {
                dice.between(0.02, 0.2)
            } else {
                0.0
            };
        }
        Fault::Load if dice.chance(0.5) => found.extra = dice.between(1.2, 3.0),
        Fault::Load => found.refused = dice.between(0.4, 0.95),
    }
    found
}

/// The entry if it feels the trouble, otherwise now and then a caller on the way.
fn alerting(
    system: &System,
    at: usize,
    usual: &[State],
    disturbed: &[State],
    dice: &mut Dice,
) -> Option<usize> {
    let feels = |place: usize| {
        let (Some(before), Some(now)) = (usual.get(place), disturbed.get(place)) else {
            return false;
        };
        now.latency > 1.35 * before.latency.max(0.001) || now.failing > before.failing + 0.02
    };
    if feels(0) {
        return Some(0);
    }
    let callers = callers(system, at);
    let felt: Vec<usize> = callers
        .into_iter()
        .filter(|place| *place != at && feels(*place))
        .collect();
    dice.chance(0.05).then(|| felt.first().copied()).flatten()
}

/// Everything that calls a node, directly or not, and the node.
pub(super) fn callers(system: &System, at: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::from([at]);
    for (place, node) in system.nodes.iter().enumerate().rev() {
        if node.calls.iter().any(|call| found.contains(&call.callee)) {
            found.insert(place);
        }
    }
    found
}
