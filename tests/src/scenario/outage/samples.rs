//! What is recorded of a system while something goes wrong in it.

use std::collections::BTreeSet;

use claw_metrics::series::{Labels, NAME_LABEL, Point, Series};
use jiff::Timestamp;

use super::fault::{Fault, Root, callers};
use super::flow::{Disturbance, Seen, State, seen, states};
use super::style::Style;
use super::system::{Node, System};
use crate::scenario::dice::Dice;

/// How far quantiles are from the mean.
const TAILS: [(&str, f64); 3] = [("0.5", 0.75), ("0.95", 2.4), ("0.99", 3.8)];

/// One moment that is sampled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) time: Timestamp,
    /// How much of the trouble there is at that time, 0 to 1.
    pub(super) trouble: f64,
    /// Whether it lies long after the baseline, when much has drifted.
    pub(super) later: bool,
    /// Load as a multiple of the usual.
    pub(super) season: f64,
}

/// How a node moves by itself, which has nothing to do with the trouble.
struct Mover {
    at: usize,
    from: usize,
    latency: f64,
    cpu: f64,
    memory: f64,
}

/// The series of all nodes that are measured. `unmeasured` are left out.
pub(super) fn record(
    system: &System,
    root: &Root,
    style: &Style,
    moments: &[Moment],
    unmeasured: &BTreeSet<usize>,
    dice: &mut Dice,
) -> Vec<Series> {
    let movers = movers(system, root, moments.len(), dice);
    let course: Vec<Vec<State>> = moments
        .iter()
        .map(|moment| {
            let rate = system.rate * moment.season;
            states(system, rate, root.at, scaled(root.disturbance, moment.trouble))
        })
        .collect();
    let mut recorder = Recorder { style, moments, dice };
    let mut series = Vec::new();
    for (place, node) in system.nodes.iter().enumerate() {
        let states: Vec<State> = course
            .iter()
            .map(|states| states.get(place).copied().unwrap_or_default())
            .collect();
        let mover = movers.iter().find(|mover| mover.at == place);
        let fault = (place == root.at).then_some(root.fault);
        if !unmeasured.contains(&place) {
            series.extend(recorder.node(node, &states, fault, mover));
        }
        if style.edges {
            for call in &node.calls {
                let Some(callee) = system.nodes.get(call.callee) else {
                    continue;
                };
                let seen: Vec<Seen> = moments
                    .iter()
                    .zip(&course)
                    .map(|(moment, states)| {
                        seen(call, root.at, scaled(root.disturbance, moment.trouble), states)
                    })
                    .collect();
                series.push(recorder.edge(node, callee, &states, &seen));
            }
        }
    }
    series.retain(|series| !series.points.is_empty());
    series
}

/// The disturbance while only a part of it is there.
fn scaled(full: Disturbance, trouble: f64) -> Disturbance {
    Disturbance {
        slower: 1.0 + (full.slower - 1.0) * trouble,
        on_the_way: full.on_the_way * trouble,
        failing: full.failing * trouble,
        at_once: full.at_once,
        refused: full.refused * trouble,
        extra: full.extra * trouble,
    }
}

fn movers(system: &System, root: &Root, moments: usize, dice: &mut Dice) -> Vec<Mover> {
    let involved = callers(system, root.at);
    (0..dice.below(4))
        .filter_map(|_| {
            let at = dice.index(system.nodes.len());
            if involved.contains(&at) {
                return None;
            }
            let mut mover = Mover {
                at,
                from: moments / 3 + dice.index(moments * 2 / 3),
                latency: 1.0,
                cpu: 1.0,
                memory: 1.0,
            };
            match dice.below(3) {
                0 => mover.latency = dice.between(1.3, 2.2),
                1 => mover.cpu = dice.between(1.5, 3.0),
                _ => mover.memory = dice.between(1.2, 1.7),
            }
            Some(mover)
        })
        .collect()
}

struct Recorder<'a> {
    style: &'a Style,
    moments: &'a [Moment],
    dice: &'a mut Dice,
}

