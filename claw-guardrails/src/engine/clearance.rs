//! Writes that the pipeline has judged and is about to make.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use claw_core::action::Action;

/// Digests of actions that were cleared and not yet admitted. Each is good for one.
#[derive(Debug, Default)]
pub(super) struct Clearances(Mutex<BTreeSet<String>>);

impl Clearances {
    pub(super) fn grant(&self, action: &Action) {
        self.cleared().insert(action.digest());
    }

    /// Whether it was cleared; it is not any more.
    pub(super) fn take(&self, action: &Action) -> bool {
        self.cleared().remove(&action.digest())
    }

    fn cleared(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
