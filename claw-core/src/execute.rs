//! Performing actions: the port to whatever writes.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::Action;
use crate::audit::AuditReceipt;
use crate::gate::{Permit, PermitError};
use crate::tool::ToolContext;

/// The annotation by which an object tells whose write stands. Its value is an [`ActionId`].
pub const ACTION_ANNOTATION: &str = "claw.dev/action";

/// Letters of a record's hash that name an action: enough that no two of one log have the same.
const ID_LETTERS: usize = 32;

/// The name of one performance of an action: the beginning of the hash of the record that permits it, so that whoever has the
/// audit log can tell what was to be done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActionId(pub String);

impl ActionId {
    /// The name of what a record permits.
    pub fn of(permission: &AuditReceipt) -> Self {
        Self(permission.hash.chars().take(ID_LETTERS).collect())
    }

    /// The id of the one request that performs it, in the API server's audit log. Whoever has the agent's log can tell it, as it
    /// follows from the record that permits the action; and as that is written before the request is sent, it can also be
    /// told of a write that was never answered.
    pub fn request_id(&self) -> String {
        format!("claw-{}", self.0)
    }
}

/// What would come of an action, by what the server says that it would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // made by every executor
pub struct Rehearsal {
    /// SHA-256 of the object as it would be, without what changes by itself, hexadecimal. [`Effected::outcome`] is the same when
    /// the write did what was rehearsed.
    pub outcome: String,
    /// What would change, one field a line (`path: old → new`), without secrets: for whoever approves.
    pub diff: Vec<String>,
    /// Fields that would change though the action does not name them, by path. Defaults that the server fills in for what the
    /// action adds are none of these.
    pub unplanned: Vec<String>,
    /// Who else has set a field that the action changes, as the object's managed fields name them, with the fields.
    pub taken_over: BTreeMap<String, Vec<String>>,
    /// What the server warned of.
    pub warnings: Vec<String>,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Effected {
    /// The object afterwards, as the server answered; what it answers to a deletion or an eviction may be a status.
    pub object: Value,
    /// SHA-256 of the object without what changes by itself, as in [`Rehearsal::outcome`].
    pub outcome: String,
    /// By which the server's own audit log has it.
    pub audit_id: Option<String>,
}

impl Effected {
    /// An answer of the server.
    pub fn new(object: Value, outcome: impl Into<String>, audit_id: Option<String>) -> Self {
        Self {
            object,
            outcome: outcome.into(),
            audit_id,
        }
    }

    /// The version of the object afterwards, where the answer is one.
    pub fn resource_version(&self) -> Option<&str> {
        self.object.pointer("/metadata/resourceVersion")?.as_str()
    }
}

/// Whether the executor's account has the rights for an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rights {
    /// It has.
    Granted,
    /// It has not.
    Missing {
        /// Which, as `verb group/resource in namespace`, with the server's reason where it gives one.
        what: String,
    },
}

/// Whether a write stands of which no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Standing {
    /// It stands.
    Ours,
    /// It does not, and the object is as it was: the same write may be sent again.
    NotYet,
    /// It does not, for certain, and the object has changed since: the action has to be made anew.
    Overtaken,
    /// The object has changed since, and nobody can say any more whether the write was a part of that: nothing may be sent again.
    Unclear,
    /// The object is gone, and nobody can say by whom: nothing may be sent again.
    Gone,
}

/// An action was not performed, or nobody knows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError {
    /// The permit is for something else, or too old.
    #[error(transparent)]
    Permit(#[from] PermitError),
    /// The action is none that can be performed.
    #[error("{target} cannot be written that way: {reason}")]
    Malformed {
        /// The target.
        target: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The object has changed since the action was made, or there is one already where it was to be created. Nothing was written.
    #[error("{target} has changed since the action was made; propose it anew")]
    Changed {
        /// The target.
        target: String,
        /// What the server said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server refused. Nothing was written.
    #[error("the server refused to write to {target}; {remedy}")]
    Refused {
        /// The target.
        target: String,
        /// What to do about it.
        remedy: String,
        /// What the server said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No answer came, or none that says. It may have been written.
    #[error("whether {target} was written is not known; see how it stands before anything is sent again")]
    Unknown {
        /// The target.
        target: String,
        /// What came in place of an answer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ExecuteError {
    /// Whether it is known that nothing was written.
    pub fn is_without_effect(&self) -> bool {
        !matches!(self, Self::Unknown { .. })
    }
}

/// Performs actions.
///
/// Implementers keep to this: a dry run changes nothing; a write is sent once, never again by itself; it is sent only if the
/// object is still the one, in the version, that the action was made for; it carries the [`ActionId`] where the object can
/// ([`ACTION_ANNOTATION`]); every call ends by the deadline of its context.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Executor: Send + Sync {
    /// Whether the account that writes may perform an action.
    async fn rights(&self, cx: &ToolContext, action: &Action) -> Result<Rights, ExecuteError>;

    /// What the server would make of an action, if the object is still in the version that the action was made for.
    async fn dry_run(&self, cx: &ToolContext, action: &Action) -> Result<Rehearsal, ExecuteError>;

    /// Performs an action, and uses up the permit for it. It goes by the [`ActionId`] that the permit names.
    async fn perform(
        &self,
        cx: &ToolContext,
        permit: Permit,
        action: &Action,
    ) -> Result<Effected, ExecuteError>;

    /// Whether a write of which no answer came stands.
    async fn standing(
        &self,
        cx: &ToolContext,
        action: &Action,
        id: &ActionId,
    ) -> Result<Standing, ExecuteError>;
}