impl Recorder<'_> {
    fn node(
        &mut self,
        node: &Node,
        states: &[State],
        fault: Option<Fault>,
        mover: Option<&Mover>,
    ) -> Vec<Series> {
        let names = self.style.names;
        let wander = |index: usize, of: fn(&Mover) -> f64| {
            mover.map_or(1.0, |mover| if index >= mover.from { of(mover) } else { 1.0 })
        };
        let mut out = Vec::new();
        let name = &node.name;
        out.push(
            self.series(names.requests, name, None, 0.05, states, |_, state, _| {
                Some(state.rate)
            }),
        );
        for (quantile, tail) in TAILS {
            if self.style.quantiles.contains(&quantile) {
                // A few slow requests in many others: the middle moves less than the tail.
                let noise = 0.04 + 0.03 * tail;
                out.push(self.series(
                    names.latency,
                    name,
                    Some(("quantile", quantile)),
                    noise,
                    states,
                    |index, state, _| Some(state.latency * tail * wander(index, |mover| mover.latency)),
                ));
            }
        }
        out.push(self.series(
            names.latency,
            name,
            Some(("stat", "mean")),
            0.08,
            states,
            |index, state, _| Some(state.latency * wander(index, |mover| mover.latency)),
        ));
        let (outcome, failures) = names.outcome;
        let step = self.style.step as f64;
        out.push(self.series(outcome, name, None, 0.0, states, |_, state, dice| {
            let requests = (state.rate * step).max(1.0);
            let spread = (state.failing * (1.0 - state.failing) / requests).sqrt();
            // Of few requests the failures are counted by the piece.
            let share = ((state.failing + spread * dice.normal()) * requests).round() / requests;
            let share = share.clamp(0.0, 1.0);
            Some(if failures { share } else { 1.0 - share })
        }));
        if self.style.resources && !node.role.managed() {
            let cores = self.dice.magnitude(0.2, 4.0);
            let busy = if fault == Some(Fault::Cpu) {
                self.dice.between(0.75, 1.0)
            } else {
                0.0
            };
            let moments = self.moments;
            let trouble = |index: usize| moments.get(index).map_or(0.0, |moment| moment.trouble);
            out.push(self.always(names.cpu, name, 0.08, states, |index, state| {
                let usual = cores * (0.02 + 0.6 * state.used) * wander(index, |mover| mover.cpu);
                usual.max(busy * cores * trouble(index))
            }));
            let held = self.dice.magnitude(4e7, 2e9);
            let more = if fault == Some(Fault::Memory) {
                self.dice.between(0.3, 1.5)
            } else {
                0.0
            };
            out.push(self.always(names.memory, name, 0.01, states, |index, state| {
                held * (1.0 + 0.1 * state.used + more * trouble(index)) * wander(index, |mover| mover.memory)
            }));
        }
        out
    }

    /// What the caller sees of its calls.
    fn edge(&mut self, caller: &Node, callee: &Node, states: &[State], seen: &[Seen]) -> Series {
        let metric = self.style.names.edge;
        let mut series = self.series(
            metric,
            &caller.name,
            Some(("quantile", "0.5")),
            0.06,
            states,
            |index, _, _| seen.get(index).map(|seen| 0.75 * seen.latency),
        );
        series.labels.remove("service");
        series.labels.insert("source".to_owned(), caller.name.clone());
        series
            .labels
            .insert("destination".to_owned(), callee.name.clone());
        series
    }

    /// Samples that there are only where requests are, and the less exact the fewer.
    fn series(
        &mut self,
        metric: &str,
        service: &str,
        more: Option<(&str, &str)>,
        noise: f64,
        states: &[State],
        value: impl Fn(usize, &State, &mut Dice) -> Option<f64>,
    ) -> Series {
        let drift = (0.12 * self.dice.normal()).exp();
        let step = self.style.step as f64;
        let mut points: Vec<Point> = Vec::new();
        for (index, (moment, state)) in self.moments.iter().zip(states).enumerate() {
            let requests = state.rate * step;
            if self.dice.share() < (-requests).exp() {
                continue;
            }
            let few = noise * 4.0 / requests.max(1.0).sqrt();
            if let Some(value) = value(index, state, self.dice) {
                let drift = if moment.later && noise > 0.0 { drift } else { 1.0 };
                points.push((
                    moment.time,
                    value * drift * ((noise + few) * self.dice.normal()).exp(),
                ));
            }
        }
        Series::new(labels(metric, service, more), points)
    }

    /// Samples that are there whether anybody asks or not.
    fn always(
        &mut self,
        metric: &str,
        service: &str,
        noise: f64,
        states: &[State],
        value: impl Fn(usize, &State) -> f64,
    ) -> Series {
        let points = self.moments.iter().zip(states).enumerate();
        let points = points
            .map(|(index, (moment, state))| {
                (
                    moment.time,
                    value(index, state) * (noise * self.dice.normal()).exp(),
                )
            })
            .collect();
        Series::new(labels(metric, service, None), points)
    }
}

fn labels(metric: &str, service: &str, more: Option<(&str, &str)>) -> Labels {
    [(NAME_LABEL, metric), ("service", service)]
        .into_iter()
        .chain(more)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
