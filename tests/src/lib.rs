//! The world to test an agent in: a recorded incident, served by simulated servers over real HTTP.
//!
//! An agent that was tested against mocks has met what the author of the mocks thought of. Here the real client, the real
//! tools and the real workflow meet an API server that pages, selects, versions and refuses, a Prometheus that evaluates
//! PromQL, a Loki, an Elasticsearch, an Alertmanager and a Slack. Everything runs in the process, at the time of the
//! recording, without containers; and every server can be told to fail.
//!
//! The smallest test of an agent replays a recording and asks for the cause:
//!
//! ```no_run
//! use claw_core::report::Verdict;
//! use claw_k8s::bundle::Bundle;
//! use claw_testkit::replay::Replay;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let bundle = Bundle::load("cases/cart-oom")?;
//! let report = Replay::of(&bundle).await?.run().await?;
//! assert_eq!(report.verdict, Verdict::Cause);
//! # Ok(())
//! # }
//! ```
//!
//! | to | see |
//! |----|-----|
//! | replay a recording | [`replay`] |
//! | serve a recording to any agent, or to `kubectl` | [`world`] |
//! | hold reports to the right answers | [`scenario`] |
//! | have servers fail | [`faults`] |
//! | have a real server fail | [`reverse_proxy`] |
//! | test one client | [`api`], [`prometheus`], [`loki`], [`elasticsearch`], [`alertmanager`], [`slack`] |
//! | serve something of your own | [`loopback`] |

pub mod alertmanager;
mod allow_all;
pub mod api;
pub mod elasticsearch;
pub mod faults;
#[cfg(test)]
mod http_probe;
pub mod loki;
pub mod loopback;
pub mod prometheus;
mod re2;
pub mod replay;
pub mod reverse_proxy;
pub mod scenario;
pub mod slack;
pub mod world;

pub use allow_all::AllowAll;
