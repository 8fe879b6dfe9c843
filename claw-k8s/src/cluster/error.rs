//! Why the API server did not answer.

use std::fmt;
use std::time::Duration;

use claw_core::http::{is_certificate_error, is_expired_certificate_error};
use claw_core::report::Gap;
use claw_core::tool::{ToolError, ToolErrorKind};

/// The cause of an error, for operators.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// What to do about an answer that is not what the API promises.
pub(super) const MALFORMED: &str = "look at the agent's log for what the API server said";

/// A request to the API server failed.
///
/// The text names the request, and then [what to do](Self::remedy). It never quotes what the server said; that is in the
/// source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The agent lacks the right.
    Denied {
        /// What was asked.
        request: String,
        /// What the server said.
        #[source]
        source: Source,
    },
    /// The credentials are not accepted: expired, or for another cluster.
    Unauthorized {
        /// What was asked.
        request: String,
        /// What the server said.
        #[source]
        source: Source,
    },
    /// No such object, or no such kind.
    NotFound {
        /// What was asked.
        request: String,
        /// What the server said.
        #[source]
        source: Source,
    },
    /// The object is not in the state that the request takes for granted.
    Conflict {
        /// What was asked.
        request: String,
        /// What the server said.
        #[source]
        source: Source,
    },
    /// The list that a page belongs to is too old to be continued.
    Gone {
        /// What was asked.
        request: String,
        /// What the server said.
        #[source]
        source: Source,
    },
    /// The server did not accept the request.
    BadRequest {
        /// What was asked.
        request: String,
        /// What the server said.
        #[source]
        source: Source,
    },
    /// A name that cannot be part of a request.
    InvalidName {
        /// Whose name.
        what: &'static str,
        /// The name, cut to 64 characters.
        value: String,
    },
    /// The server asks to come back later.
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
    Unavailable {
        /// What was asked.
        request: String,
        /// Why.
        #[source]
        source: Source,
    },
    /// The server is not who it should be, or does not trust us.
    Tls {
        /// What was asked.
        request: String,
        /// Why.
        #[source]
        source: Source,
    },
    /// No answer began, or it did not go on, for longer than is waited for.
    Stalled {
        /// What was asked.
        request: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The deadline passed.
    Timeout {
        /// What was asked.
        request: String,
    },
    /// The run was cancelled.
    Cancelled {
        /// What was asked.
        request: String,
    },
    /// The answer is larger than the limit.
    TooLarge {
        /// What was asked.
        request: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer is not what the API promises.
    Malformed {
        /// What was asked.
        request: String,
        /// Why.
        #[source]
        source: Source,
    },
    /// There is no usable way to the cluster.
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
            Self::Conflict { .. }
            | Self::Gone { .. }
            | Self::Unavailable { .. }
            | Self::Tls { .. }
            | Self::Config { .. } => ToolErrorKind::Unavailable,
            Self::Stalled { .. } | Self::Timeout { .. } => ToolErrorKind::Timeout,
            Self::Cancelled { .. } => ToolErrorKind::Cancelled,
            Self::TooLarge { .. } => ToolErrorKind::TooLarge,
            Self::Malformed { .. } => ToolErrorKind::Internal,
        }
    }

    /// What to do so that it succeeds.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Denied { .. } if self.admission_policy().is_some() => {
                "an admission policy of the cluster denies it, and its words name the rule: no right helps, have a person do it"
            }
            Self::Denied { .. } => "grant the right, for example with the role that `access` generates",
            Self::Unauthorized { .. } => "renew the token or certificate",
            Self::NotFound { .. } => "check the name and the namespace, if it should be there",
            Self::Conflict { .. } => "read the object again",
            Self::Gone { .. } => "start the list again",
            Self::BadRequest { .. } => "check names and selectors",
            Self::InvalidName { .. } => "write it as kubectl shows it",
            Self::RateLimited { .. } => "try again later",
            Self::Unavailable { .. } => "check that it is up and can be reached, and try again",
            Self::Tls { source, .. } if is_expired_certificate_error(&**source) => {
                "have it renewed; where it is within its time, set the clock of this machine"
            }
            Self::Tls { source, .. } if is_certificate_error(&**source) => {
                "give the certificate authority that signed it, which may be a new one, in the kubeconfig"
            }
            Self::Tls { .. } => "check that the server speaks TLS, and the certificates",
            Self::Stalled { .. } => {
                "see what holds it up: the network, or the node that the API server has to ask"
            }
            Self::Timeout { .. } => "give the run more time, or ask for less",
            Self::Cancelled { .. } => "start the run again",
            Self::TooLarge { .. } => "ask for one namespace or use a selector",
            Self::Malformed { .. } => MALFORMED,
            Self::Config { .. } => "correct the way to the cluster",
        }
    }

    /// What happened, without what to do.
    pub(super) fn fact(&self) -> String {
        match self {
            Self::Denied { request, .. } => format!("not allowed: {request}"),
            Self::Unauthorized { request, .. } => format!("credentials not accepted: {request}"),
            Self::NotFound { request, .. } => format!("not found: {request}"),
            Self::Conflict { request, .. } => format!("the object is in another state: {request}"),
            Self::Gone { request, .. } => format!("the list has expired: {request}"),
            Self::BadRequest { request, .. } => format!("request not accepted: {request}"),
            Self::InvalidName { what, value } => format!("{what} `{value}` is not a Kubernetes name"),
            Self::RateLimited { request, .. } => format!("the API server is overloaded: {request}"),
            Self::Unavailable { request, .. } => format!("the API server is not available: {request}"),
            Self::Tls { request, source } if is_expired_certificate_error(&**source) => {
                format!("the certificate of the API server is not valid at this time: {request}")
            }
            Self::Tls { request, source } if is_certificate_error(&**source) => {
                format!("the certificate of the API server does not verify: {request}")
            }
            Self::Tls { request, .. } => format!("no secure connection to the API server: {request}"),
            Self::Stalled { request, limit } => {
                format!("the API server did not answer within {limit:?}: {request}")
            }
            Self::Timeout { request } => format!("the deadline passed: {request}"),
            Self::Cancelled { request } => format!("cancelled: {request}"),
            Self::TooLarge { request, limit } => {
                format!("the answer is larger than {limit} bytes: {request}")
            }
            Self::Malformed { request, .. } => format!("the answer makes no sense: {request}"),
            Self::Config { reason, .. } => format!("no way to the cluster: {reason}"),
        }
    }

    /// The same failure as something that could not be seen.
    pub fn gap(&self, source: impl Into<String>) -> Gap {
        Gap {
            source: source.into(),
            reason: self.fact(),
            remedy: self.remedy().to_owned(),
        }
    }

    /// Whether the same request may succeed a moment later.
    pub(super) fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. } | Self::Unavailable { .. } | Self::Stalled { .. }
        )
    }

    /// What the server said, where it said something. Untrusted text.
    pub fn server_message(&self) -> Option<&str> {
        match self {
            Self::Denied { source, .. }
            | Self::Unauthorized { source, .. }
            | Self::NotFound { source, .. }
            | Self::Conflict { source, .. }
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

impl ClusterError {
    /// The name of the admission policy that denied it; `None` where it was something else, such as the lack of a right.
    pub fn admission_policy(&self) -> Option<&str> {
        let Self::Denied { source, .. } = self else {
            return None;
        };
        let said = source.downcast_ref::<ServerSaid>()?;
        let (_, rest) = said.message.split_once("ValidatingAdmissionPolicy '")?;
        rest.split_once('\'').map(|(name, _)| name)
    }
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fact())?;
        match self {
            // Its reason says what to do.
            Self::Config { .. } => Ok(()),
            _ => write!(f, "; {}", self.remedy()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_is_told_apart_from_a_lack_of_rights() {
        let denied = |message: &str| {
            let error = ClusterError::Denied {
                request: "patch deployments.apps shop/cart".to_owned(),
                source: Box::new(ServerSaid {
                    code: 403,
                    message: message.to_owned(),
                }),
            };
            (error.admission_policy().map(str::to_owned), error.remedy())
        };
        let (wall, remedy) = denied("deployments.apps is forbidden: User cannot patch");
        assert!(wall.is_none() && remedy.starts_with("grant the right"));
        let walled = "deployments.apps \"cart\" is forbidden: ValidatingAdmissionPolicy 'openclaw-wall-phase' with binding \
                      'openclaw-wall-phase' denied request: openclaw: phase.cap: in the phase observe nothing is written";
        let (wall, remedy) = denied(walled);
        assert_eq!(wall.as_deref(), Some("openclaw-wall-phase"));
        assert!(remedy.contains("no right helps"));
    }
}
