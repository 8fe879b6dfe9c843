//! The record of a call that is under way.

use crate::audit::{AuditError, AuditEvent, AuditKind, Observed};
use crate::requests::{Requested, Requests};
use crate::tool::ToolError;

use super::{Gate, excerpt};

/// Longest account of what lies beneath an error, in bytes.
const CAUSES_BYTES: usize = 2048;

/// A call that was allowed and is being made. It is recorded however it ends, also when whoever made it goes away.
pub(super) struct Pending {
    gate: Gate,
    event: Option<AuditEvent>,
    requests: Requests,
}

impl Pending {
    pub(super) fn new(gate: &Gate, event: AuditEvent) -> Self {
        Self {
            gate: gate.clone(),
            event: Some(event),
            requests: Requests::named(gate.naming.next()),
        }
    }

    /// Those of the call.
    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    /// What asks and answers nothing that would have to be recorded besides.
    pub(super) fn attended(mut self) {
        let Some(event) = self.event.take().filter(|_| self.requests.waiting() > 0) else {
            return;
        };
        for event in with_requests(event, self.requests.close()) {
            self.gate.ahead.add(self.gate.begin_append(event));
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
        self.record(event).await
    }

    async fn record(&self, event: AuditEvent) -> Result<(), AuditError> {
        for event in with_requests(event, self.requests.close()) {
            self.gate.append(event).await?;
        }
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Some(mut event) = self.event.take() else {
            return;
        };
        let requested = self.requests.close();
        if event.kind == AuditKind::Requests && requested.is_none() {
            return;
        }
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
            for event in with_requests(event, requested) {
                if let Err(error) = gate.append(event).await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "an abandoned call is not recorded"
                    );
                }
            }
        });
    }
}

/// The event with the requests of its call, and further ones where those do not fit into one.
fn with_requests(event: AuditEvent, requested: Option<Requested>) -> Vec<AuditEvent> {
    let mut parts = requested.map(Requested::parts).unwrap_or_default().into_iter();
    let further = AuditEvent {
        kind: AuditKind::Requests,
        input: serde_json::Value::Null,
        observed: None,
        reasoned: None,
        decided: None,
        error: None,
        ..event.clone()
    };
    let first = AuditEvent {
        requests: parts.next(),
        ..event
    };
    let further = parts.map(|part| AuditEvent {
        requests: Some(part),
        ..further.clone()
    });
    std::iter::once(first).chain(further).collect()
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
