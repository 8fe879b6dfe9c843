//! Circuit breakers: after trouble, nothing is written until it is known to be over.
//!
//! There is a circuit for the cluster, each namespace, each object, each [`Operation`](crate::policy::Operation), each workflow, and each backend that
//! writes depend on. A write passes only where all of its circuits let it. Reads are never asked about.
//!
//! | circuit opens on | default |
//! |---|---|
//! | failed writes: of one object, or of different objects in any wider scope | 3 in 30 min |
//! | an object that got worse after a write to it | 1 in 30 min; 2 different objects for the cluster |
//! | writes that found the object changed under them | 10 in 30 min |
//! | opposite writes to one object | 2 in 1 h |
//! | a plan that went over its budget | at once |
//! | a backend that is down | at once, until it is up |
//! | a person who opens it | at once, until a person closes it |
//!
//! An open circuit becomes half-open after a while, which doubles each time; then one write passes that needs nobody's approval,
//! and closes it by succeeding. The cluster's circuit, and what a person opened, only a person closes.
//!
//! The breaker is data: it makes no calls, takes the time as an argument, and whoever holds it keeps it (it serializes).
//!
//! The time that it is told is that of a clock that may jump, so it is trusted for an hour. Time that runs backwards closes nothing: the
//! breaker remembers the latest time that it was told, and takes it for the present until the clock has caught up. Where a reading is
//! more than an hour off, in either direction, the clock has jumped or nobody has asked for long; no more than that hour counts as
//! passed, and all that is remembered moves along. So a wrong reading neither closes circuits at once nor keeps them open for years after
//! it, and after a long rest circuits stay open for what was left of their time. [`Breaker::tick`] lets time pass where nothing is
//! written.

mod attempt;
mod cause;
mod circuit;
mod scope;
mod settings;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use claw_core::entity::EntityRef;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::policy::Tier;
use crate::present::{Present, shifted};

pub use attempt::{Attempt, Move, Outcome, moves};
pub use cause::Cause;
pub use circuit::{State, Tripped};
pub use scope::{Backend, Scope, ScopeError};
pub use settings::{Settings, SettingsError};

use circuit::{Circuit, Trouble, TroubleKind};

/// All circuits, with what they remember.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    #[serde(with = "pairs")]
    circuits: BTreeMap<Scope, Circuit>,
    /// What was written of late, to see what is taken back again.
    writes: VecDeque<Write>,
    /// The latest time that was told.
    seen: Present,
}

/// A write that was applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Write {
    at: Timestamp,
    target: EntityRef,
    moves: BTreeMap<String, Move>,
}

impl Breaker {
    /// A breaker with all circuits closed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a write may be made now. Changes nothing: ask again with [`begin`](Self::begin) when it is made.
    pub fn ask(&self, attempt: &Attempt, now: Timestamp) -> Result<(), Box<Tripped>> {
        let now = self.seen.latest(now);
        for scope in attempt.scopes() {
            if let Some(circuit) = self.circuits.get(&scope) {
                circuit.ask(&scope, attempt, now)?;
            }
        }
        Ok(())
    }

    /// The same, and takes the place of the probe in each circuit that is half-open. [`end`](Self::end) has to follow.
    pub fn begin(
        &mut self,
        attempt: &Attempt,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<(), Box<Tripped>> {
        let asked = self.ask(attempt, now);
        // Time has passed, also where it does not pass.
        let now = self.tell(now);
        asked?;
        for scope in attempt.scopes() {
            if let Some(circuit) = self.circuits.get_mut(&scope) {
                circuit.probe(attempt, settings, now);
            }
        }
        Ok(())
    }

    /// What came of a write that was begun.
    pub fn end(&mut self, attempt: &Attempt, outcome: Outcome, settings: &Settings, now: Timestamp) {
        let now = self.tell(now);
        for scope in attempt.scopes() {
            if let Some(circuit) = self.circuits.get_mut(&scope) {
                circuit.settle(attempt, outcome, settings, now);
            }
        }
        match outcome {
            Outcome::Applied => self.wrote(attempt, settings, now),
            Outcome::Failed => self.trouble(attempt, TroubleKind::Failure, settings, now),
            Outcome::Conflict => self.trouble(attempt, TroubleKind::Conflict, settings, now),
            Outcome::Withdrawn => {}
        }
        self.forget(settings, now);
    }

    /// The object of a write got worse after it.
    pub fn regressed(&mut self, attempt: &Attempt, settings: &Settings, now: Timestamp) {
        let now = self.tell(now);
        self.trouble(attempt, TroubleKind::Regression, settings, now);
    }

    /// A workflow wanted more than its budget: what it wants is not to be trusted before somebody has looked.
    pub fn over_budget(&mut self, workflow: &str, budget: &str, now: Timestamp) {
        let now = self.tell(now);
        let cause = Cause::OverBudget {
            budget: budget.to_owned(),
        };
        self.circuit(Scope::Workflow(workflow.to_owned()))
            .force(cause, now);
    }

    /// A backend that writes depend on is down.
    pub fn down(&mut self, backend: Backend, why: &str, now: Timestamp) {
        let now = self.tell(now);
        self.circuit(Scope::Backend(backend)).fall(why, now);
    }

    /// A backend is up again. Its circuit closes; what a person opened stays open.
    pub fn up(&mut self, backend: Backend) {
        let scope = Scope::Backend(backend);
        if self.circuits.get_mut(&scope).is_some_and(Circuit::rise) {
            self.circuits.remove(&scope);
        }
    }

    /// Time passes. Call it regularly, and when a breaker that was kept is taken up again: where nothing is written, nothing else tells
    /// it the time.
    pub fn tick(&mut self, settings: &Settings, now: Timestamp) {
        let now = self.tell(now);
        self.forget(settings, now);
    }

    /// Whether it is time for the next [`tick`](Self::tick): a minute has passed, and something is remembered that grows old.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let idle = self.circuits.is_empty() && self.writes.is_empty();
        !idle && self.seen.since(now) >= SignedDuration::from_mins(1)
    }

