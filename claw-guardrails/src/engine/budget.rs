//! How many calls a run may make.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use claw_core::gate::Refusal;
use serde::{Deserialize, Serialize};

use super::refusal;

/// How many calls a run may make. Refused calls are not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Budgets {
    /// Calls of one run, all tools together. 200 unless set: a usual investigation takes a fifth of that.
    pub calls: u32,
    /// Calls of one run to one tool. 100 unless set: a loop that calls one tool again and again leaves half of the run's
    /// calls to the others.
    pub calls_per_tool: u32,
    /// Other limits for single tools by name.
    pub tools: BTreeMap<String, u32>,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            calls: 200,
            calls_per_tool: 100,
            tools: BTreeMap::new(),
        }
    }
}

impl Budgets {
    /// Sets [`calls`](Self::calls).
    #[must_use]
    pub fn with_calls(mut self, calls: u32) -> Self {
        self.calls = calls;
        self
    }

    /// Sets [`calls_per_tool`](Self::calls_per_tool).
    #[must_use]
    pub fn with_calls_per_tool(mut self, calls: u32) -> Self {
        self.calls_per_tool = calls;
        self
    }

    /// Sets the limit of one tool.
    #[must_use]
    pub fn with_tool(mut self, tool: impl Into<String>, calls: u32) -> Self {
        self.tools.insert(tool.into(), calls);
        self
    }

    fn of_tool(&self, tool: &str) -> u32 {
        self.tools.get(tool).copied().unwrap_or(self.calls_per_tool)
    }
}

/// What a run has spent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spent {
    /// Calls, all tools together.
    pub calls: u32,
    /// Calls by tool.
    pub tools: BTreeMap<String, u32>,
}

/// What all runs have spent.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<BTreeMap<String, Spent>>);

impl Ledger {
    /// Takes one call from the run's budget, or refuses.
    pub(super) fn spend(&self, budgets: &Budgets, run: &str, tool: &str) -> Result<(), Refusal> {
        let mut accounts = self.accounts();
        let spent = accounts.entry(run.to_owned()).or_default();
        if spent.calls >= budgets.calls {
            return Err(refusal(
                "budget.run",
                format!("the run has made its {} calls", budgets.calls),
                "raise `budgets.calls` if runs need more",
            ));
        }
        let of_tool = spent.tools.get(tool).copied().unwrap_or(0);
        let limit = budgets.of_tool(tool);
        if of_tool >= limit {
            return Err(refusal(
                "budget.tool",
                format!("the run has made its {limit} calls to {tool}"),
                "raise `budgets.calls_per_tool`, or the tool's own limit in `budgets.tools`, if runs need more",
            ));
        }
        spent.calls = spent.calls.saturating_add(1);
        spent.tools.insert(tool.to_owned(), of_tool.saturating_add(1));
        Ok(())
    }

    pub(super) fn spent(&self, run: &str) -> Spent {
        self.accounts().get(run).cloned().unwrap_or_default()
    }

    pub(super) fn forget(&self, run: &str) {
        self.accounts().remove(run);
    }

    fn accounts(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Spent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
