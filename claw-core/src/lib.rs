//! The contracts of the Claw SDK, and the small engines that need no outside system.
//!
//! An agent that operates Kubernetes observes freely, proposes writes as data, and writes only with a permit. This crate
//! holds the types that make it so. A [`Tool`](tool::Tool) observes, or proposes an [`Action`](action::Action); it holds
//! nothing that can write. A [`Gate`](gate::Gate) stands between the agent and everything outside: each call is judged,
//! performed, redacted and recorded before its answer is used. A [`Permit`](gate::Permit) comes only from the gate, is
//! good for one action, and is used up by it. A [`Workflow`](workflow::Workflow) is a list of steps whose results survive
//! a crash.
//!
//! The smallest agent has one tool:
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use claw_core::access::Access;
//! use claw_core::gate::{Gate, Scope};
//! use claw_core::registry::Registry;
//! use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
//! # use std::time::Duration;
//! # use claw_core::action::Action;
//! # use claw_core::audit::{AuditError, AuditEvent, AuditLog, AuditReceipt};
//! # use claw_core::clock::{Clock as _, SystemClock};
//! # use claw_core::gate::{Arbiter, Judgement, Refusal};
//! # use claw_core::redact::Redactor;
//!
//! /// How many pods a namespace should have.
//! struct Wanted;
//!
//! #[async_trait]
//! impl Tool for Wanted {
//!     const NAME: &'static str = "wanted_pods";
//!     const EFFECT: Effect = Effect::Read;
//!     type Input = String;
//!     type Output = u32;
//!
//!     fn description(&self) -> &str {
//!         "How many pods a namespace should have"
//!     }
//!
//!     fn access(&self) -> Access {
//!         Access::none()
//!     }
//!
//!     async fn call(&self, _cx: &ToolContext, namespace: String) -> Result<u32, ToolError> {
//!         if namespace == "shop" { Ok(3) } else { Err(ToolError::invalid_input("only `shop` is known")) }
//!     }
//! }
//!
//! # struct ReadsOnly;
//! # #[async_trait]
//! # impl Arbiter for ReadsOnly {
//! #     async fn judge_read(&self, _: &Scope, _: &str, _: Effect, _: &serde_json::Value) -> Judgement {
//! #         Judgement::Allow { rules: vec!["reads".to_owned()] }
//! #     }
//! #     async fn judge_write(&self, _: &Scope, _: &Action) -> Judgement {
//! #         Judgement::Deny(Refusal {
//! #             rule: "read_only".to_owned(),
//! #             reason: "writes are not enabled".to_owned(),
//! #             remedy: "enable them".to_owned(),
//! #         })
//! #     }
//! # }
//! # struct Printed;
//! # #[async_trait]
//! # impl AuditLog for Printed {
//! #     async fn append(&self, event: AuditEvent) -> Result<AuditReceipt, AuditError> {
//! #         println!("{event:?}");
//! #         Ok(AuditReceipt { sequence: 0, hash: String::new() })
//! #     }
//! # }
//! # async fn example(gate: Gate, scope: Scope) -> Result<(), Box<dyn std::error::Error>> {
//! let mut tools = Registry::new();
//! tools.register(Wanted)?;
//!
//! // The gate asks an arbiter, and writes to an audit log: those of claw-guardrails, or your own.
//! let tool = tools.get("wanted_pods").ok_or("not registered")?;
//! let pods = gate.observe::<Wanted>(&scope, tool, "shop".to_owned(), "to compare with what runs").await?;
//! assert_eq!(pods, 3);
//! # Ok(())
//! # }
//! # let clock = Arc::new(SystemClock);
//! # let gate = Gate::new(Arc::new(ReadsOnly), Arc::new(Printed), clock, Redactor::new());
//! # let scope = Scope {
//! #     run: "run-1".to_owned(),
//! #     step: None,
//! #     actor: "agent".to_owned(),
//! #     deadline: SystemClock.deadline(Duration::from_secs(10)),
//! #     cancel: Default::default(),
//! # };
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(example(gate, scope)).unwrap();
//! ```
//!
//! # Modules
//!
//! | To | see |
//! |---|---|
//! | observe | [`tool`], [`registry`], [`access`] (the rights that a tool needs, as data), [`walls`] (whether the API server holds an agent to them) |
//! | be safe | [`gate`], [`action`] (writes as data), [`outside`] (messages and pipelines as actions), [`patch`] (what they change, and back), [`radius`] (how far they reach), [`survey`] (what is looked at before), [`actuate`] (the port to what judges them), [`execute`] (the port to what performs them), [`fence`] (which of several replicas writes), [`stop`] (the port to places from which an agent is stopped), [`audit`], [`requests`] (by what the API server has what was asked of it), [`redact`] |
//! | say what was found | [`entity`], [`evidence`], [`digest`], [`canonical`] (JSON that digests are taken of), [`change`], [`topology`], [`quantity`], [`report`] |
//! | run | [`workflow`], [`store`] (what survives a crash), [`reason`] (what to look at next), [`clock`] |
//! | take tools and workflows from YAML | [`definition`], [`yaml`] (how it is read, for what else operators write) |
//! | talk to services | [`http`] |
//!
//! # Features
//!
//! `mock`: mocks of the ports (`MockActuator`, `MockArbiter`, `MockAuditLog`, `MockCheckpointSink`, `MockDocuments`, `MockExecutor`, `MockFence`, `MockJournal`, `MockReasoner`, `MockStopSource`) for the tests of other crates.

pub mod access;
pub mod action;
pub mod actuate;
pub mod audit;
pub mod canonical;
pub mod change;
pub mod clock;
pub mod definition;
pub mod digest;
pub mod entity;
pub mod evidence;
pub mod execute;
pub mod fence;
pub mod gate;
pub mod http;
pub mod outside;
pub mod patch;
pub mod quantity;
pub mod radius;
pub mod reason;
pub mod redact;
pub mod registry;
pub mod report;
pub mod requests;
pub mod stop;
pub mod store;
pub mod survey;
pub mod tool;
pub mod topology;
pub mod walls;
pub mod workflow;
pub mod yaml;
