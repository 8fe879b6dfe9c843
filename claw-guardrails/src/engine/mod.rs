//! Decides what may be done. Asked before every call; in doubt the answer is no.
//!
//! Reads are judged in this order, and the first rule that refuses decides:
//!
//! | rule | refuses |
//! |---|---|
//! | `stop.engaged` | everything, while the emergency stop is engaged |
//! | `mode.read_only` | calls whose effect is anything but reading, unless the mode allows it |
//! | `run.cancelled` | calls of a run that was cancelled |
//! | `run.deadline` | calls of a run whose time is over |
//! | `reads.denied_namespace` | calls that name a denied namespace |
//! | `budget.run` | more calls than a run may make |
//! | `budget.tool` | more calls than a run may make of one tool |
//!
//! Writes are judged by the [pipeline](crate::pipeline). What it has cleared is let through here, once and right then:
//!
//! | rule | refuses |
//! |---|---|
//! | `stop.engaged` | everything, while the emergency stop is engaged |
//! | `stop.blind` | everything, while it is not known whether it should be |
//! | `walls.missing` | every write, while the API server is not known to hold the agent to its policy; see [`Engine::hold`] |
//! | `lease.not_held` | every write of a process that does not hold the lease; see [`Engine::with_fence`] |
//! | `writes.not_enabled` | every write, unless the mode is [`Mode::Live`] |
//! | `run.cancelled` | writes of a run that was cancelled |
//! | `writes.not_cleared` | writes that the pipeline did not clear |

mod budget;
mod clearance;
mod holds;
mod namespace;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::action::Action;
use claw_core::clock::Clock;
use claw_core::fence::Fence;
use claw_core::gate::{Arbiter, Judgement, Refusal, Scope};
use claw_core::tool::Effect;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use crate::stop::Stop;
pub use budget::{Budgets, Spent};

/// How far calls may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mode {
    /// Tools that read, and no others.
    #[default]
    ReadOnly,
    /// Also tools that propose: they read, and answer with a write as data, for others to judge. The pipeline judges and
    /// rehearses it, and goes no further.
    Propose,
    /// The pipeline performs what it may.
    Live,
}

impl Mode {
    fn allows(self, effect: Effect) -> bool {
        match effect {
            Effect::Read => true,
            Effect::Propose => matches!(self, Self::Propose | Self::Live),
            // An effect that this engine does not know is none that it may allow.
            _ => false,
        }
    }
}

/// What an [`Engine`] allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Config {
    /// How far calls may go. Read only unless set.
    pub mode: Mode,
    /// How many calls a run may make.
    pub budgets: Budgets,
    /// Namespaces that no call may name. None unless set.
    ///
    /// This stops what is asked for by name, in queries also by a pattern that fits the name. What is asked for all
    /// namespaces, or for all but some, is not refused: what it may return is for the rights of the agent's account to
    /// say.
    pub denied_namespaces: BTreeSet<String>,
}

impl Config {
    /// Sets [`mode`](Self::mode).
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets [`budgets`](Self::budgets).
    #[must_use]
    pub fn with_budgets(mut self, budgets: Budgets) -> Self {
        self.budgets = budgets;
        self
    }

    /// Adds a namespace to [`denied_namespaces`](Self::denied_namespaces).
    #[must_use]
    pub fn deny_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.denied_namespaces.insert(namespace.into());
        self
    }
}

/// The guardrail engine.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    clock: Arc<dyn Clock>,
    stop: Stop,
    holds: holds::Holds,
    ledger: budget::Ledger,
    clearances: clearance::Clearances,
}

impl Engine {
    /// An engine that measures deadlines by `clock`.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        Self {
            config,
            clock,
            stop: Stop::new(),
            holds: holds::Holds::default(),
            ledger: budget::Ledger::default(),
            clearances: clearance::Clearances::default(),
        }
    }

    /// Lets nothing be written while `fence` is lost. Without one the process is taken to be alone.
    #[must_use]
    pub fn with_fence(mut self, fence: Arc<dyn Fence>) -> Self {
        self.holds = holds::Holds::fenced_by(fence);
        self
    }

    /// Lets nothing be written until the rule is [lifted](Self::lift), for a reason that is found outside the engine: that the
    /// outer walls do not stand (`walls.missing`). Of two reasons by one rule the later one stands. Returns whether it is new.
    pub fn hold(&self, refusal: Refusal) -> bool {
        self.holds.hold(refusal)
    }

    /// Takes a reason back. Returns whether it was there.
    pub fn lift(&self, rule: &str) -> bool {
        self.holds.lift(rule)
    }

    /// Whether anything may be written now: asked before each write, and again right before it is sent.
    ///
    /// # Errors
    /// As [`Stop::check_write`]; a reason that [holds](Self::hold) writes up; `lease.not_held` while the fence is lost.
    pub async fn check_write(&self) -> Result<(), Refusal> {
        self.stop.check_write()?;
        self.holds.check().await
    }

    /// The emergency stop. Clones share one state.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// What `run` has spent so far. It is remembered until the run ends, however long the run waits, but not across
    /// restarts.
    pub fn spent(&self, run: &str) -> Spent {
        self.ledger.spent(run)
    }

    /// Whether writes are performed, or rehearsed at most.
    pub(crate) fn is_live(&self) -> bool {
        self.config.mode == Mode::Live
    }

    /// Lets one write of exactly this action through. Only the pipeline says so, right before it.
    pub(crate) fn clear(&self, action: &Action) {
        self.clearances.grant(action);
    }

    async fn judge_one_write(&self, scope: &Scope, action: &Action) -> Result<(), Refusal> {
        // Taken first: one that is refused below is not let through later.
        let cleared = self.clearances.take(action);
        self.check_write().await?;
        if !self.is_live() {
            return Err(refusal(
                "writes.not_enabled",
                format!(
                    "writes are not enabled, and this one would change {}",
                    action.target
                ),
                "let a person do it: the report has the exact command",
            ));
        }
        if scope.cancel.is_cancelled() {
            return Err(refusal(
                "run.cancelled",
                format!("the run {} was cancelled", scope.run),
                "start a new run if the action is still wanted",
            ));
        }
        match cleared {
            true => Ok(()),
            false => Err(refusal(
                "writes.not_cleared",
                format!("nobody has judged whether {} may be changed", action.target),
                "submit the action to the pipeline, which judges it",
            )),
        }
    }

    fn judge(&self, call: &Call<'_>) -> Result<(), Refusal> {
        READS.iter().try_for_each(|rule| (rule.ask)(self, call))
    }
}

