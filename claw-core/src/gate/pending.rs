//! The record of a call that is under way.

use crate::audit::{AuditError, AuditEvent, Observed};
use crate::tool::ToolError;

use super::{Gate, excerpt};

/// Longest account of what lies beneath an error, in bytes.
const CAUSES_BYTES: usize = 2048;

/// A call that was allowed and is being made. It is recorded however it ends, also when whoever made it goes away.
pub(super) struct Pending {
    gate: Gate,
    event: Option<AuditEvent>,
}

impl Pending {
    pub(super) fn new(gate: &Gate, event: AuditEvent) -> Self {
        Self {
            gate: gate.clone(),
            event: Some(event),
        }
    }

    pub(super) async fn answered(self, observed: Observed) -> Result<(), AuditError> {
        self.ended(|event| event.observed = Some(observed)).await
    }

    /// The caller gets the message; what lies beneath it is for operators.
    pub(super) async fn failed(self, error: &ToolError) -> Result<(), AuditError> {
        let mut text = format!("{:?}: {error}", error.kind());
        let causes = causes(error);
        if !causes.is_empty() {
            let causes = self.gate.redactor.redact(&causes);
            let causes = excerpt(&causes, CAUSES_BYTES);
            tracing::warn!(
                run = self.event.as_ref().map(|event| &event.run),
                tool = self.event.as_ref().map(|event| &event.subject),
                kind = ?error.kind(),
                %error,
                causes,
                "a call failed"
            );
            text = format!("{text}; because: {causes}");
        }
        self.ended(|event| event.error = Some(text)).await
    }

    async fn ended(mut self, say: impl FnOnce(&mut AuditEvent)) -> Result<(), AuditError> {
        let Some(mut event) = self.event.take() else {
            return Ok(());
        };
        event.time = self.gate.clock.now();
        say(&mut event);
        self.gate.append(event).await.map(drop)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Some(mut event) = self.event.take() else {
            return;
        };
        event.time = self.gate.clock.now();
        event.error = Some("Cancelled: the call was abandoned before it had ended".to_owned());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            tracing::warn!(
                run = event.run,
                tool = event.subject,
                "an abandoned call is not recorded"
            );
            return;
        };
        let gate = self.gate.clone();
        runtime.spawn(async move {
            if let Err(error) = gate.append(event).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "an abandoned call is not recorded"
                );
            }
        });
    }
}

/// The texts of the errors beneath this one, each once.
fn causes(error: &ToolError) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        next = cause.source();
    }
    texts.join(": ")
}
