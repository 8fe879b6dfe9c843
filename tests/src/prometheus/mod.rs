//! A simulated Prometheus: series in memory, PromQL, the HTTP API.
//!
//! ```
//! # use std::sync::Arc;
//! use claw_core::clock::ManualClock;
//! use claw_testkit::prometheus::{Labels, Server, Store};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let mut store = Store::new();
//! store.insert(Labels::new([("__name__", "up"), ("job", "api")]), [(1_700_000_000_000, 1.0)]);
//! let clock = Arc::new(ManualClock::at("2023-11-14T22:13:20Z".parse().expect("a time")));
//! let server = Server::start(store, clock).await?;
//! println!("curl '{}/api/v1/query?query=up'", server.url());
//! # Ok(())
//! # }
//! ```

pub mod eval;
mod labels;
mod matcher;
mod number;
mod server;
mod store;

pub use labels::{Labels, METRIC_NAME};
pub use server::Server;
pub use store::{Metadata, Point, STALE, Store, is_stale};
