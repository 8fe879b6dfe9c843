//! Runs workflows in one process, over a journal that survives it.
//!
//! A [`Runner`] takes runs from a [`Journal`](claw_core::store::Journal), takes their steps one after another, and hands
//! the reports to [`Sink`](crate::deliver::Sink)s.
//!
//! - The result of a step is in the journal before the next one starts. After a crash a run goes on at the step that was
//!   being taken, with the state that the step before left. No finished step is taken twice.
//! - A step that fails for a reason that may pass is taken again, a few times, after a growing pause. The pauses are in
//!   the journal too.
//! - A run always ends with a report. One that cannot finish, or whose time is over, has the one that its workflow makes
//!   of what is known by then: [`Workflow::on_failure`](claw_core::workflow::Workflow::on_failure).
//! - A report is handed to each sink until the sink has taken it or refused it. After a crash in the middle of a delivery
//!   nobody knows whether the report arrived: it is handed over again under the same key, by which sinks tell repeats.
//! - Start and end of runs and each delivery are in the audit log. A delivery is recorded before it is made.
//!
//! Two ways to use it: [`Runner::serve`] works off the journal until it is told to stop, [`Runner::run`] drives one run
//! to its end.
//!
//! ```
//! # use std::sync::Arc;
//! # use claw_core::clock::SystemClock;
//! # use claw_core::gate::Gate;
//! # use claw_core::redact::Redactor;
//! # use claw_core::registry::Registry;
//! # use claw_core::store::MemoryJournal;
//! # use claw_core::workflow::{Outcome, RunId, RunFailure, FailureKind, Step, StepContext, StepError, Workflow};
//! # use claw_guardrails::audit::MemoryAuditLog;
//! # use claw_guardrails::engine::{Config, Engine};
//! use claw_workflows::runtime::Runner;
//!
//! # struct Look;
//! # #[async_trait::async_trait]
//! # impl Step<u32> for Look {
//! #     fn name(&self) -> &str { "look" }
//! #     async fn run(&self, cx: &StepContext, _: u32) -> Result<Outcome<u32>, StepError> {
//! #         let failure = RunFailure { run: RunId("a".into()), step: "look".into(), kind: FailureKind::Step,
//! #             reason: "example".into(), started_at: cx.now(), ended_at: cx.now() };
//! #         Ok(Outcome::Done(Box::new(failure.report("example"))))
//! #     }
//! # }
//! # struct Example(Vec<Box<dyn Step<u32>>>);
//! # impl Workflow for Example {
//! #     const NAME: &'static str = "example";
//! #     type Input = u32;
//! #     type State = u32;
//! #     fn start(&self, input: u32) -> u32 { input }
//! #     fn steps(&self) -> &[Box<dyn Step<u32>>] { &self.0 }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let clock = Arc::new(SystemClock);
//! # let engine = Arc::new(Engine::new(Config::default(), clock.clone()));
//! # let gate = Gate::new(engine, Arc::new(MemoryAuditLog::default()), clock, Redactor::new());
//! # let workflow = Example(vec![Box::new(Look)]);
//! let runner = Runner::builder(gate, Registry::new(), Arc::new(MemoryJournal::new()))
//!     .workflow(workflow)
//!     .build();
//! let ended = runner.run::<Example>(RunId("case-1".into()), &7).await?;
//! println!("{}", ended.report.map(|report| report.summary).unwrap_or_default());
//! # Ok(())
//! # }
//! ```

mod builder;
mod drive;
mod end;
mod ended;
mod erased;
mod error;
mod outbox;
mod persist;
mod runner;
mod serve;
mod settings;

pub use builder::Builder;
pub use ended::Ended;
pub use error::RunnerError;
pub use runner::Runner;
pub use settings::{Retry, Settings};

#[cfg(test)]
mod tests;
