//! Who decides what may be done.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Scope;
use crate::action::Action;
use crate::tool::Effect;

/// What an [`Arbiter`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Judgement {
    /// It may be done; the rules that were asked.
    Allow {
        /// Ids of the rules.
        rules: Vec<String>,
    },
    /// It may not be done.
    Deny(Refusal),
}

/// Why something may not be done, and what would have to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("refused by {rule}: {reason}; {remedy}")]
pub struct Refusal {
    /// Id of the rule that decided.
    pub rule: String,
    /// The reason.
    pub reason: String,
    /// What would have to change.
    pub remedy: String,
}

/// Decides what may be done. The guardrail engine is one; it is asked before every call.
///
/// An arbiter has no side effects on the cluster, and answers [`Judgement::Deny`] whenever it cannot decide.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Arbiter: Send + Sync {
    /// May `tool`, whose calls have this effect, be called with `input`?
    async fn judge_read(&self, scope: &Scope, tool: &str, effect: Effect, input: &Value) -> Judgement;

    /// May `action` be done?
    async fn judge_write(&self, scope: &Scope, action: &Action) -> Judgement;

    /// Fires when calls that were allowed before are to be broken off. Never, unless overridden.
    fn stopped(&self) -> CancellationToken {
        CancellationToken::new()
    }

    /// The run has ended: what was remembered of it is of no more use.
    fn end_run(&self, run: &str) {
        let _ = run;
    }
}
