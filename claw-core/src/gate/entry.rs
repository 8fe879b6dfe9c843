use serde_json::Value;

use crate::audit::AuditKind;
use crate::requests::Requested;

/// Something to be recorded. Secrets are taken out of it on the way.
#[derive(Clone, Debug)]
#[must_use = "an entry is recorded by `Gate::record`"]
pub struct Entry {
    pub(super) kind: AuditKind,
    pub(super) subject: String,
    pub(super) why: String,
    pub(super) input: Value,
    pub(super) reasoned: Option<String>,
    pub(super) decided: Option<String>,
    pub(super) error: Option<String>,
    pub(super) requests: Option<Requested>,
}

impl Entry {
    /// Something that happened to or with `subject`, and why.
    pub fn new(kind: AuditKind, subject: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            kind,
            subject: subject.into(),
            why: why.into(),
            input: Value::Null,
            reasoned: None,
            decided: None,
            error: None,
            requests: None,
        }
    }

    /// What it rests on: arguments, a trigger, an action.
    pub fn with_input(mut self, input: Value) -> Self {
        self.input = input;
        self
    }

    /// What was concluded.
    pub fn with_reasoned(mut self, conclusion: impl Into<String>) -> Self {
        self.reasoned = Some(conclusion.into());
        self
    }

    /// What was decided, and by which rules.
    pub fn with_decided(mut self, decision: impl Into<String>) -> Self {
        self.decided = Some(decision.into());
        self
    }

    /// The requests that were sent to an API server for it.
    pub(crate) fn with_requests(mut self, requests: Requested) -> Self {
        self.requests = Some(requests);
        self
    }

    /// What went wrong.
    pub fn with_error(mut self, error: impl Into<String>) -> Self {
        self.error = Some(error.into());
        self
    }
}