    /// A person opens a circuit. It stays open until a person closes it.
    pub fn open(&mut self, scope: Scope, by: &str, why: &str, now: Timestamp) {
        let now = self.tell(now);
        let cause = Cause::Person {
            by: by.to_owned(),
            why: why.to_owned(),
        };
        self.circuit(scope).force(cause, now);
    }

    /// A person closes a circuit, and what it remembers is forgotten. Whether there was one that was not closed. A backend that has been
    /// down behind what a person opened is down still: its circuit is open for that then, and a second call closes it.
    pub fn close(&mut self, scope: &Scope) -> bool {
        let Some(circuit) = self.circuits.remove(scope) else {
            return false;
        };
        let was_open = circuit.state() != &State::Closed;
        if let Some(left) = circuit.closed() {
            self.circuits.insert(scope.clone(), left);
        }
        was_open
    }

    /// The circuits that are not closed, with their states.
    pub fn tripped(&self) -> impl Iterator<Item = (&Scope, &State)> {
        self.circuits
            .iter()
            .map(|(scope, circuit)| (scope, circuit.state()))
            .filter(|(_, state)| **state != State::Closed)
    }

    fn circuit(&mut self, scope: Scope) -> &mut Circuit {
        self.circuits.entry(scope).or_default()
    }

    /// Takes `now` for the present, and what is remembered along with it where that is not believed.
    fn tell(&mut self, now: Timestamp) -> Timestamp {
        let (present, by) = self.seen.tell(now);
        if !by.is_zero() {
            self.circuits.values_mut().for_each(|circuit| circuit.shift(by));
            self.writes
                .iter_mut()
                .for_each(|write| write.at = shifted(write.at, by));
        }
        present
    }

    fn trouble(&mut self, attempt: &Attempt, kind: TroubleKind, settings: &Settings, now: Timestamp) {
        let trouble = Trouble {
            at: now,
            kind,
            object: attempt.target.clone(),
        };
        for scope in attempt.scopes() {
            if !matches!(scope, Scope::Backend(_)) {
                let limit = settings.limit(kind, &scope);
                self.circuit(scope.clone())
                    .note(&scope, trouble.clone(), limit, settings, now);
            }
        }
    }

    /// Remembers a write, and opens the object's circuit where it takes back a recent one.
    fn wrote(&mut self, attempt: &Attempt, settings: &Settings, now: Timestamp) {
        let mut recent = self.writes.iter().filter(|write| {
            write.target == attempt.target && now.duration_since(write.at) <= settings.flap_window
        });
        if recent.any(|write| attempt.takes_back(&write.moves)) {
            let scope = Scope::Object(attempt.target.clone());
            let within = settings.flap_window;
            self.circuit(scope)
                .trip(Cause::Flapping { within }, settings, now, false);
        }
        self.writes.push_back(Write {
            at: now,
            target: attempt.target.clone(),
            moves: attempt.moves.clone(),
        });
    }

    /// Forgets what no decision can rest on any more.
    fn forget(&mut self, settings: &Settings, now: Timestamp) {
        self.writes
            .retain(|write| now.duration_since(write.at) <= settings.flap_window);
        self.circuits.retain(|_, circuit| {
            circuit.forget(settings, now);
            !circuit.is_unused()
        });
    }
}

/// Writes that need nobody's approval are the ones that may find out whether the trouble is over.
fn is_low_risk(tier: Tier) -> bool {
    tier <= Tier::AutoLogged
}

/// How many different objects troubles are about.
fn objects<'a>(troubles: impl Iterator<Item = &'a Trouble>) -> usize {
    troubles
        .map(|trouble| &trouble.object)
        .collect::<BTreeSet<_>>()
        .len()
}

/// A map whose keys are no texts, as a list of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Circuit, Scope};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<Scope, Circuit>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Scope, Circuit>, D::Error> {
        Ok(Vec::<(Scope, Circuit)>::deserialize(deserializer)?
            .into_iter()
            .collect())
    }
}

#[cfg(test)]
mod tests;
