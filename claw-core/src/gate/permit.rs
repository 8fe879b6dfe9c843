use jiff::Timestamp;

use crate::action::Action;
use crate::audit::AuditReceipt;
use crate::execute::ActionId;

/// The right to perform one action, once, for a short time.
///
/// Only [`Gate::admit`](super::Gate::admit) makes permits. A permit cannot be copied, and performing the action uses it up:
///
/// ```compile_fail
/// # use claw_core::{action::Action, audit::AuditReceipt, gate::Permit};
/// fn without_asking(action: &Action, decision: AuditReceipt, expires: jiff::Timestamp) -> Permit {
///     Permit { digest: action.digest(), decision, expires } // its fields are private
/// }
/// ```
#[derive(Debug)]
#[must_use = "a permit that is dropped permits nothing"]
pub struct Permit {
    digest: String,
    decision: AuditReceipt,
    expires: Timestamp,
}

/// A permit does not fit what is about to be done.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PermitError {
    /// The action is not the one that was admitted.
    #[error("the action differs from the one that was admitted; admit it anew")]
    OtherAction,
    /// Too late.
    #[error("the permit expired at {expired}; admit the action anew")]
    Expired {
        /// When.
        expired: Timestamp,
    },
}

impl Permit {
    /// Only the gate calls this, after the decision was recorded.
    pub(super) fn issue(action: &Action, decision: AuditReceipt, expires: Timestamp) -> Self {
        Self {
            digest: action.digest(),
            decision,
            expires,
        }
    }

    /// How long a permit is good for.
    pub const LIFETIME: std::time::Duration = std::time::Duration::from_secs(60);

    /// By which name the action goes, once it is performed.
    pub fn action_id(&self) -> ActionId {
        ActionId::of(&self.decision)
    }

    /// Uses the permit up for `action`. Returns the audit receipt of the decision.
    pub fn redeem(self, action: &Action, now: Timestamp) -> Result<AuditReceipt, PermitError> {
        if self.digest != action.digest() {
            return Err(PermitError::OtherAction);
        }
        if now >= self.expires {
            return Err(PermitError::Expired {
                expired: self.expires,
            });
        }
        Ok(self.decision)
    }
}
