//! One circuit.

use claw_core::entity::EntityRef;
use claw_core::gate::Refusal;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::attempt::{Attempt, Outcome};
use super::cause::Cause;
use super::scope::Scope;
use super::settings::Settings;
use super::{is_low_risk, objects};
use crate::present::shifted;

/// How a circuit stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// Writes pass.
    #[default]
    Closed,
    /// No write passes until the time has come, and then one. Without a time, none until a person closes it.
    Open {
        /// Since when.
        since: Timestamp,
        /// Until when.
        until: Option<Timestamp>,
        /// Why.
        cause: Cause,
    },
    /// One write is under way to find out whether the trouble is over.
    HalfOpen {
        /// Since when it was open.
        since: Timestamp,
        /// The write, by its id.
        probe: String,
        /// When it counts as lost, so that another one may try.
        until: Option<Timestamp>,
        /// Why it was open.
        cause: Cause,
    },
}

impl State {
    /// Why it is not closed; `None` where it is.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Closed => None,
            Self::Open { cause, .. } | Self::HalfOpen { cause, .. } => Some(cause),
        }
    }
}

/// A write that a circuit does not let pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the circuit of {scope} is open since {since}: {cause}; {remedy}")]
#[non_exhaustive]
pub struct Tripped {
    /// Whose circuit.
    pub scope: Scope,
    /// Since when it is open.
    pub since: Timestamp,
    /// Why.
    pub cause: Cause,
    /// What has to happen.
    pub remedy: String,
}

impl From<Tripped> for Refusal {
    fn from(tripped: Tripped) -> Self {
        Self {
            rule: tripped.scope.rule().to_owned(),
            reason: format!(
                "the circuit of {} is open since {}: {}",
                tripped.scope, tripped.since, tripped.cause
            ),
            remedy: tripped.remedy,
        }
    }
}

/// What went wrong with a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TroubleKind {
    Failure,
    Regression,
    Conflict,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trouble {
    pub(super) at: Timestamp,
    pub(super) kind: TroubleKind,
    pub(super) object: EntityRef,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Circuit {
    state: State,
    troubles: Vec<Trouble>,
    /// How often it opened since it was closed for good.
    opened: u32,
    /// When it was last closed by a probe.
    mended: Option<Timestamp>,
    /// That it is down, whatever else holds it open.
    #[serde(default)]
    outage: Option<Outage>,
}

/// Since when something is down, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outage {
    since: Timestamp,
    why: String,
}

impl Circuit {
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    fn cause(&self) -> Option<&Cause> {
        self.state.cause()
    }

    pub(super) fn ask(&self, scope: &Scope, attempt: &Attempt, now: Timestamp) -> Result<(), Box<Tripped>> {
        let (since, cause, remedy) = match &self.state {
            State::Closed => return Ok(()),
            State::HalfOpen { probe, .. } if *probe == attempt.id => return Ok(()),
            State::HalfOpen {
                since, until, cause, ..
            } if until.is_none_or(|until| now < until) => {
                let remedy =
                    "another write is under way to find out whether the trouble is over; wait for it";
                (since, cause, remedy.to_owned())
            }
            State::Open {
                until: Some(until),
                since,
                cause,
            }
            | State::HalfOpen {
                until: Some(until),
                since,
                cause,
                ..
            } => match (*until <= now, is_low_risk(attempt.tier)) {
                (true, true) => return Ok(()),
                (true, false) => {
                    let remedy = "only a write that needs no approval may find out whether the trouble is over; \
                                  let one pass, or close the circuit";
                    (since, cause, remedy.to_owned())
                }
                (false, _) => (
                    since,
                    cause,
                    format!("one write may try at {until}; or close the circuit"),
                ),
            },
            State::Open {
                until: None,
                since,
                cause: cause @ Cause::Down { .. },
            } => (since, cause, "nothing is written until it is up again".to_owned()),
            State::Open { since, cause, .. } | State::HalfOpen { since, cause, .. } => {
                let remedy = "look at what happened, then close the circuit";
                (since, cause, remedy.to_owned())
            }
        };
        Err(Box::new(Tripped {
            scope: scope.clone(),
            since: *since,
            cause: cause.clone(),
            remedy,
        }))
    }

    /// Makes a write that it lets pass the probe, unless it is closed.
    pub(super) fn probe(&mut self, attempt: &Attempt, settings: &Settings, now: Timestamp) {
        let (State::Open { since, cause, .. } | State::HalfOpen { since, cause, .. }) = &self.state else {
            return;
        };
        self.state = State::HalfOpen {
            since: *since,
            probe: attempt.id.clone(),
            until: later(now, settings.open_for),
            cause: cause.clone(),
        };
    }

    /// What the probe found out. Other writes settle nothing.
    pub(super) fn settle(
        &mut self,
        attempt: &Attempt,
        outcome: Outcome,
        settings: &Settings,
        now: Timestamp,
    ) {
        let State::HalfOpen {
            since, probe, cause, ..
        } = &self.state
        else {
            return;
        };
        if *probe != attempt.id {
            return;
        }
        let (since, cause) = (*since, cause.clone());
        self.state = match outcome {
            Outcome::Applied => {
                self.mended = Some(now);
                self.troubles.clear();
                State::Closed
            }
            // Nothing was found out: the next one may try.
            Outcome::Withdrawn => State::Open {
                since,
                until: Some(now),
                cause,
            },
            Outcome::Failed | Outcome::Conflict => {
                let until = later(now, settings.open_for(self.opened));
                self.opened = self.opened.saturating_add(1);
                State::Open { since, until, cause }
            }
        };
    }

