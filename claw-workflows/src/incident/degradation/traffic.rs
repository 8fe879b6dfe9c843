//! Work that comes from elsewhere than from the known callers, and calls that do not arrive.

use claw_core::entity::EntityRef;
use claw_metrics::signal::{Direction, Signal};

use super::ties::Ties;
use super::{NOTABLE, Strains, Suspect, evidence, strength};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::units::{self, Excess, Scale, Strain, Unit};

/// Bound of factors of growth and decline.
const MOST: f64 = 1e3;
/// How much of a change of load is a unit's own of which no caller is measured: users come and go.
const OF_USERS: f64 = 0.4;
/// Load that is less than this share of the usual, and less by itself, means that calls are lost.
const LOST: f64 = 0.85;
/// Load that is no more than this multiple of the usual makes nobody late.
const MORE: f64 = 1.15;
/// How much of lateness load accounts for that others send.
const ACCOUNTS_FOR: f64 = 0.7;
/// Growth by which it does so in full.
const IN_FULL: f64 = 1.6;
/// By how much calls that are tried again multiply work at most, and some noise.
const AGAIN: f64 = 2.2;
/// What is taken to happen to other calls of a caller that makes no others.
const NO_OTHERS: f64 = 0.5;

/// How the work of a unit changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// By what factor.
    pub(super) factor: f64,
    /// How much of that its callers do not account for, 0 to 1.
    pub(super) own: f64,
    /// Whether it is known how the work of any of its callers changed.
    from_known: bool,
}

/// How a change of load is told: whether it is its callers' work is known only where some of them are measured.
struct Words {
    what: &'static str,
    clue: &'static str,
    advice: String,
    because: &'static str,
}

impl Load {
    /// How much of a unit's lateness the load accounts for that others send, 0 to 1.
    pub(super) fn accounts_for(self) -> f64 {
        if self.factor <= MORE {
            return 0.0;
        }
        ACCOUNTS_FOR * (1.0 - self.own) * (self.factor.ln() / IN_FULL.ln()).min(1.0)
    }

    /// Whether less arrives than is sent.
    fn is_lost(self) -> bool {
        self.own > 0.5 && self.factor < LOST
    }
}

impl<'a> Strains<'a> {
    /// How the work of a unit changed, and how much of that is not its callers'.
    pub(super) fn load_of(&self, entity: &EntityRef, ties: &Ties<'_>) -> Load {
        let factor = self.growth_of(entity, ties);
        if factor == 1.0 {
            return Load {
                factor,
                own: 0.0,
                from_known: false,
            };
        }
        let up = factor > 1.0;
        // Of a caller whose work was not compared, that it did not change is not known either.
        let callers = ties
            .callers(Strain::Traffic, entity)
            .filter(|caller| ties.is_measured(Strain::Traffic, caller));
        let growth = callers.map(|caller| {
            let growth = self.growth_of(caller, ties);
            if up && let Some(calls) = self.calls_between(caller, entity) {
                // What it sends more is no more than its part of what arrives more.
                let arrives = self.units.get(entity).and_then(|unit| unit.asked());
                let part = arrives.map_or(1.0, |all| (calls.more() / all.more()).clamp(0.0, 1.0));
                return growth.max(factor.powf(part));
            }
            // What fails on its way makes none of the calls that would have followed.
            let goes_on = if up {
                1.0
            } else {
                self.goes_on(caller, entity, ties)
            };
            growth * goes_on
        });
        let most = growth.reduce(|a, b| if up { a.max(b) } else { a.min(b) });
        let own = match most {
            None => OF_USERS,
            Some(most) if (most > 1.0) != up => 1.0,
            Some(most) => (1.0 - most.ln() / factor.ln()).max(0.0),
        };
        Load {
            factor,
            own,
            from_known: most.is_some(),
        }
    }

