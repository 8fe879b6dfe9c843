//! The port to a provider, and what its answers mean for an action.

use std::fmt;

use async_trait::async_trait;
use claw_core::action::Action;
use claw_core::execute::{ActionId, ExecuteError, Standing};
use claw_core::http::HttpError;
use claw_core::tool::ToolContext;
use serde_json::Value;

/// What lies beneath an error, for operators.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A way to one channel, or to one pipeline. `C` is what is sent: a
/// [`Notification`](claw_core::outside::Notification) or a [`PipelineRun`](claw_core::outside::PipelineRun).
///
/// Implementers keep to this: [`check`](Self::check) has no effect; [`send`](Self::send) makes one request and carries the id
/// where the provider can; every call ends by the deadline of its context; answers hold no secret and no text of others.
#[async_trait]
pub trait Provider<C: Send + Sync>: Send + Sync + fmt::Debug {
    /// Whether it would be taken, as far as that can be said without an effect. Returns what would be sent, or what was seen.
    async fn check(&self, cx: &ToolContext, content: &C) -> Result<Value, ProviderError>;

    /// Sends it.
    async fn send(&self, cx: &ToolContext, content: &C, id: &ActionId) -> Result<Value, ProviderError>;

    /// Whether something of which no answer came was taken. That nobody can say, unless overridden.
    async fn standing(&self, cx: &ToolContext, id: &ActionId) -> Result<Standing, ProviderError> {
        let _ = (cx, id);
        Ok(Standing::Gone)
    }
}

/// A provider did not take something, or nobody knows. Neither holds an address, a token or an answer's text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// It did not: nothing was done.
    #[error("{service} did not take it; {remedy}")]
    Refused {
        /// The provider.
        service: &'static str,
        /// What to do about it.
        remedy: String,
        /// What it said.
        #[source]
        source: Cause,
    },
    /// No answer came, or none that says.
    #[error("whether {service} took it is not known")]
    Unknown {
        /// The provider.
        service: &'static str,
        /// What came in place of an answer.
        #[source]
        source: Cause,
    },
}

impl ProviderError {
    /// What a failed request with an effect means. In doubt it was carried out.
    pub fn of_request(service: &'static str, error: HttpError) -> Self {
        match not_carried_out(&error) {
            Some(remedy) => Self::Refused {
                service,
                remedy: remedy.to_owned(),
                source: Box::new(error),
            },
            None => Self::Unknown {
                service,
                source: Box::new(error),
            },
        }
    }

    /// What a failed request without an effect means: nothing was done, whatever came.
    pub fn of_look(service: &'static str, error: HttpError) -> Self {
        match Self::of_request(service, error) {
            Self::Unknown { service, source } => Self::Refused {
                service,
                remedy: "it did not answer; try again when it does".to_owned(),
                source,
            },
            refused => refused,
        }
    }

    /// The same, of an action.
    pub(super) fn about(self, action: &Action) -> ExecuteError {
        let target = action.target.to_string();
        match self {
            Self::Refused { ref remedy, .. } => ExecuteError::Refused {
                target,
                remedy: remedy.clone(),
                source: Box::new(self),
            },
            Self::Unknown { .. } => ExecuteError::Unknown {
                target,
                source: Box::new(self),
            },
        }
    }
}

/// What to do about a request that was certainly not carried out; `None` where it may have been.
fn not_carried_out(error: &HttpError) -> Option<&'static str> {
    Some(match error {
        HttpError::Connect { .. } => "no connection stood; check that the provider can be reached",
        HttpError::InvalidConfig { .. }
        | HttpError::InvalidRequest { .. }
        | HttpError::Credentials { .. } => "it was not sent; check the configuration",
        HttpError::Redirected { .. } => "configure the address that the provider has now",
        HttpError::Status { code, .. } => match code {
            401 | 403 => "check the token and what it allows",
            404 | 410 => {
                "check the configuration; the place does not exist there, or the token does not show it"
            }
            429 => "it takes no more for now; propose it again later",
            // It may have begun before it gave up.
            408 | 425 | 499 => return None,
            300..=399 => "configure the address that the provider has now",
            400..=499 => "check the inputs against what the provider expects, and the configuration",
            _ => return None,
        },
        _ => return None,
    })
}

pub(super) fn malformed(action: &Action, reason: impl Into<String>) -> ExecuteError {
    ExecuteError::Malformed {
        target: action.target.to_string(),
        reason: reason.into(),
    }
}