    /// Remembers a trouble, and opens where it is one too many.
    pub(super) fn note(
        &mut self,
        scope: &Scope,
        trouble: Trouble,
        limit: usize,
        settings: &Settings,
        now: Timestamp,
    ) {
        let kind = trouble.kind;
        self.troubles.push(trouble);
        self.forget(settings, now);
        let alike = || self.troubles.iter().filter(|trouble| trouble.kind == kind);
        let count = match (scope, kind) {
            (Scope::Object(_), _) | (_, TroubleKind::Conflict) => alike().count(),
            // One object that keeps failing has a circuit of its own.
            _ => objects(alike()),
        };
        if count < limit {
            return;
        }
        let within = settings.window;
        let cause = match kind {
            TroubleKind::Failure => Cause::Failures { count, within },
            TroubleKind::Regression => Cause::Regressions { count, within },
            TroubleKind::Conflict => Cause::Conflicts { count, within },
        };
        self.trip(cause, settings, now, *scope == Scope::Cluster);
    }

    /// Opens for a while, or for good. One that is open stays as it is, unless it is time for a probe: new trouble has come
    /// before it.
    pub(super) fn trip(&mut self, cause: Cause, settings: &Settings, now: Timestamp, for_good: bool) {
        if let State::Open { until: kept, .. } = &self.state
            && kept.is_none_or(|until| now < until)
        {
            return;
        }
        let until = match for_good {
            true => None,
            false => later(now, settings.open_for(self.opened)),
        };
        self.opened = self.opened.saturating_add(1);
        self.state = State::Open {
            since: now,
            until,
            cause,
        };
    }

    /// Opens until somebody closes it.
    pub(super) fn force(&mut self, cause: Cause, now: Timestamp) {
        let for_good = matches!(&self.state, State::Open { until: None, .. });
        let by_person = |cause: &Cause| matches!(cause, Cause::Person { .. });
        // Since when, and why first, is what people want to know; what a person said comes before that.
        if !for_good || (by_person(&cause) && !self.cause().is_some_and(by_person)) {
            self.state = State::Open {
                since: now,
                until: None,
                cause,
            };
        }
    }

    /// Opens until it is up again.
    pub(super) fn fall(&mut self, why: &str, now: Timestamp) {
        if self.outage.is_none() {
            let why = why.to_owned();
            self.outage = Some(Outage { since: now, why });
        }
        let why = why.to_owned();
        self.force(Cause::Down { why }, now);
    }

    /// Is up again. Closes what was open for being down alone, and says whether it did.
    pub(super) fn rise(&mut self) -> bool {
        self.outage = None;
        let down = matches!(self.cause(), Some(Cause::Down { .. }));
        if down {
            *self = Self::default();
        }
        down
    }

    /// Is closed by a person, who has looked at why it is open: that is forgotten, and no more. What is left to hold it open is that
    /// it is down, where it was open for another reason.
    pub(super) fn closed(self) -> Option<Self> {
        let Outage { since, why } = self.outage.clone()?;
        if matches!(self.cause(), Some(Cause::Down { .. })) {
            return None;
        }
        Some(Self {
            state: State::Open {
                since,
                until: None,
                cause: Cause::Down { why },
            },
            outage: self.outage,
            ..Self::default()
        })
    }

    /// Moves all that it remembers in time.
    pub(super) fn shift(&mut self, by: SignedDuration) {
        let move_by = |at: &mut Timestamp| *at = shifted(*at, by);
        match &mut self.state {
            State::Closed => {}
            State::Open { since, until, .. } | State::HalfOpen { since, until, .. } => {
                move_by(since);
                until.iter_mut().for_each(move_by);
            }
        }
        self.troubles
            .iter_mut()
            .for_each(|trouble| move_by(&mut trouble.at));
        self.mended.iter_mut().for_each(move_by);
        self.outage
            .iter_mut()
            .for_each(|outage| move_by(&mut outage.since));
    }

    /// Forgets troubles that count no longer, and after a while without any that it was open.
    pub(super) fn forget(&mut self, settings: &Settings, now: Timestamp) {
        self.troubles
            .retain(|trouble| now.duration_since(trouble.at) <= settings.window);
        let quiet = |mended: Timestamp| now.duration_since(mended) > settings.open_at_most;
        if self.state == State::Closed && self.troubles.is_empty() && self.mended.is_none_or(quiet) {
            self.opened = 0;
            self.mended = None;
        }
    }

    /// Whether nothing would be lost with it.
    pub(super) fn is_unused(&self) -> bool {
        *self == Self::default()
    }
}

/// A time so much later. One that cannot be said is never.
fn later(now: Timestamp, time: SignedDuration) -> Option<Timestamp> {
    now.checked_add(time).ok()
}
