use std::time::Duration;

use crate::tool::{ToolError, ToolErrorKind};

/// A request did not bring an answer that can be used. No text of the answer and no secret is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The client cannot be made from this configuration.
    #[error("the http client is misconfigured: {reason}")]
    InvalidConfig {
        /// What is wrong, and how to right it.
        reason: String,
    },
    /// The request cannot be made as described.
    #[error("the request cannot be sent: {reason}")]
    InvalidRequest {
        /// What is wrong, and how to right it.
        reason: String,
    },
    /// The token file could not be used.
    #[error("the token file {path} cannot be used: {reason}; mount it, or name another one")]
    Credentials {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The run was cancelled.
    #[error("the run was cancelled")]
    Cancelled,
    /// No whole answer in time.
    #[error("no answer from {host} within {after:?}; give it more time or ask for less")]
    Timeout {
        /// The service.
        host: String,
        /// How long was waited.
        after: Duration,
    },
    /// No connection.
    #[error("no connection to {host}; check the address, DNS and network policies")]
    Connect {
        /// The service.
        host: String,
        /// The underlying error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A connection, but no trust.
    #[error(
        "no trusted connection to {host}; check that it speaks https, and give the certificate authority that signed its certificate"
    )]
    Tls {
        /// The service.
        host: String,
        /// The underlying error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection broke before the answer was whole.
    #[error("the connection to {host} broke before the answer was whole")]
    Interrupted {
        /// The service.
        host: String,
        /// The underlying error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer points to another server, outside of the base URL, or in a circle. Credentials are not carried along.
    #[error("{host} redirects to another place; configure the address of that place instead")]
    Redirected {
        /// The service.
        host: String,
    },
    /// An answer, but not of success.
    #[error("{host} answered with status {code}")]
    Status {
        /// The service.
        host: String,
        /// The status.
        code: u16,
        /// When the service asks to be asked again.
        retry_after: Option<Duration>,
    },
    /// The answer is larger than allowed.
    #[error("the answer of {host} is larger than {limit} bytes; ask for less")]
    TooLarge {
        /// The service.
        host: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer is not what it should be.
    #[error(
        "the answer of {host} is not the JSON that was expected; check that the address is the service's API"
    )]
    Decode {
        /// The service.
        host: String,
        /// Where it differs: line, column and category, without the text.
        at: String,
    },
}

impl HttpError {
    /// The tool error that says the same of the service called `service` (`prometheus`).
    pub fn into_tool_error(self, service: &str) -> ToolError {
        ToolError::new(self.kind(), self.message(service)).with_source(self)
    }

    /// Whether the same request may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind(),
            ToolErrorKind::RateLimited | ToolErrorKind::Unavailable | ToolErrorKind::Timeout
        )
    }

    fn kind(&self) -> ToolErrorKind {
        match self {
            Self::InvalidConfig { .. } | Self::Decode { .. } | Self::Redirected { .. } => {
                ToolErrorKind::Internal
            }
            Self::InvalidRequest { .. } => ToolErrorKind::InvalidInput,
            Self::Credentials { .. } => ToolErrorKind::Denied,
            Self::Cancelled => ToolErrorKind::Cancelled,
            Self::Timeout { .. } => ToolErrorKind::Timeout,
            Self::Tls { .. } | Self::Connect { .. } | Self::Interrupted { .. } => ToolErrorKind::Unavailable,
            Self::TooLarge { .. } => ToolErrorKind::TooLarge,
            Self::Status { code, .. } => match code {
                400 | 405 | 413..=416 | 422 => ToolErrorKind::InvalidInput,
                401 | 403 | 407 => ToolErrorKind::Denied,
                404 | 410 => ToolErrorKind::NotFound,
                429 => ToolErrorKind::RateLimited,
                408 | 500..=599 => ToolErrorKind::Unavailable,
                _ => ToolErrorKind::Internal,
            },
        }
    }

    fn message(&self, service: &str) -> String {
        match self {
            Self::Status {
                code, retry_after, ..
            } => {
                let hint = match code {
                    401 => "it does not know the credentials; check token, user and password",
                    403 => "the credentials lack the right; grant it",
                    407 => "the proxy wants credentials; put them into its address",
                    404 | 410 => "it does not have what was asked for; check the address and the arguments",
                    429 => "too many requests; ask again later",
                    400 | 405 | 413..=416 | 422 => "it does not accept the request; check the arguments",
                    500..=599 => "it is in trouble itself; look after it or ask again later",
                    _ => "that is not an answer; check the address",
                };
                let again = retry_after.map_or_else(String::new, |after| {
                    format!(" (it asks to wait {} s)", after.as_secs())
                });
                format!("{service} answered with status {code}: {hint}{again}")
            }
            other => format!("{service}: {other}"),
        }
    }
}
