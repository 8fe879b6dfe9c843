//! What mechanisms put forward, before ranking.

use claw_core::entity::EntityRef;
use claw_core::evidence::{Evidence, Severity};
use jiff::Timestamp;

/// A suspected root cause with everything that one mechanism knows for and against it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Id of the mechanism.
    pub mechanism: &'static str,
    /// What is at fault.
    pub entity: EntityRef,
    /// The cause in one sentence.
    pub cause: String,
    /// Which of several faults of the same kind at the same entity it is: the object that is missing, the resource that is
    /// short. Empty where an entity can have the fault in one way only.
    pub aspect: String,
    /// Observations with their weights.
    pub clues: Vec<Clue>,
    /// What would have helped to judge it but could not be seen.
    pub unseen: Vec<String>,
    /// When it began to act, where that is known.
    pub onset: Option<Timestamp>,
    /// How long before `onset` it may have begun, in seconds: what is sampled every five minutes shows itself that late.
    pub uncertainty: i64,
    /// Reference of the change that brought it, where one did.
    pub change: Option<String>,
    /// Entities that it hurts directly; trouble spreads from these along the failure graph. Empty: `entity` itself.
    pub hurts: Vec<EntityRef>,
    /// How far such trouble may be the effect of another cause: 0 for what does not come about by itself (a selector that
    /// matches nothing), 1 for what is a mere effect unless nothing else explains it (slow answers).
    pub derived: f64,
    /// Whether it says that something is wrong with the entity and leaves open what: such candidates of an entity are told as
    /// one, and support those that say more.
    pub general: bool,
    /// What to do about it.
    pub advice: Vec<Advice>,
}

impl Candidate {
    /// A candidate without clues.
    pub fn new(mechanism: &'static str, entity: EntityRef, cause: impl Into<String>) -> Self {
        Self {
            mechanism,
            entity,
            cause: cause.into(),
            aspect: String::new(),
            clues: Vec::new(),
            unseen: Vec::new(),
            onset: None,
            uncertainty: 0,
            change: None,
            hurts: Vec::new(),
            derived: 0.0,
            general: false,
            advice: Vec::new(),
        }
    }

    /// Says which of several faults of the same kind it is.
    #[must_use]
    pub fn aspect(mut self, aspect: impl Into<String>) -> Self {
        self.aspect = aspect.into();
        self
    }

    /// Adds a clue. See [`Clue`] for the scale.
    #[must_use]
    pub fn clue(mut self, name: &'static str, log_odds: f64, evidence: Vec<Evidence>) -> Self {
        self.clues.push(Clue {
            name,
            log_odds,
            evidence,
        });
        self
    }

    /// Sets the time from which it acts; the earlier one where two are given.
    #[must_use]
    pub fn since(mut self, onset: Option<Timestamp>) -> Self {
        self.onset = match (self.onset, onset) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self
    }

    /// Says how many seconds before its onset it may have begun.
    #[must_use]
    pub fn uncertain_by(mut self, seconds: f64) -> Self {
        self.uncertainty = seconds.clamp(0.0, 86_400.0) as i64;
        self
    }

    /// Names the change that brought it.
    #[must_use]
    pub fn brought_by(mut self, change: Option<&str>) -> Self {
        self.change = change.map(str::to_owned);
        self
    }

    /// Names entities that it hurts directly.
    #[must_use]
    pub fn hurting(mut self, entities: impl IntoIterator<Item = EntityRef>) -> Self {
        self.hurts.extend(entities);
        self
    }

    /// Says how far it may be an effect of something else, 0 to 1.
    #[must_use]
    pub fn derived(mut self, share: f64) -> Self {
        self.derived = share.clamp(0.0, 1.0);
        self
    }

    /// Says that it leaves open what is wrong with the entity.
    #[must_use]
    pub fn general(mut self) -> Self {
        self.general = true;
        self
    }

    /// Names something that could not be seen.
    #[must_use]
    pub fn unseen(mut self, what: impl Into<String>) -> Self {
        self.unseen.push(what.into());
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn advise(mut self, advice: Advice) -> Self {
        self.advice.push(advice);
        self
    }

    /// Where trouble starts to spread from.
    pub fn seeds(&self) -> Vec<&EntityRef> {
        std::iter::once(&self.entity).chain(&self.hurts).collect()
    }

    /// Sum of the mechanism's own clues, in log-odds.
    pub fn own_score(&self) -> f64 {
        self.clues.iter().map(|clue| clue.log_odds).sum()
    }
}

/// One observation that speaks for (positive) or against (negative) a candidate.
///
/// The scale is natural log-odds: 0.7 doubles the odds, 2.3 makes them tenfold, 4.6 a hundredfold. A clue that the
/// mechanism's signature was seen directly (the kubelet names the missing key) weighs 3 to 5, circumstantial ones 0.5 to 1.5.
#[derive(Clone, Debug)]
pub struct Clue {
    /// Name of the weight, shown in the report.
    pub name: &'static str,
    /// The weight.
    pub log_odds: f64,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// What to do about a cause.
#[derive(Clone, Debug)]
pub struct Advice {
    /// What to do, in one sentence.
    pub title: String,
    /// Why it helps.
    pub reason: String,
    /// The exact command, or a diff.
    pub command: Option<String>,
    /// Whether it is easily taken back.
    pub reversible: bool,
}

impl Advice {
    /// Advice without a command.
    pub fn new(title: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            reason: reason.into(),
            command: None,
            reversible: true,
        }
    }

    /// Adds the exact command.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// Marks it as hard to take back.
    #[must_use]
    pub fn irreversible(mut self) -> Self {
        self.reversible = false;
        self
    }
}

/// Something that is wrong, seen directly. Causes explain symptoms.
#[derive(Clone, Debug)]
pub struct Symptom {
    /// Stable id: `pod.oom_killed`.
    pub id: &'static str,
    /// What it is about.
    pub entity: EntityRef,
    /// How bad it is.
    pub severity: Severity,
    /// Since when.
    pub since: Option<Timestamp>,
    /// In one sentence.
    pub statement: String,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}
