//! Calls that no tool makes.

use serde_json::Value;

use super::{Gate, Pending, Scope};
use crate::audit::AuditKind;
use crate::tool::ToolContext;

impl Gate {
    /// Makes a call that is none of a tool, and that somebody else judges and records: a dry run, the way to a vote. The requests
    /// that it sends to an API server are recorded when it has ended, however it ends; `subject` and `why` say what they were
    /// for. `cx` sets its bounds.
    ///
    /// The record is not waited for by itself: the next one through this gate is durable only with it, and fails if it does. So
    /// what follows from the answer has to be recorded before it has an effect.
    pub async fn attend<T, F, Fut>(
        &self,
        scope: &Scope,
        cx: ToolContext,
        (subject, why): (&str, &str),
        call: F,
    ) -> T
    where
        F: FnOnce(ToolContext) -> Fut,
        Fut: Future<Output = T>,
    {
        let event = self.event(scope, AuditKind::Requests, subject, Value::Null, why);
        let pending = Pending::new(self, event);
        let answer = call(cx.with_requests(pending.requests().clone())).await;
        pending.attended();
        answer
    }
}