/// A read to be judged.
struct Call<'a> {
    scope: &'a Scope,
    tool: &'a str,
    effect: Effect,
    input: &'a Value,
}

/// What is asked before a read.
struct Rule {
    /// Ids of the rules that refuse; more than one where they decide together.
    ids: &'static [&'static str],
    ask: fn(&Engine, &Call<'_>) -> Result<(), Refusal>,
}

/// In this order; the first that refuses decides.
const READS: [Rule; 6] = [
    Rule {
        ids: &["stop.engaged"],
        ask: |engine, _| engine.stop.check(),
    },
    Rule {
        ids: &["mode.read_only"],
        ask: |engine, call| {
            if engine.config.mode.allows(call.effect) {
                return Ok(());
            }
            Err(refusal(
                "mode.read_only",
                format!(
                    "the tool {} does more than read, and the agent is in read-only mode",
                    call.tool
                ),
                "let a person do it; `mode: propose` in the guardrails helps where no definition holds the agent to reading",
            ))
        },
    },
    Rule {
        ids: &["run.cancelled"],
        ask: |_, call| {
            if !call.scope.cancel.is_cancelled() {
                return Ok(());
            }
            Err(refusal(
                "run.cancelled",
                format!("the run {} was cancelled", call.scope.run),
                "start a new run if the question still stands",
            ))
        },
    },
    Rule {
        ids: &["run.deadline"],
        ask: |engine, call| {
            if engine.clock.now() < call.scope.deadline {
                return Ok(());
            }
            Err(refusal(
                "run.deadline",
                format!("the time for reading was over at {}", call.scope.deadline),
                "give runs more time, or ask for less in one run",
            ))
        },
    },
    Rule {
        ids: &["reads.denied_namespace"],
        ask: |engine, call| {
            let Some(namespace) = namespace::denied(&engine.config.denied_namespaces, call.input) else {
                return Ok(());
            };
            Err(refusal(
                "reads.denied_namespace",
                format!("the namespace {namespace} is denied to this agent"),
                "take it out of `denied_namespaces` if the agent may look there",
            ))
        },
    },
    Rule {
        ids: &["budget.run", "budget.tool"],
        ask: |engine, call| {
            engine
                .ledger
                .spend(&engine.config.budgets, &call.scope.run, call.tool)
        },
    },
];

/// What is asked before a write, once more.
const WRITES: [&str; 7] = [
    "stop.engaged",
    "stop.blind",
    "walls.missing",
    holds::NOT_HELD,
    "writes.not_enabled",
    "run.cancelled",
    "writes.not_cleared",
];

#[async_trait]
impl Arbiter for Engine {
    async fn judge_read(&self, scope: &Scope, tool: &str, effect: Effect, input: &Value) -> Judgement {
        let call = Call {
            scope,
            tool,
            effect,
            input,
        };
        match self.judge(&call) {
            Ok(()) => Judgement::Allow {
                rules: READS
                    .iter()
                    .flat_map(|rule| rule.ids)
                    .map(|id| (*id).to_owned())
                    .collect(),
            },
            Err(refusal) => Judgement::Deny(refusal),
        }
    }

    async fn judge_write(&self, scope: &Scope, action: &Action) -> Judgement {
        match self.judge_one_write(scope, action).await {
            Ok(()) => Judgement::Allow {
                rules: WRITES.map(str::to_owned).into(),
            },
            Err(refusal) => Judgement::Deny(refusal),
        }
    }

    fn stopped(&self) -> CancellationToken {
        self.stop.token()
    }

    fn end_run(&self, run: &str) {
        self.ledger.forget(run);
    }
}

fn refusal(rule: &str, reason: String, remedy: &str) -> Refusal {
    Refusal {
        rule: rule.to_owned(),
        reason,
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests;
