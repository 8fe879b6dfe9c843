//! The port through which a finished report leaves the agent.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use claw_core::report::Report;
use claw_core::tool::ToolContext;

/// A place that reports are handed to: a channel, a folder, a terminal, another service.
///
/// Implementers keep to this: a delivery ends by [`ToolContext::deadline`] and when [`ToolContext::cancel`] fires; it
/// may be repeated with the same `key` after a failure or a crash, and a place that can tell repeats apart shows the
/// report once; text in the report came from the cluster and is escaped for the place that shows it.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a claw sink",
    note = "implement `claw_workflows::deliver::sink::Sink`: a name and `deliver`"
)]
pub trait Sink: Send + Sync {
    /// Name of the sink in the audit log and in error messages; never an address that is a secret.
    fn name(&self) -> &str;

    /// Hands over `report`. `key` is the idempotency key: the id of the run that wrote the report.
    async fn deliver(&self, cx: &ToolContext, report: &Report, key: &str) -> Result<(), DeliverError>;
}

#[async_trait]
impl<S: Sink + ?Sized> Sink for Arc<S> {
    fn name(&self) -> &str {
        (**self).name()
    }

    async fn deliver(&self, cx: &ToolContext, report: &Report, key: &str) -> Result<(), DeliverError> {
        (**self).deliver(cx, report, key).await
    }
}

#[async_trait]
impl<S: Sink + ?Sized> Sink for Box<S> {
    fn name(&self) -> &str {
        (**self).name()
    }

    async fn deliver(&self, cx: &ToolContext, report: &Report, key: &str) -> Result<(), DeliverError> {
        (**self).deliver(cx, report, key).await
    }
}

/// The underlying error of a failed delivery, for operators.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A report could not be delivered. No message holds an address or a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliverError {
    /// The place could not be reached, or was not able to take the report.
    #[error("{sink} could not be reached: {reason}; delivery may be repeated")]
    Unavailable {
        /// Name of the sink.
        sink: String,
        /// What happened.
        reason: String,
        /// The underlying error.
        #[source]
        source: Option<Cause>,
    },
    /// The place asks to come back later.
    #[error("{sink} takes no more messages for now{}", wait_text(.retry_after.as_ref()))]
    RateLimited {
        /// Name of the sink.
        sink: String,
        /// How long to wait, where the place says so.
        retry_after: Option<Duration>,
    },
    /// The place refused the report, and would refuse it again.
    #[error("{sink} refused the report ({code}): {remedy}")]
    Refused {
        /// Name of the sink.
        sink: String,
        /// The place's own word for the reason: an error code or an HTTP status.
        code: String,
        /// What to do about it.
        remedy: String,
    },
    /// The deadline passed before the place had answered.
    #[error("{sink} did not answer in time; delivery may be repeated with a longer deadline")]
    Timeout {
        /// Name of the sink.
        sink: String,
    },
    /// The run was cancelled.
    #[error("delivery to {sink} was cancelled with its run")]
    Cancelled {
        /// Name of the sink.
        sink: String,
    },
    /// The sink is set up wrongly.
    #[error("{sink} cannot be used as configured: {reason}")]
    Configuration {
        /// Name of the sink.
        sink: String,
        /// What is wrong, and how to right it.
        reason: String,
    },
    /// A file could not be written.
    #[error("{sink} could not write {path}; check that the folder exists, is writable and has space")]
    Io {
        /// Name of the sink.
        sink: String,
        /// The file.
        path: String,
        /// The underlying error.
        #[source]
        source: std::io::Error,
    },
    /// The report could not be rendered; a defect of the renderer or of a template.
    #[error("the report could not be rendered for {sink}")]
    Render {
        /// Name of the sink.
        sink: String,
        /// The underlying error.
        #[source]
        source: Cause,
    },
}

impl DeliverError {
    /// Whether the same delivery may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::RateLimited { .. } | Self::Timeout { .. } | Self::Io { .. } => {
                true
            }
            Self::Refused { .. }
            | Self::Cancelled { .. }
            | Self::Configuration { .. }
            | Self::Render { .. } => false,
        }
    }

    /// How long the place asks to wait before the next try, where it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Name of the sink that failed.
    pub fn sink(&self) -> &str {
        match self {
            Self::Unavailable { sink, .. }
            | Self::RateLimited { sink, .. }
            | Self::Refused { sink, .. }
            | Self::Timeout { sink }
            | Self::Cancelled { sink }
            | Self::Configuration { sink, .. }
            | Self::Io { sink, .. }
            | Self::Render { sink, .. } => sink,
        }
    }
}

fn wait_text(retry_after: Option<&Duration>) -> String {
    match retry_after {
        Some(wait) => format!("; it asks to wait {} s", wait.as_secs()),
        None => "; delivery may be repeated later".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_limit_is_retryable_and_says_how_long_to_wait() {
        let error = DeliverError::RateLimited {
            sink: "slack".into(),
            retry_after: Some(Duration::from_secs(30)),
        };
        assert!(error.is_retryable());
        assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
        assert_eq!(
            error.to_string(),
            "slack takes no more messages for now; it asks to wait 30 s"
        );
    }

    #[test]
    fn refusal_is_terminal() {
        let error = DeliverError::Refused {
            sink: "slack".into(),
            code: "channel_not_found".into(),
            remedy: "invite the app to the channel".into(),
        };
        assert!(!error.is_retryable());
        assert_eq!(error.sink(), "slack");
    }
}
