use crate::workflow::RunId;

/// The underlying error, for operators.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The journal could not do what was asked. It is as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the file.
    #[error("the journal {path} is in use by another process; stop that one, or name another file")]
    Locked {
        /// The file.
        path: String,
    },
    /// The file cannot be opened, read or written.
    #[error(
        "the journal {path} cannot be used; check that its folder exists and that this user may write there"
    )]
    Unavailable {
        /// The file.
        path: String,
        /// The underlying error.
        #[source]
        source: Cause,
    },
    /// No space.
    #[error("no space left for the journal {path}; make room, then start again: nothing is lost")]
    Full {
        /// The file.
        path: String,
        /// The underlying error.
        #[source]
        source: Cause,
    },
    /// The file is not a journal, or no longer one.
    #[error(
        "the journal {path} is damaged, or is another kind of file; put back a copy, or move it away to begin anew"
    )]
    Corrupt {
        /// The file.
        path: String,
        /// The underlying error.
        #[source]
        source: Cause,
    },
    /// The file was written by a newer version.
    #[error(
        "the journal {path} was written by a newer version (schema {version}); run that version, or name another file"
    )]
    NewerSchema {
        /// The file.
        path: String,
        /// Version of its schema.
        version: i64,
    },
    /// There is no such run.
    #[error("there is no run {run}; list the runs that the journal knows")]
    UnknownRun {
        /// The run.
        run: RunId,
    },
    /// There is no such delivery.
    #[error("run {run} has no report for {sink}; look at the deliveries of the run")]
    UnknownDelivery {
        /// The run.
        run: RunId,
        /// The sink.
        sink: String,
    },
    /// The run or delivery has moved on: somebody else works on it.
    #[error("{subject} is {actual}, not {expected}; read it again")]
    Conflict {
        /// What.
        subject: String,
        /// Where it was thought to be.
        expected: String,
        /// Where it is.
        actual: String,
    },
    /// A defect.
    #[error("the journal {path} refused a statement; this is a defect")]
    Internal {
        /// The file.
        path: String,
        /// The underlying error.
        #[source]
        source: Cause,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without a change to the agent.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Locked { .. } | Self::Unavailable { .. } | Self::Full { .. }
        )
    }
}
