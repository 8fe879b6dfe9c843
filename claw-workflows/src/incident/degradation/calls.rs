//! More calls to another than a unit's own work accounts for.

use claw_core::entity::EntityRef;
use claw_metrics::signal::{Direction, Signal};

use super::ties::Ties;
use super::{NOTABLE, Strains, Suspect, evidence, strength};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::units::{self, Strain, Unit};

/// By how much calls have to grow: what is below that is no flood.
const FLOOD: f64 = 1.5;
/// How much of that a unit's own work may account for at most, for the rest to be its own doing.
const ACCOUNTED: f64 = 0.5;
/// By how much calls that are tried again multiply them at most, and some noise.
const AGAIN: f64 = 2.2;

/// What the called suffers from when it is asked too much.
const SUFFERED: [Strain; 4] = [Strain::Latency, Strain::Errors, Strain::Cpu, Strain::Queue];

impl<'a> Strains<'a> {
    /// How the calls of one unit to another changed, as far as they are counted: what grew most is told.
    pub(super) fn calls_between(&self, caller: &EntityRef, callee: &EntityRef) -> Option<&'a Signal> {
        let signals = self.edges.get(&(caller.clone(), callee.clone()))?;
        signals
            .iter()
            .copied()
            .filter(|signal| units::strain(signal) == Strain::Traffic)
            .filter(|signal| signal.score >= NOTABLE && signal.baseline > 0.0)
            .max_by(|a, b| a.score.total_cmp(&b.score))
    }

    /// A unit that asks another more often than before for the same work: a cache that is of no use any more, a loop, a client
    /// that asks for more. Only where somebody suffers from it.
    pub(super) fn floods(&self, entity: &EntityRef, unit: &Unit<'a>, ties: &Ties<'_>) -> Option<Suspect> {
        let work = self.load_of(entity, ties).factor.max(1.0);
        let (callee, signal, own) = ties
            .callees(Strain::Traffic, entity)
            .filter_map(|callee| {
                let signal = self.calls_between(entity, callee)?;
                let flood = signal.direction == Direction::Up && signal.ratio >= FLOOD;
                let own = 1.0 - work.ln() / signal.ratio.max(FLOOD).ln();
                (flood && own > ACCOUNTED).then_some((callee, signal, own))
            })
            .max_by(|a, b| a.1.score.total_cmp(&b.1.score))?;
        let suffers = |unit: &Unit<'_>| SUFFERED.iter().any(|strain| unit.worst(*strain).is_some());
        let called = self.units.get(callee);
        if !called.is_some_and(suffers) && !suffers(unit) {
            return None;
        }
        let calls = self
            .edges
            .get(&(entity.clone(), callee.clone()))
            .into_iter()
            .flatten();
        let mut failing = calls.filter(|call| call.harmful && units::strain(call) == Strain::Errors);
        // Who is answered with errors asks again.
        let fails =
            failing.next().is_some() || called.is_some_and(|unit| unit.worst(Strain::Errors).is_some());
        if fails && signal.ratio < AGAIN {
            return None;
        }
        let candidate = Candidate::new(
            "traffic_surge",
            entity.clone(),
            format!(
                "{entity} makes more calls to {callee} than its own work accounts for: {}",
                signal.statement()
            ),
        )
        .clue("more calls", strength(signal), vec![evidence(signal)])
        .clue("calls that its own work does not account for", own, Vec::new())
        .clue("work that it or those that it calls suffer from", 1.0, Vec::new())
        .derived(0.4)
        .advise(Advice::new(
            format!(
                "Find out why {entity} asks {callee} more often: a cache without use, a loop, a larger job"
            ),
            "It makes more calls than the requests that it gets account for",
        ));
        Some(Suspect::new(candidate, own, signal))
    }
}
