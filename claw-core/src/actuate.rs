//! Having actions done: the port from workflows to whatever judges and performs them.
//!
//! A workflow proposes an [`Action`] and submits it; everything else is for others to decide. See `claw_guardrails::pipeline`,
//! which is the one actuator there is.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::Action;
use crate::execute::ActionId;
use crate::gate::{Refusal, Scope};

/// How far an action has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Submitted {
    /// It is over.
    Settled(Settlement),
    /// People are asked. Submit it again when they have decided: see [`Wait::Approval`](crate::workflow::Wait::Approval).
    Waiting {
        /// Id of the request for approval.
        approval: String,
        /// When it counts as denied.
        until: Timestamp,
    },
    /// A write was sent, and nobody can say yet whether it stands. It is looked at again, and the identical write may be
    /// sent again. Submit it again when that is known: a run may wait for `intent` as for an approval.
    UnderWay {
        /// Its name, by which the run is woken: see [`Wait::Approval`](crate::workflow::Wait::Approval).
        intent: String,
        /// When to ask again at the latest: by then no request that was sent comes through any more.
        until: Timestamp,
        /// What is known, without secrets.
        reason: String,
    },
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Settlement {
    /// It was done.
    Applied {
        /// The name that the write goes by, also in the object's annotation.
        id: ActionId,
        /// The object's version afterwards, where it is known.
        resource_version: Option<String>,
        /// By which the server's own audit log has it, where it is known.
        audit_id: Option<String>,
        /// Who has approved it; nobody where nobody had to.
        approved_by: Vec<String>,
        /// How to take it back: a merge patch, where there is one.
        reversal: Option<Value>,
        /// Whether what was stored is what the rehearsal promised; `None` where that could not be seen.
        as_rehearsed: Option<bool>,
    },
    /// It would have been done, or would have been asked for, if writing were enabled.
    Rehearsed {
        /// How much a person would have had to do with it: the name of a tier.
        tier: String,
        /// What it would have changed, one field a line.
        diff: Vec<String>,
    },
    /// It may not be done. Nothing was written.
    Refused(Refusal),
    /// It went wrong. Nothing was written.
    Failed {
        /// Why, and what to do.
        reason: String,
    },
    /// Nobody will ever be able to say whether it was done. Nothing is sent again.
    Unresolved {
        /// What is known, and what to look at.
        reason: String,
    },
}

/// It could not be found out, or not be recorded, how an action stands.
#[derive(Debug, thiserror::Error)]
#[error("how the action on {target} stands is not known; submit it again, which does nothing twice")]
pub struct ActuateError {
    /// The target.
    pub target: String,
    /// The underlying error.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Has actions done.
///
/// Implementers keep to this: the same action of the same run and workflow is done once, however often it is submitted, also
/// across restarts; what was done, refused or asked for is on record before `submit` returns; a caller that goes away breaks
/// nothing off.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Actuator: Send + Sync {
    /// Takes an action as far as it comes by now.
    async fn submit(&self, scope: &Scope, workflow: &str, action: &Action)
    -> Result<Submitted, ActuateError>;
}
