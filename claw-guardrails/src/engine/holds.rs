//! What keeps the agent from writing besides the emergency stop: reasons that come and go while it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use claw_core::fence::{Alone, Fence};
use claw_core::gate::Refusal;

/// The rule of a process that does not hold the lease.
pub(super) const NOT_HELD: &str = "lease.not_held";

/// Reasons by rule, and the fence.
pub(super) struct Holds {
    reasons: Mutex<BTreeMap<String, Refusal>>,
    fence: Arc<dyn Fence>,
}

impl std::fmt::Debug for Holds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Holds")
            .field("reasons", &*self.reasons())
            .finish_non_exhaustive()
    }
}

impl Default for Holds {
    fn default() -> Self {
        Self {
            reasons: Mutex::default(),
            fence: Arc::new(Alone),
        }
    }
}

impl Holds {
    pub(super) fn fenced_by(fence: Arc<dyn Fence>) -> Self {
        Self {
            fence,
            ..Self::default()
        }
    }

    /// Whether that is new, or says something else than before.
    pub(super) fn hold(&self, refusal: Refusal) -> bool {
        let before = self.reasons().insert(refusal.rule.clone(), refusal.clone());
        before != Some(refusal)
    }

    pub(super) fn lift(&self, rule: &str) -> bool {
        self.reasons().remove(rule).is_some()
    }

    /// The first of the reasons; the lease last, which says least about what is wrong.
    pub(super) async fn check(&self) -> Result<(), Refusal> {
        if let Some(refusal) = self.reasons().values().next() {
            return Err(refusal.clone());
        }
        match self.fence.check().await {
            Ok(_) => Ok(()),
            Err(lost) => {
                let said = lost.to_string();
                let (reason, remedy) = said.split_once("; ").unwrap_or((&said, "send it to the leader"));
                Err(super::refusal(NOT_HELD, reason.to_owned(), remedy))
            }
        }
    }

    fn reasons(&self) -> MutexGuard<'_, BTreeMap<String, Refusal>> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
