//! The state of the stop, in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use claw_core::gate::Refusal;
use tokio_util::sync::CancellationToken;

/// An emergency stop. While it is engaged, nothing is read or written; calls under way are broken off, and their answers
/// are not used.
///
/// It stays engaged until it is released. Clones share one state. The state is not kept across restarts; a
/// [`Switch`](super::Switch) keeps it.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Why it is engaged.
    reason: Option<String>,
    /// Fires when it is engaged. A new one after each release.
    engaged: CancellationToken,
    /// Places of which it is not known whether they ask for the stop, with the reason.
    blind: BTreeMap<String, String>,
    /// Places that asked for it when they were last looked at.
    asking: BTreeMap<String, String>,
}

impl Stop {
    /// A stop that is not engaged.
    pub fn new() -> Self {
        Self::default()
    }

    /// Engages the stop. The first reason stands until the stop is released. Returns whether it was not engaged before.
    pub fn engage(&self, reason: impl Into<String>) -> bool {
        let mut state = self.state();
        let first = state.reason.is_none();
        state.reason.get_or_insert_with(|| reason.into());
        state.engaged.cancel();
        first
    }

    /// Releases the stop in memory: for a person to decide, by way of [`Switch::release`](super::Switch::release), which
    /// records who did.
    pub fn release(&self) {
        let mut state = self.state();
        state.reason = None;
        state.engaged = CancellationToken::new();
    }

    /// Why the stop is engaged; `None` when it is not.
    pub fn reason(&self) -> Option<String> {
        self.state().reason.clone()
    }

    /// Places of which it has not been known for too long whether they ask for the stop, each with the reason. While there is
    /// one, nothing is written.
    pub fn blind(&self) -> BTreeMap<String, String> {
        self.state().blind.clone()
    }

    /// Fires when the stop is engaged.
    pub fn token(&self) -> CancellationToken {
        self.state().engaged.clone()
    }

    /// Whether anything may be done.
    ///
    /// # Errors
    /// `stop.engaged` while the stop is engaged.
    pub fn check(&self) -> Result<(), Refusal> {
        match self.reason() {
            None => Ok(()),
            Some(reason) => Err(refusal(
                "stop.engaged",
                format!("the emergency stop is engaged: {reason}"),
                "a person has to release it",
            )),
        }
    }

    /// Whether anything may be written: asked before each write, and again right before it is sent.
    ///
    /// # Errors
    /// `stop.engaged` while the stop is engaged, `stop.blind` while it is not known whether it should be.
    pub fn check_write(&self) -> Result<(), Refusal> {
        self.check()?;
        match self.state().blind.iter().next() {
            None => Ok(()),
            Some((source, reason)) => Err(refusal(
                "stop.blind",
                format!("whether {source} asks for the emergency stop is not known: {reason}"),
                "make it readable again; the agent then goes on by itself",
            )),
        }
    }

    /// Says of a place whether it can be looked at. Returns whether that is new.
    pub(super) fn set_blind(&self, source: &str, reason: Option<String>) -> bool {
        let mut state = self.state();
        match reason {
            Some(reason) => state.blind.insert(source.to_owned(), reason).is_none(),
            None => state.blind.remove(source).is_some(),
        }
    }

    /// Says of a place whether it asks for the stop.
    pub(super) fn set_asking(&self, source: &str, reason: Option<String>) {
        let mut state = self.state();
        match reason {
            Some(reason) => state.asking.insert(source.to_owned(), reason),
            None => state.asking.remove(source),
        };
    }

    /// A place that asks for the stop.
    pub(super) fn asking(&self) -> Option<String> {
        self.state().asking.keys().next().cloned()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refusal(rule: &str, reason: String, remedy: &str) -> Refusal {
    Refusal {
        rule: rule.to_owned(),
        reason,
        remedy: remedy.to_owned(),
    }
}
