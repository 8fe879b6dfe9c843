//! A simulated Loki: log streams in memory, stream selectors and line filters, the HTTP API.
//!
//! ```
//! # use std::sync::Arc;
//! use claw_core::clock::ManualClock;
//! use claw_testkit::loki::{Server, Store};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let time = "2026-03-01T10:00:00Z".parse().expect("a time");
//! let mut store = Store::new();
//! store.insert([("namespace", "shop"), ("pod", "cart-1")], time, "connection refused");
//! let server = Server::start(store, Arc::new(ManualClock::at(time))).await?;
//! println!("curl -G '{}/loki/api/v1/query_range' --data-urlencode 'query={{pod=\"cart-1\"}}'", server.url());
//! # Ok(())
//! # }
//! ```

mod handlers;
mod logql;
mod params;
mod push;
mod scan;
mod server;
mod store;

pub use server::Server;
pub use store::Store;
pub(crate) use store::nanoseconds;

#[cfg(test)]
mod tests;
