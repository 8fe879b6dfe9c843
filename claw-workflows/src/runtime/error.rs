//! What can go wrong with a runner as a whole.

use claw_core::audit::AuditError;
use claw_core::store::StoreError;
use claw_core::workflow::RunId;

/// A runner could not do what was asked. What goes wrong within a run is in its report instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// The runner was built without that workflow.
    #[error("this agent has no workflow named {workflow}; it has: {known}")]
    UnknownWorkflow {
        /// The workflow.
        workflow: String,
        /// Those that it was built with.
        known: String,
    },
    /// The input is not JSON; a defect of its type.
    #[error("the input of {workflow} cannot be written as JSON")]
    Input {
        /// The workflow.
        workflow: String,
        /// The underlying error.
        #[source]
        source: serde_json::Error,
    },
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] StoreError),
    /// The audit log failed.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The run is forgotten by the journal, or never was in it.
    #[error("there is no run {run}; see `runs` for those that there are")]
    UnknownRun {
        /// The run.
        run: RunId,
    },
}

impl RunnerError {
    /// Whether the same call may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Journal(error) => error.is_retryable(),
            Self::Audit(_) => true,
            _ => false,
        }
    }
}
