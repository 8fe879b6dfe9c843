use claw_core::audit::AuditError;
use claw_core::store::StoreError;

use crate::approval::ApprovalError;

/// It could not be found out, or could not be recorded, how an action stands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// The audit log takes no records: nothing is written.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// What has to survive a restart cannot be kept: nothing is written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A document makes no sense.
    #[error(
        "the document {key} cannot be read; it was written by another version, or is damaged: look at it, then remove it"
    )]
    Unreadable {
        /// Its key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// There is no such intent.
    #[error("there is no intent {id}; it may have been settled long ago: see the audit log")]
    UnknownIntent {
        /// Its id.
        id: String,
    },
    /// The vote does not count.
    #[error(transparent)]
    Vote(#[from] ApprovalError),
    /// Nobody is asked about this intent.
    #[error("intent {id} is {state}: there is nothing to decide on")]
    NotAsked {
        /// Its id.
        id: String,
        /// How it stands.
        state: &'static str,
    },
    /// The task ended before its work did: a defect, or the runtime was shut down.
    #[error("the pipeline was interrupted; what was under way is found out when the agent starts again")]
    Interrupted {
        /// How.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
