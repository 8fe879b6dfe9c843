//! How load, slowness and failures travel through a system: load with the calls, the rest against them.

use super::system::{Call, System};

/// What is otherwise than usual at one node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Disturbance {
    /// Own work takes so many times as long.
    pub(super) slower: f64,
    /// Seconds that pass on the way of every call to it.
    pub(super) on_the_way: f64,
    /// Share of its requests that fail by itself.
    pub(super) failing: f64,
    /// Whether those fail at once, before it has worked or called anybody.
    pub(super) at_once: bool,
    /// Share of calls to it that are refused before they arrive.
    pub(super) refused: f64,
    /// Requests of somebody else, as a multiple of those that usually arrive.
    pub(super) extra: f64,
}

impl Default for Disturbance {
    fn default() -> Self {
        Self {
            slower: 1.0,
            on_the_way: 0.0,
            failing: 0.0,
            at_once: false,
            refused: 0.0,
            extra: 0.0,
        }
    }
}

/// What is measured of one node at one time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    /// Requests a second.
    pub(super) rate: f64,
    /// Mean seconds of a request.
    pub(super) latency: f64,
    /// Share of requests that fail.
    pub(super) failing: f64,
    /// Use of what it can do, 0 to 1.
    pub(super) used: f64,
}

/// What a caller sees of one of its calls.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) latency: f64,
    pub(super) failing: f64,
}

/// The state of all nodes when `rate` requests a second come in and the node at `at` is disturbed.
pub(super) fn states(system: &System, rate: f64, at: usize, disturbance: Disturbance) -> Vec<State> {
    let mut states = vec![State::default(); system.nodes.len()];
    // Retries depend on failures, which depend on load: after three rounds little changes.
    for _ in 0..3 {
        load(system, rate, at, disturbance, &mut states);
        answer(system, at, disturbance, &mut states);
    }
    states
}

fn load(system: &System, rate: f64, at: usize, disturbance: Disturbance, states: &mut [State]) {
    let mut rates = vec![0.0; states.len()];
    if let Some(first) = rates.first_mut() {
        *first = rate;
    }
    for (place, node) in system.nodes.iter().enumerate() {
        let here = place == at;
        let mut arriving: f64 = rates.get(place).copied().unwrap_or(0.0);
        if here {
            arriving = arriving * (1.0 - disturbance.refused) + disturbance.extra * node.usual;
        }
        let works = match here && disturbance.at_once {
            true => 1.0 - disturbance.failing,
            false => 1.0,
        };
        for call in &node.calls {
            let seen = seen(call, at, disturbance, states);
            let again = if call.retried { seen.failing } else { 0.0 };
            if let Some(sum) = rates.get_mut(call.callee) {
                *sum += arriving * works * call.per_request * (1.0 + again);
            }
        }
        if let Some(state) = states.get_mut(place) {
            state.rate = arriving;
            state.used = (arriving / node.capacity.max(1e-9)).min(0.97);
        }
    }
}

fn answer(system: &System, at: usize, disturbance: Disturbance, states: &mut [State]) {
    for (place, node) in system.nodes.iter().enumerate().rev() {
        let here = if place == at {
            disturbance
        } else {
            Disturbance::default()
        };
        let used = states.get(place).map_or(0.0, |state| state.used);
        let mut latency = node.work * here.slower / (1.0 - used);
        let mut well = 1.0 - node.failing;
        for call in &node.calls {
            let seen = seen(call, at, disturbance, states);
            if call.waits {
                latency += call.per_request * seen.latency;
                let failing = if call.retried {
                    seen.failing * seen.failing
                } else {
                    seen.failing
                };
                well *= 1.0 - call.passes * failing * call.per_request.min(1.0);
            }
        }
        if here.at_once {
            latency = latency * (1.0 - here.failing) + 0.1 * node.work * here.failing;
        }
        if let Some(state) = states.get_mut(place) {
            state.latency = latency;
            state.failing = 1.0 - well * (1.0 - here.failing);
        }
    }
}

/// What a call is like for its caller.
pub(super) fn seen(call: &Call, at: usize, disturbance: Disturbance, states: &[State]) -> Seen {
    let callee = states.get(call.callee).copied().unwrap_or_default();
    let here = if call.callee == at {
        disturbance
    } else {
        Disturbance::default()
    };
    let latency = callee.latency + here.on_the_way + 0.000_5;
    // The longer an answer takes, the more often patience ends before it.
    let late = (-(call.patience / latency.max(1e-9)).powi(2)).exp();
    Seen {
        latency: latency.min(call.patience),
        failing: 1.0 - (1.0 - callee.failing) * (1.0 - late) * (1.0 - here.refused),
    }
}
