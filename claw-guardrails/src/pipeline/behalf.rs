use claw_core::audit::{AuditError, AuditReceipt};
use claw_core::gate::{Entry, Gate, Scope};
use claw_core::tool::ToolContext;

/// On whose behalf an action goes through the steps, and who pays for what is read for it.
pub(super) struct Behalf {
    pub(super) scope: Scope,
    gate: Gate,
    account: Option<String>,
}

impl Behalf {
    /// A run that submits, and that pays for what is read.
    pub(super) fn of_run(gate: &Gate, scope: Scope) -> Self {
        Self {
            scope,
            gate: gate.clone(),
            account: None,
        }
    }

    /// A run that waits or has ended: its own budget is left alone.
    pub(super) fn of_intent(gate: &Gate, scope: Scope, intent: &str) -> Self {
        let account = format!("intent/{intent}");
        Self {
            scope,
            gate: gate.charged_to(&account),
            account: Some(account),
        }
    }

    pub(super) fn run(&self) -> &str {
        &self.scope.run
    }

    /// The gate for what is read.
    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Makes a call that sends requests, which are recorded: [`Gate::attend`].
    pub(super) async fn attend<T, F, Fut>(&self, cx: ToolContext, said: (&str, &str), call: F) -> T
    where
        F: FnOnce(ToolContext) -> Fut,
        Fut: Future<Output = T>,
    {
        self.gate.attend(&self.scope, cx, said, call).await
    }

    pub(super) async fn record(&self, entry: Entry) -> Result<AuditReceipt, AuditError> {
        self.gate.record(&self.scope, entry).await
    }
}

impl Drop for Behalf {
    fn drop(&mut self) {
        // Whatever is done next for the same intent has a budget of its own.
        if let Some(account) = &self.account {
            self.gate.end_run(account);
        }
    }
}
