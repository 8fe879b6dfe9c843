//! More calls to another than a unit's own work accounts for.

use claw_core::entity::EntityRef;
use claw_metrics::signal::Signal;

use super::ties::Ties;
use super::{NOTABLE, Strains, Suspect, evidence, strength};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::units::{self, Asked, Strain, Unit};

/// By how much calls have to grow: what is below that is no flood.
const FLOOD: f64 = 1.5;
/// How much of that a unit's own work may account for at most, for the rest to be its own doing.
const ACCOUNTED: f64 = 0.5;
/// Seconds by which moments that are told by samples may be off.
const SLACK: f64 = 60.0;

/// What the called suffers from when it is asked too much.
const SUFFERED: [Strain; 3] = [Strain::Latency, Strain::Cpu, Strain::Queue];

impl<'a> Strains<'a> {
    /// How the calls of one unit to another changed, as far as they are counted.
    pub(super) fn calls_between(&self, caller: &EntityRef, callee: &EntityRef) -> Option<Asked<'a>> {
        let edge = (caller.clone(), callee.clone());
        Asked::of(self.edges.get(&edge)?, NOTABLE)
    }

    /// Whether calls of one unit to another fail, or what is called does.
    pub(super) fn fails_at(&self, caller: &EntityRef, callee: &EntityRef) -> bool {
        let itself = self.units.get(callee).and_then(|unit| unit.worst(Strain::Errors));
        let calls = self.edges.get(&(caller.clone(), callee.clone()));
        let mut calls = calls.into_iter().flatten();
        itself.is_some() || calls.any(|call| call.harmful && units::strain(call) == Strain::Errors)
    }

    /// A unit that asks another more often than before for the same work: a cache that is of no use any more, a loop, a larger
    /// job. Only where its own work is measured, and the called suffers from it and does not fail: who is answered with errors
    /// asks again.
    pub(super) fn floods(&self, entity: &EntityRef, unit: &Unit<'a>, ties: &Ties<'_>) -> Option<Suspect> {
        let counted = self.measured.contains(&(entity.clone(), Strain::Traffic));
        if !counted && unit.strongest(Strain::Traffic).is_none() {
            return None;
        }
        let work = self.load_of(entity, ties).factor.max(1.0);
        let flood = |callee: &'_ EntityRef| {
            let asked = self.calls_between(entity, callee)?;
            let own = 1.0 - work.ln() / asked.factor().max(FLOOD).ln();
            let late = self.first_suffered(self.units.get(callee)?)?;
            let came_first = match (asked.signal.onset, late.onset) {
                (Some(asked_at), Some(late_at)) => {
                    let slack = asked.signal.onset_uncertainty.max(SLACK);
                    asked_at.duration_since(late_at).as_secs_f64() <= slack
                }
                _ => true,
            };
            let flood = asked.factor() >= FLOOD && own > ACCOUNTED && came_first;
            (flood && !self.fails_at(entity, callee)).then_some((asked, own))
        };
        let callees = ties.callees(Strain::Traffic, entity);
        let (callee, (asked, own)) = callees
            .filter_map(|callee| Some((callee, flood(callee)?)))
            .max_by(|a, b| a.1.0.more().total_cmp(&b.1.0.more()))?;
        let signal = asked.signal;
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
        .clue("work that those that it calls suffer from", 1.0, Vec::new())
        .derived(0.4)
        .advise(Advice::new(
            format!(
                "Find out why {entity} asks {callee} more often: a cache without use, a loop, a larger job"
            ),
            "It makes more calls than the requests that it gets account for",
        ));
        Some(Suspect::new(candidate, own, signal))
    }

    /// What a unit suffered from first, of what too much work brings.
    fn first_suffered(&self, unit: &Unit<'a>) -> Option<&'a Signal> {
        let found = SUFFERED.iter().filter_map(|strain| unit.worst(*strain));
        found
            .filter(|signal| signal.score >= NOTABLE)
            .min_by_key(|signal| signal.onset)
    }
}
