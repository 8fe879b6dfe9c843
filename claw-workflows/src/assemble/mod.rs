//! Puts an agent together: tools over its sources, the gate in front of them, the runner behind.
//!
//! Every agent comes by way of [`Assembly`]: the binary against a cluster, a replay against a recording, a test against a
//! simulated world. What differs between them is handed in: [`Sources`], audit log, clock, journal and sinks.
//!
//! ```
//! use std::sync::Arc;
//!
//! use claw_core::clock::SystemClock;
//! use claw_guardrails::audit::MemoryAuditLog;
//! use claw_workflows::assemble::{Assembly, Sources};
//! use claw_workflows::trigger::{Incident, TimeHints};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // An agent without any source: whatever it is asked, it says what it could not see.
//! let agent = Assembly::new("shop", Sources::new(), Arc::new(MemoryAuditLog::default()), Arc::new(SystemClock)).build()?;
//! let incident = Incident::of_question("is all well?", TimeHints::default(), agent.clock().now());
//! let ended = agent.investigate(&incident).await?;
//! assert!(ended.report.is_some_and(|report| !report.gaps.is_empty()));
//! # Ok(())
//! # }
//! ```

mod abilities;
mod agent;
mod error;
mod sources;

pub use abilities::capabilities;
pub use agent::{Agent, Assembly};
pub use error::{AssemblyError, TendError};
pub use sources::Sources;

#[cfg(test)]
mod tests;
