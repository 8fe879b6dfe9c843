//! Why the API server did not answer.

use std::time::Duration;

use claw_core::report::Gap;
use claw_core::tool::{ToolError, ToolErrorKind};

/// The cause of an error, for operators.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// A request to the API server failed.
///
/// The text names the request and says what to do. It never quotes what the server said; that is in the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The agent lacks the right.
    #[error("not allowed: {request}")]
    Denied {
        /// What was asked.
        request: String,
        /// What the server said.
        #[source]
        source: Source,
    },
    /// The credentials are not accepted: expired, or for another cluster.
    #[error("credentials not accepted: {request}; renew the token or certificate")]
    Unauthorized {
        /// What was asked.
        request: String,
        /// What the server said.
        #[source]
        source: Source,
    },
    /// No such object, or no such kind.
    #[error("not found: {request}")]
    NotFound {
        /// What was asked.
        request: String,
        /// What the server said.
        #[source]
        source: Source,
    },
    /// The list that a page belongs to is too old to be continued.
    #[error("the list has expired: {request}; start it again")]
    Gone {
        /// What was asked.
        request: String,
        /// What the server said.
        #[source]
        source: Source,
    },
    /// The server did not accept the request.
    #[error("request not accepted: {request}; check names and selectors")]
    BadRequest {
        /// What was asked.
        request: String,
        /// What the server said.
        #[source]
        source: Source,
    },
    /// A name that cannot be part of a request.
    #[error("{what} `{value}` is not a Kubernetes name")]
    InvalidName {
        /// Whose name.
        what: &'static str,
        /// The name, cut to 64 characters.
        value: String,
    },
    /// The server asks to come back later.
    #[error("the API server is overloaded: {request}; try again later")]
    RateLimited {
        /// What was asked.
        request: String,
        /// When to come back.
        retry_after: Option<Duration>,
        /// What the server said.
        #[source]
        source: Source,
    },
    /// The server cannot be reached or cannot answer.
    #[error("the API server is not available: {request}")]
    Unavailable {
        /// What was asked.
        request: String,
        /// Why.
        #[source]
        source: Source,
    },
    /// The server is not who it should be, or does not trust us.
    #[error("no secure connection to the API server: {request}; check the certificate authority")]
    Tls {
        /// What was asked.
        request: String,
        /// Why.
        #[source]
        source: Source,
    },
    /// The deadline passed.
    #[error("the deadline passed: {request}")]
    Timeout {
        /// What was asked.
        request: String,
    },
    /// The run was cancelled.
    #[error("cancelled: {request}")]
    Cancelled {
        /// What was asked.
        request: String,
    },
    /// The answer is larger than the limit.
    #[error("the answer is larger than {limit} bytes: {request}; ask for one namespace or use a selector")]
    TooLarge {
        /// What was asked.
        request: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer is not what the API promises.
    #[error("the answer makes no sense: {request}")]
    Malformed {
        /// What was asked.
        request: String,
        /// Why.
        #[source]
        source: Source,
    },
    /// There is no usable way to the cluster.
    #[error("no way to the cluster: {reason}")]
    Config {
        /// Why not, and what to do.
        reason: String,
        /// Why.
        #[source]
        source: Option<Source>,
    },
}

impl ClusterError {
    /// In which terms a tool reports it.
    pub fn kind(&self) -> ToolErrorKind {
        match self {
            Self::Denied { .. } | Self::Unauthorized { .. } => ToolErrorKind::Denied,
            Self::NotFound { .. } => ToolErrorKind::NotFound,
            Self::BadRequest { .. } | Self::InvalidName { .. } => ToolErrorKind::InvalidInput,
            Self::RateLimited { .. } => ToolErrorKind::RateLimited,
            Self::Gone { .. } | Self::Unavailable { .. } | Self::Tls { .. } | Self::Config { .. } => {
                ToolErrorKind::Unavailable
            }
            Self::Timeout { .. } => ToolErrorKind::Timeout,
            Self::Cancelled { .. } => ToolErrorKind::Cancelled,
            Self::TooLarge { .. } => ToolErrorKind::TooLarge,
            Self::Malformed { .. } => ToolErrorKind::Internal,
        }
    }

    /// The same failure as something that could not be seen.
    pub fn gap(&self, source: impl Into<String>) -> Gap {
        let remedy = match self {
            Self::Denied { .. } => "grant the right, for example with the role that `access` generates",
            Self::Unauthorized { .. } => "renew the credentials of the agent",
            Self::NotFound { .. } => "nothing, unless it should be there",
            Self::RateLimited { .. } | Self::Unavailable { .. } | Self::Gone { .. } => {
                "try again when the API server is well"
            }
            Self::Timeout { .. } | Self::Cancelled { .. } => "give the run more time",
            Self::TooLarge { .. } => "ask for one namespace or use a selector",
            Self::Tls { .. } | Self::Config { .. } => "correct the way to the cluster",
            Self::BadRequest { .. } | Self::InvalidName { .. } | Self::Malformed { .. } => {
                "look at the agent's log for what the API server said"
            }
        };
        Gap {
            source: source.into(),
            reason: self.to_string(),
            remedy: remedy.to_owned(),
        }
    }

    /// Whether the same request may succeed a moment later.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. })
    }

    /// What the server said, where it said something. Untrusted text.
    pub fn server_message(&self) -> Option<&str> {
        match self {
            Self::Denied { source, .. }
            | Self::Unauthorized { source, .. }
            | Self::NotFound { source, .. }
            | Self::Gone { source, .. }
            | Self::BadRequest { source, .. }
            | Self::RateLimited { source, .. }
            | Self::Unavailable { source, .. } => source
                .downcast_ref::<ServerSaid>()
                .map(|said| said.message.as_str()),
            _ => None,
        }
    }
}

impl From<ClusterError> for ToolError {
    fn from(error: ClusterError) -> Self {
        Self::new(error.kind(), error.to_string()).with_source(error)
    }
}

/// What the API server answered instead of what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("HTTP {code}: {message}")]
pub struct ServerSaid {
    /// HTTP status.
    pub code: u16,
    /// Its words, cut to 1,000 characters. Untrusted text.
    pub message: String,
}
