//! Real components for tests of Claw: an API server with its controllers and simulated nodes, Prometheus, Alertmanager
//! and Loki, on one machine, without containers and without a network.
//!
//! A simulated world proves only what its author thought of. Here the agent meets what it will meet outside: a real
//! kube-apiserver (access control, admission, paging, audit), real controllers and a scheduler, rules that a real
//! Prometheus evaluates. Only the kubelets are played, by kwok: pods have states, events, logs and usage, and no
//! processes.
//!
//! Two things are in this crate. The program `claw-testbed` builds the components from pinned sources, brings them up
//! and takes them down; `claw-testbed --help` explains it. The library is what suites are written with:
//!
//! ```no_run
//! use std::time::Duration;
//! use claw_testbed::suite::{Part, Testbed};
//!
//! # async fn test() -> Result<(), claw_testbed::error::Error> {
//! let testbed = Testbed::from_env().await?;
//! let namespace = testbed.namespace("shop").await?;
//! testbed.inject("crashloop", namespace.name()).await?;
//! if let Some(prometheus) = testbed.service(Part::Prometheus, "alerts fire")? {
//!     prometheus.query("up").await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Suites read where everything is from variables (`CLAW_E2E_KUBECONFIG` and others), so that they run against a
//! cluster of the user's own, too; what is absent there is skipped by name. Why all this is a program of the
//! workspace, and not a set of scripts or containers: `docs/adr/0010`.
//!
//! | module | what it is |
//! |---|---|
//! | [`modules`], [`builds`] | pinned sources, and the cache of what is built from them |
//! | [`components`], [`ports`] | what there is, how it is started, when it is ready |
//! | [`run`], [`mod@process`] | the folder of one testbed, and what runs in it |
//! | [`mod@up`], [`down`], [`status`] | its life |
//! | [`load`], [`fault`] | a fleet with history, and what befalls it |
//! | [`suite`], [`api`], [`mod@kubectl`] | for tests |

pub mod api;
pub mod builds;
pub mod components;
mod config;
pub mod down;
pub mod error;
pub mod fault;
mod identities;
pub mod kubectl;
pub mod load;
pub mod machine;
pub mod modules;
pub mod podlogs;
pub mod ports;
pub mod process;
mod random;
pub mod run;
pub mod status;
pub mod suite;
pub mod up;
