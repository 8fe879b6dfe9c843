//! A system of services: who calls whom, how often, and how long each works by itself.

use std::collections::BTreeSet;

use super::flow::{Disturbance, states};
use crate::scenario::dice::Dice;

/// What a node is. Those behind the services are called and call nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Gateway,
    Balancer,
    Service,
    Function,
    Database,
    Cache,
    Queue,
}

impl Role {
    /// Seconds of own work, at least and at most.
    fn work(self) -> (f64, f64) {
        match self {
            Self::Gateway | Self::Balancer => (0.000_5, 0.004),
            Self::Service => (0.002, 0.08),
            Self::Function => (0.02, 0.3),
            Self::Database => (0.001, 0.03),
            Self::Cache | Self::Queue => (0.000_3, 0.002),
        }
    }

    /// Whether what runs there belongs to somebody else, who tells nothing of its processors and memory.
    pub(super) fn managed(self) -> bool {
        matches!(self, Self::Balancer | Self::Function | Self::Queue)
    }
}

/// A node that is called.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) role: Role,
    /// Seconds of own work on a request.
    pub(super) work: f64,
    /// Requests a second that arrive when all is well.
    pub(super) usual: f64,
    /// Requests a second that it can do.
    pub(super) capacity: f64,
    /// Share of requests that fail when all is well.
    pub(super) failing: f64,
    /// Whom it calls: positions behind its own.
    pub(super) calls: Vec<Call>,
}

/// Calls of one node to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) callee: usize,
    /// Calls for each request.
    pub(super) per_request: f64,
    /// Share of the callee's failures that the caller fails for.
    pub(super) passes: f64,
    /// Whether it is tried again after a failure.
    pub(super) retried: bool,
    /// Seconds after which the caller gives up.
    pub(super) patience: f64,
    /// Whether the caller waits for an answer.
    pub(super) waits: bool,
}

/// All nodes; the first one is where requests come in.
#[derive(Clone, Debug)]
pub(super) struct System {
    pub(super) nodes: Vec<Node>,
    /// Requests a second that come in.
    pub(super) rate: f64,
}

const FIRST: [&str; 20] = [
    "order", "basket", "profile", "rate", "route", "price", "stock", "ticket", "media", "geo", "credit",
    "mail", "feed", "search", "seat", "claim", "policy", "ledger", "menu", "trip",
];
const SECOND: [&str; 12] = [
    "", "-api", "-svc", "-core", "-worker", "-view", "-query", "-sync", "-rules", "-hub", "-edge", "-store",
];

impl System {
    /// A system of `size` nodes.
    pub(super) fn new(size: usize, dice: &mut Dice) -> Self {
        let behind = size / 4;
        let front = size - behind;
        let mut names = BTreeSet::new();
        let mut nodes: Vec<Node> = (0..size)
            .map(|place| {
                let role = role(place, front, dice);
                let (low, high) = role.work();
                Node {
                    name: name(role, &mut names, dice),
                    role,
                    work: dice.magnitude(low, high),
                    usual: 0.0,
                    capacity: 0.0,
                    failing: if dice.chance(0.5) {
                        0.0
                    } else {
                        dice.magnitude(1e-4, 4e-3)
                    },
                    calls: Vec::new(),
                }
            })
            .collect();
        for callee in 1..front {
            // Half of the callers are near, so that chains get long.
            let near = callee.saturating_sub(1 + dice.index(4));
            let first = if dice.chance(0.5) {
                near
            } else {
                dice.index(callee)
            };
            let mut callers = BTreeSet::from([first]);
            if dice.chance(0.3) {
                callers.insert(dice.index(callee));
            }
            for caller in callers {
                connect(&mut nodes, caller, callee, dice);
            }
        }
        for callee in front..size {
            // One in three is shared by several.
            let callers = if dice.chance(0.35) { 2 + dice.index(4) } else { 1 };
            let callers: BTreeSet<usize> = (0..callers).map(|_| 1 + dice.index(front - 1)).collect();
            for caller in callers {
                connect(&mut nodes, caller, callee, dice);
            }
        }
        let mut system = Self {
            nodes,
            rate: dice.magnitude(0.5, 200.0),
        };
        system.provision(dice);
        system.lose_patience(dice);
        system
    }