    /// The share of a caller's work, of the usual, that does not fail at another callee than this one: 1 where none fails there,
    /// or it is not told how much of the work fails.
    fn goes_on(&self, caller: &EntityRef, callee: &EntityRef, ties: &Ties<'_>) -> f64 {
        let others = ties
            .callees(Strain::Errors, caller)
            .filter(|other| *other != callee);
        let failing: Vec<&EntityRef> = others.filter(|other| self.fails_at(caller, other)).collect();
        if failing.is_empty() || self.fails_at(caller, callee) {
            return 1.0;
        }
        let more = |excess: Vec<Excess<'_>>| {
            let shares = excess.into_iter().filter(|excess| excess.scale == Scale::Share);
            shares.map(|share| share.amount).reduce(f64::max)
        };
        // No more of it can fail there than fails there.
        let there = failing.iter().map(|other| {
            let itself = self.units.get(*other).and_then(|unit| more(unit.error_excess()));
            let calls = self.edges.get(&(caller.clone(), (*other).clone()));
            let calls = calls
                .into_iter()
                .flatten()
                .filter(|call| call.harmful && units::strain(call) == Strain::Errors);
            let on_its_way = more(calls.filter_map(|call| Excess::of(call)).collect());
            itself
                .into_iter()
                .chain(on_its_way)
                .reduce(f64::max)
                .unwrap_or(1.0)
        });
        let own = self.units.get(caller).and_then(|unit| more(unit.error_excess()));
        let most = there.fold(0.0, f64::max);
        1.0 - own.unwrap_or(0.0).min(most).clamp(0.0, 1.0 - 1.0 / MOST)
    }

    /// By what factor the work of a unit changed: 1 where it did not, or nothing is known of it.
    fn growth_of(&self, entity: &EntityRef, ties: &Ties<'_>) -> f64 {
        let signal = self
            .units
            .get(entity)
            .and_then(|unit| unit.strongest(Strain::Traffic));
        let own = signal
            .filter(|signal| signal.score >= NOTABLE && signal.baseline > 0.0)
            .map(|signal| signal.ratio.clamp(1.0 / MOST, MOST));
        own.unwrap_or_else(|| self.calls_to(entity, ties))
    }

    /// By what factor the calls to a unit grew whose own work is not measured, where those of all its callers are counted and
    /// changed: of what did not change nobody knows how much it is.
    fn calls_to(&self, entity: &EntityRef, ties: &Ties<'_>) -> f64 {
        if self.measured.contains(&(entity.clone(), Strain::Traffic)) {
            return 1.0;
        }
        let callers = ties.callers(Strain::Traffic, entity);
        let asked: Option<Vec<_>> = callers.map(|caller| self.calls_between(caller, entity)).collect();
        let asked = asked.unwrap_or_default();
        let before: f64 = asked.iter().map(|asked| asked.before).sum();
        let now: f64 = asked.iter().map(|asked| asked.now).sum();
        if before > 0.0 {
            (now / before).clamp(1.0, MOST)
        } else {
            1.0
        }
    }

    /// More work than its callers send it, or less.
    pub(super) fn traffic(&self, entity: &EntityRef, unit: &Unit<'a>, ties: &Ties<'_>) -> Option<Suspect> {
        let signal = unit
            .strongest(Strain::Traffic)
            .filter(|signal| signal.score >= NOTABLE)?;
        let load = self.load_of(entity, ties);
        if load.own <= 0.0 {
            return None;
        }
        let own = 2.0 * load.own - 1.6;
        let candidate = match signal.direction {
            Direction::Up => {
                let suffers = |unit: &Unit<'_>| {
                    unit.worst(Strain::Latency).is_some() || unit.worst(Strain::Errors).is_some()
                };
                let felt = suffers(unit)
                    || ties
                        .callees(Strain::Latency, entity)
                        .chain(ties.callees(Strain::Errors, entity))
                        .filter_map(|callee| self.units.get(callee))
                        .any(suffers);
                let said = if load.from_known {
                    Words {
                        what: "gets more work than its callers send",
                        clue: "work that its callers do not send",
                        advice: format!("Find out who else calls {entity}, and limit or serve that"),
                        because: "Its known callers do not account for its work",
                    }
                } else {
                    Words {
                        what: "gets more work than usual, of which it is not measured who sends it",
                        clue: "more work, and no caller is measured",
                        advice: format!("Find out who calls {entity}, and limit or serve that"),
                        because: "It gets more work than usual, and no caller of it is measured",
                    }
                };
                let candidate = Candidate::new(
                    "traffic_surge",
                    entity.clone(),
                    format!("{entity} {}: {}", said.what, signal.statement()),
                )
                .clue("more work", strength(signal), vec![evidence(signal)])
                .clue(said.clue, own, Vec::new())
                .advise(Advice::new(said.advice, said.because));
                // Who fails is tried again: that doubles its work at most.
                let candidate = if load.factor < AGAIN && unit.worst(Strain::Errors).is_some() {
                    candidate.clue("its callers may try again", -1.0, Vec::new())
                } else {
                    candidate
                };
                if felt {
                    candidate.clue("work that it or those that it calls suffer from", 1.0, Vec::new())
                } else {
                    candidate
                }
            }
            _ => {
                let said = if load.from_known {
                    Words {
                        what: "gets fewer calls than its callers make",
                        clue: "calls that are lost",
                        advice: format!(
                            "Check whether {entity} accepts calls, and who refuses them on the way"
                        ),
                        because: "It gets fewer calls than its callers' own work accounts for",
                    }
                } else {
                    Words {
                        what: "gets fewer calls than usual, of which it is not measured who makes them",
                        clue: "fewer calls, and no caller is measured",
                        advice: format!(
                            "Check whether {entity} accepts calls, and whether anybody makes them"
                        ),
                        because: "It gets fewer calls than usual, and no caller of it is measured",
                    }
                };
                let candidate = Candidate::new(
                    "traffic_loss",
                    entity.clone(),
                    format!("{entity} {}: {}", said.what, signal.statement()),
                )
                .clue("less work", strength(signal), vec![evidence(signal)])
                .clue(said.clue, own, Vec::new())
                .advise(Advice::new(said.advice, said.because));
                self.failing_callers(candidate, entity, ties)
            }
        };
        Some(Suspect::new(candidate.derived(0.5), load.own, signal))
    }

    /// Callers that fail are why calls that do not arrive matter; unless they make no other calls either.
    fn failing_callers(&self, candidate: Candidate, entity: &EntityRef, ties: &Ties<'_>) -> Candidate {
        let callers: Vec<&EntityRef> = ties.callers(Strain::Traffic, entity).collect();
        let failing: Vec<&Signal> = callers
            .iter()
            .filter_map(|caller| self.units.get(*caller)?.worst(Strain::Errors))
            .collect();
        let share = failing.len() as f64 / callers.len().max(1) as f64;
        let others = callers
            .iter()
            .map(|caller| self.others_lost(caller, entity, ties));
        let others = others.fold(1.0, f64::min);
        let mut candidate = candidate;
        if !failing.is_empty() {
            candidate = candidate.clue(
                "its callers fail",
                1.5 * share,
                failing.iter().take(4).map(|signal| evidence(signal)).collect(),
            );
        }
        if !callers.is_empty() && others > 0.0 {
            candidate = candidate.clue("its callers call nobody else either", -2.0 * others, Vec::new());
        }
        candidate
    }

    /// The share of a caller's other callees at which its calls do not arrive either.
    fn others_lost(&self, caller: &EntityRef, callee: &EntityRef, ties: &Ties<'_>) -> f64 {
        let callees = ties.callees(Strain::Traffic, caller);
        let others: Vec<&EntityRef> = callees.filter(|other| *other != callee).collect();
        if others.is_empty() {
            return NO_OTHERS;
        }
        let lost = others
            .iter()
            .filter(|other| self.load_of(other, ties).is_lost())
            .count();
        lost as f64 / others.len() as f64
    }

    /// How far calls of a unit that do not arrive account for its failures, 0 to 1, with what shows it. Who calls nobody any
    /// more fails by itself.
    pub(super) fn lost_calls(&self, caller: &EntityRef, ties: &Ties<'_>) -> Option<(f64, &'a Signal)> {
        let lost = ties
            .callees(Strain::Traffic, caller)
            .filter(|callee| self.load_of(callee, ties).is_lost());
        let found = lost.filter_map(|callee| {
            let signal = self.units.get(callee)?.strongest(Strain::Traffic)?;
            Some((1.0 - self.others_lost(caller, callee, ties), signal))
        });
        found
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(share, _)| *share > 0.0)
    }
}
