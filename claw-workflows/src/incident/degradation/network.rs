//! Calls that are late or fail on the way: callers see it, and the unit itself is well.

use claw_core::entity::EntityRef;
use claw_metrics::classify::Measure;
use claw_metrics::signal::Signal;

use super::{NOTABLE, Strains, Suspect, evidence, strength};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::units::{Excess, Late, Scale, Strain, Unit};

/// How far calls that are late on the way speak for the caller of several: the way of each begins there and ends elsewhere.
const OF_CALLER: f64 = 0.7;
/// What it takes away that bytes moved, and no packets were lost: that is work rather than trouble.
const MERE_BYTES: f64 = -2.0;

/// Calls along one edge.
struct Way<'a> {
    /// What shows most that they are late or fail; `None` where nothing does.
    signal: Option<&'a Signal>,
    /// How much of that is on the way, 0 to 1: what the callee does not account for.
    share: f64,
    /// Seconds that are lost on the way.
    seconds: f64,
}

impl<'a> Strains<'a> {
    /// Slow or lossy on the way.
    pub(super) fn network(&self, entity: &EntityRef, unit: &Unit<'a>) -> Option<Suspect> {
        let mut into = Vec::new();
        let mut out = Vec::new();
        let mut callers = Vec::new();
        for (from, to) in self
            .edges
            .keys()
            .map(|(from, to)| (from, to))
            .chain(self.steady_calls(entity))
        {
            if to == entity {
                into.push(self.way(from, to));
                callers.push(from);
            } else if from == entity {
                out.push(self.way(from, to));
            }
        }
        let of_in = mean(into.iter());
        let of_all = mean(into.iter().chain(&out));
        let of_out = if out.len() > 1 {
            OF_CALLER * mean(out.iter())
        } else {
            0.0
        };
        let share = of_in.max(of_all).max(of_out);
        let ways: Vec<&Way<'a>> = if of_in >= of_all.max(of_out) {
            into.iter().collect()
        } else {
            into.iter().chain(&out).collect()
        };
        let weighty = |way: &&&Way<'a>| way.signal.map_or(0.0, |signal| signal.score * way.share);
        let worst = ways.iter().max_by(|a, b| weighty(a).total_cmp(&weighty(b)));
        let score = worst.as_ref().map_or(0.0, weighty);
        let lossy = unit
            .worst(Strain::Network)
            .filter(|signal| signal.score >= NOTABLE);
        let late = worst
            .and_then(|way| way.signal)
            .filter(|_| score >= NOTABLE / 2.0);
        let (signal, of_calls) = match (late, lossy) {
            (Some(late), _) => (late, true),
            (None, Some(lossy)) => (lossy, false),
            (None, None) => return None,
        };
        let fails = matches!(signal.measure, Measure::Errors | Measure::Availability);
        // Of what is outside nothing else is seen than how calls to it go.
        let outside = entity.kind == EntityRef::EXTERNAL_HOST;
        let statement = signal.statement();
        let cause = match (outside, fails) {
            (true, _) => format!("{}: {statement}", how_calls_go(signal.measure, &entity.name)),
            (false, true) => format!("calls fail on the way to or from {entity}: {statement}"),
            (false, false) => format!("the network of {entity} is slow or loses packets: {statement}"),
        };
        let look = match outside {
            true => format!(
                "Ask those who run {}, and check the way out of the cluster",
                entity.name
            ),
            false => format!("Check the network of the node and pod of {entity}"),
        };
        let because = match (outside, fails) {
            (true, _) => "It lies outside the cluster, where nothing is seen of it but how calls to it go",
            (false, true) => "Calls from and to it fail, and nothing shows that the services at the ends do",
            (false, false) => "Calls from and to it are late although the services at the ends are not",
        };
        let mut candidate = Candidate::new("network_degradation", entity.clone(), cause)
            .derived(0.5)
            .advise(Advice::new(look, because));
        // Whose calls alone fail may be why they do: a fault of the only caller explains them as well.
        if let (true, [only]) = (fails, callers.as_slice()) {
            candidate = candidate.hurting([(*only).clone()]);
        }
        let seen: Vec<_> = ways
            .iter()
            .filter_map(|way| way.signal)
            .chain(lossy)
            .take(4)
            .map(evidence)
            .collect();
        if of_calls {
            candidate = candidate
                .clue("calls slow on the way", super::strength_of(score), seen)
                .clue("share of its calls affected", 2.0 * share - 1.0, Vec::new());
        } else {
            candidate = candidate.clue("packets lost or late", strength(signal), seen);
            if signal.measure == Measure::Network {
                candidate =
                    candidate.clue("more or fewer bytes, and no sign of loss", MERE_BYTES, Vec::new());
            }
        }
        let mut suspect = Suspect::new(candidate, 0.0, signal);
        let seconds = into.iter().chain(&out).map(|way| way.seconds).fold(0.0, f64::max);
        suspect.late = (of_calls && seconds > 0.0).then_some(seconds);
        Some(suspect)
    }

    /// Calls from and to a unit that are measured, and of which nothing moved: they are well on their way.
    fn steady_calls<'s>(&'s self, entity: &'s EntityRef) -> Vec<(&'s EntityRef, &'s EntityRef)> {
        let into = self
            .counted
            .iter()
            .filter(|(_, callees)| callees.contains(entity));
        let into = into.map(|(from, _)| (from, entity));
        let out = self
            .counted
            .get(entity)
            .into_iter()
            .flatten()
            .map(|to| (entity, to));
        into.chain(out)
            .filter(|(from, to)| !self.edges.contains_key(&((*from).clone(), (*to).clone())))
            .collect()
    }

    /// How calls along an edge are. What single requests took cannot be compared, and tells nothing here.
    fn way(&self, from: &EntityRef, to: &EntityRef) -> Way<'a> {
        let signals = self
            .edges
            .get(&(from.clone(), to.clone()))
            .into_iter()
            .flatten()
            .copied();
        let bad = signals.filter(|signal| signal.harmful && signal.score >= NOTABLE);
        let ways = bad.filter_map(|signal| match signal.measure {
            Measure::Latency => self.late_way(signal, to),
            Measure::Errors | Measure::Availability => self.failing_way(signal, to),
            // Packets are lost on the way and nowhere else.
            Measure::NetworkErrors => Some(Way {
                signal: Some(signal),
                share: 1.0,
                seconds: 0.0,
            }),
            _ => None,
        });
        let score = |way: &Way<'a>| way.signal.map_or(0.0, |signal| signal.score);
        ways.max_by(|a, b| score(a).total_cmp(&score(b))).unwrap_or(Way {
            signal: None,
            share: 0.0,
            seconds: 0.0,
        })
    }

    fn late_way(&self, signal: &'a Signal, to: &EntityRef) -> Option<Way<'a>> {
        let seen = Late::of(signal)?.excess;
        let inside = self
            .late_within(to, seen.scale)
            .map_or(0.0, |excess| excess.amount);
        let lost = (seen.amount - inside).max(0.0);
        Some(Way {
            signal: Some(signal),
            share: share(lost, seen.amount),
            seconds: if seen.scale == Scale::Seconds { lost } else { 0.0 },
        })
    }

    /// Calls that fail on the way, beyond those that the callee fails itself.
    fn failing_way(&self, signal: &'a Signal, to: &EntityRef) -> Option<Way<'a>> {
        let seen = Excess::of(signal)?;
        let inside = self.failures_within(to);
        let same = inside.iter().find(|excess| excess.scale == seen.scale);
        let share = match same {
            Some(inside) => share((seen.amount - inside.amount).max(0.0), seen.amount),
            None if inside.is_empty() => 1.0,
            // The callee fails, and by how much cannot be compared: what is seen of it is the likelier reason.
            None => 0.0,
        };
        Some(Way {
            signal: Some(signal),
            share,
            seconds: 0.0,
        })
    }

    /// By how much more a unit, or a call that it makes, fails: what a unit answers after a call of its own failed did arrive.
    fn failures_within(&self, unit: &EntityRef) -> Vec<Excess<'a>> {
        let own = self.units.get(unit).map(Unit::error_excess).unwrap_or_default();
        if !own.is_empty() {
            return own;
        }
        let calls = self.edges.iter().filter(|((from, _), _)| from == unit);
        let calls = calls.flat_map(|(_, signals)| signals.iter().copied());
        let failing = calls.filter(|signal| {
            let fails = matches!(signal.measure, Measure::Errors | Measure::Availability);
            fails && signal.harmful && signal.score >= NOTABLE
        });
        let mut all: Vec<Excess<'a>> = failing.filter_map(Excess::of).collect();
        all.sort_by(|a, b| b.amount.total_cmp(&a.amount));
        all
    }

    /// By how much a unit, or a call that it makes, is late.
    fn late_within(&self, unit: &EntityRef, scale: Scale) -> Option<Excess<'a>> {
        let own = self.units.get(unit).map(Unit::lateness).unwrap_or_default();
        let calls = self.edges.iter().filter(|((from, _), _)| from == unit);
        let calls = calls.flat_map(|(_, signals)| signals.iter().copied());
        let calls = calls
            .filter(|signal| signal.score >= NOTABLE)
            .filter_map(Late::of);
        own.into_iter()
            .chain(calls)
            .map(|late| late.excess)
            .filter(|excess| excess.scale == scale)
            .max_by(|a, b| a.amount.total_cmp(&b.amount))
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn mean<'w, 'a: 'w>(ways: impl Iterator<Item = &'w Way<'a>>) -> f64 {
    let (sum, count) = ways.fold((0.0, 0.0), |(sum, count), way| (sum + way.share, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

/// What is seen of a host outside.
fn how_calls_go(measure: Measure, host: &str) -> String {
    match measure {
        Measure::Errors | Measure::Availability => format!("calls to {host} fail"),
        Measure::NetworkErrors => format!("packets to or from {host} are lost"),
        Measure::Network => format!("the traffic with {host} changed"),
        _ => format!("calls to {host} are answered late"),
    }
}
