//! The emergency stop.

use std::sync::{Arc, Mutex, PoisonError};

use claw_core::gate::Refusal;

use super::refusal;

/// An emergency stop. While it is engaged, nothing is read or written.
///
/// It stays engaged until it is released. Clones share one state. The state is not kept across restarts.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Mutex<Option<String>>>);

impl Stop {
    /// A stop that is not engaged.
    pub fn new() -> Self {
        Self::default()
    }

    /// Engages the stop. The first reason stands until the stop is released.
    pub fn engage(&self, reason: impl Into<String>) {
        self.state().get_or_insert_with(|| reason.into());
    }

    /// Releases the stop: for a person to decide.
    pub fn release(&self) {
        *self.state() = None;
    }

    /// Why the stop is engaged; `None` when it is not.
    pub fn reason(&self) -> Option<String> {
        self.state().clone()
    }

    pub(super) fn check(&self) -> Result<(), Refusal> {
        match self.reason() {
            None => Ok(()),
            Some(reason) => Err(refusal(
                "stop.engaged",
                format!("the emergency stop is engaged: {reason}"),
                "a person has to release it",
            )),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
