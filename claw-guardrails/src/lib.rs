//! What an agent may do, and the record of what it did.
//!
//! Two ports of [`claw_core`] are implemented here: the arbiter that is asked before every call, and the log that every
//! call is recorded in.
//!
//! - [`engine`]: decides. Reads are allowed within budgets, a deadline, and outside denied namespaces; an emergency stop
//!   refuses everything. Writes are allowed that the pipeline has cleared, one by one, and no others.
//! - [`pipeline`]: the one way from a proposed action to an effect.
//! - [`policy`]: which tier an action is in, by typed rules of which the strictest decides.
//! - [`radius`]: how far an action may reach.
//! - [`breaker`]: circuits that open after trouble, so that nothing is written until it is known to be over.
//! - [`approval`]: requests for approval, what people said of them, and the leave to act once that comes of it; the port to the
//!   carriers on which people are asked.
//! - [`stop`]: the emergency stop, and the watch over the places from which it is asked for.
//! - [`audit`]: an append-only file of records chained by hash, each on disk before its read is used; a Merkle tree over them,
//!   with signed checkpoints; the check that finds whatever was changed in it, and proofs for single records.
//! - [`walls`]: the same policy once more, as admission policies that the API server holds the agent's accounts to.
//!
//! ```
//! use std::sync::Arc;
//!
//! use claw_core::clock::SystemClock;
//! use claw_core::gate::Gate;
//! use claw_core::redact::Redactor;
//! use claw_guardrails::audit::{self, FileAuditLog};
//! use claw_guardrails::engine::{Config, Engine};
//!
//! # async fn example(folder: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
//! let clock = Arc::new(SystemClock);
//! let log = Arc::new(FileAuditLog::open(folder.join("audit.jsonl"), clock.clone()).await?);
//! let engine = Arc::new(Engine::new(Config::default(), clock.clone()));
//! let gate = Gate::new(engine, log.clone(), clock, Redactor::new());
//! // Hand the gate to a runner. At the end:
//! # drop(gate);
//! log.close().await?;
//!
//! let verification = audit::verify_file(log.path())?;
//! assert!(verification.is_intact());
//! # Ok(())
//! # }
//! # let folder = std::env::temp_dir().join(format!("claw-guardrails-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # runtime.block_on(example(&folder)).unwrap();
//! # std::fs::remove_dir_all(&folder).unwrap();
//! ```
//!
//! # Features
//!
//! `testing`: one request for approval with all that belongs to it (`approval::Sample`), for the tests of carriers.

pub mod approval;
pub mod audit;
pub mod breaker;
pub mod engine;
pub mod pipeline;
pub mod policy;
mod present;
pub mod radius;
pub mod stop;
pub mod walls;