    /// Callers give up where an answer takes many times as long as it usually does.
    fn lose_patience(&mut self, dice: &mut Dice) {
        let usual = states(self, self.rate, usize::MAX, Disturbance::default());
        for call in self.nodes.iter_mut().flat_map(|node| &mut node.calls) {
            let latency = usual.get(call.callee).map_or(0.0, |state| state.latency);
            call.patience = dice.magnitude(0.5, 20.0).max(latency * dice.between(4.0, 10.0));
        }
    }

    /// Gives every node room for what usually arrives.
    fn provision(&mut self, dice: &mut Dice) {
        let mut rates = vec![0.0; self.nodes.len()];
        if let Some(first) = rates.first_mut() {
            *first = self.rate;
        }
        for (place, node) in self.nodes.iter_mut().enumerate() {
            let rate = rates.get(place).copied().unwrap_or(0.0);
            node.usual = rate;
            node.capacity = rate.max(0.01) / dice.between(0.15, 0.6);
            for call in &mut node.calls {
                if let Some(sum) = rates.get_mut(call.callee) {
                    *sum += rate * call.per_request;
                }
            }
        }
    }
}

fn role(place: usize, front: usize, dice: &mut Dice) -> Role {
    match place {
        0 => Role::Gateway,
        1 if dice.chance(0.4) => Role::Balancer,
        _ if place < front && dice.chance(0.15) => Role::Function,
        _ if place < front => Role::Service,
        _ => match dice.below(5) {
            0..=2 => Role::Database,
            3 => Role::Cache,
            _ => Role::Queue,
        },
    }
}

fn name(role: Role, taken: &mut BTreeSet<String>, dice: &mut Dice) -> String {
    loop {
        let first = dice.pick(&FIRST).copied().unwrap_or_default();
        let second = dice.pick(&SECOND).copied().unwrap_or_default();
        let name = match role {
            Role::Database => format!("{first}{second}-db"),
            Role::Cache => format!("{first}{second}-cache"),
            Role::Queue => format!("{first}{second}-events"),
            _ => format!("{first}{second}"),
        };
        let name = if taken.contains(&name) {
            format!("{name}-{}", dice.hash(2))
        } else {
            name
        };
        if taken.insert(name.clone()) {
            return name;
        }
    }
}

fn connect(nodes: &mut [Node], caller: usize, callee: usize, dice: &mut Dice) {
    let waits = nodes.get(callee).is_none_or(|node| node.role != Role::Queue);
    let Some(node) = nodes.get_mut(caller) else { return };
    let per_request = match dice.below(10) {
        0..=4 => 1.0,
        5..=8 => dice.between(0.15, 0.9),
        _ => dice.between(1.0, 2.5),
    };
    node.calls.push(Call {
        callee,
        per_request,
        passes: if dice.chance(0.3) {
            dice.between(0.2, 0.7)
        } else {
            1.0
        },
        retried: dice.chance(0.3),
        patience: f64::INFINITY,
        waits,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_usually_arrives_is_what_arrives_when_all_is_well() {
        let system = System::new(40, &mut Dice::new(11));
        let states = states(&system, system.rate, usize::MAX, Disturbance::default());
        for (node, state) in system.nodes.iter().zip(&states) {
            // Some calls fail even then, and are tried again.
            let near = (0.97..1.2).contains(&(state.rate / node.usual));
            assert!(
                near || node.usual == 0.0,
                "{}: {} {}",
                node.name,
                state.rate,
                node.usual
            );
        }
    }
}
