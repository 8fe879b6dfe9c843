//! Records that are waited for together with the next one.

use std::sync::{Mutex, PoisonError};

use tokio::task::JoinHandle;

use crate::audit::{AuditError, AuditReceipt};

/// A record that is being written.
pub(super) type Recording = JoinHandle<Result<AuditReceipt, AuditError>>;

/// Records that nobody waits for by themselves: what they tell of has no effect, and whatever has one is recorded after them.
#[derive(Debug, Default)]
pub(super) struct Ahead(Mutex<Vec<Recording>>);

impl Ahead {
    pub(super) fn add(&self, recording: Recording) {
        let mut ahead = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.push(recording);
    }

    pub(super) fn take(&self) -> Vec<Recording> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
