//! The emergency stop.

use std::sync::{Arc, Mutex, PoisonError};

use claw_core::gate::Refusal;
use tokio_util::sync::CancellationToken;

use super::refusal;

/// An emergency stop. While it is engaged, nothing is read or written; calls under way are broken off, and their answers
/// are not used.
///
/// It stays engaged until it is released. Clones share one state. The state is not kept across restarts.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Why it is engaged.
    reason: Option<String>,
    /// Fires when it is engaged. A new one after each release.
    engaged: CancellationToken,
}

impl Stop {
    /// A stop that is not engaged.
    pub fn new() -> Self {
        Self::default()
    }

    /// Engages the stop. The first reason stands until the stop is released.
    pub fn engage(&self, reason: impl Into<String>) {
        let mut state = self.state();
        state.reason.get_or_insert_with(|| reason.into());
        state.engaged.cancel();
    }

    /// Releases the stop: for a person to decide.
    pub fn release(&self) {
        *self.state() = State::default();
    }

    /// Why the stop is engaged; `None` when it is not.
    pub fn reason(&self) -> Option<String> {
        self.state().reason.clone()
    }

    pub(super) fn token(&self) -> CancellationToken {
        self.state().engaged.clone()
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

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
