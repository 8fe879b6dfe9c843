//! A simulated Elasticsearch or OpenSearch: documents in memory and the part of the search API that log searches use.
//!
//! ```
//! use claw_testkit::elasticsearch::{Mapping, Server, Store};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let mut store = Store::new(Mapping::ecs());
//! store.index("logs-shop", json!({ "@timestamp": "2026-03-01T10:00:00Z", "message": "connection refused" }));
//! let server = Server::start(store).await?;
//! println!("POST {}/logs-*/_search", server.url());
//! # Ok(())
//! # }
//! ```

mod analysis;
mod document;
mod query;
mod search;
mod server;
mod store;

pub use server::Server;
pub use store::{Mapping, Store};

#[cfg(test)]
mod tests;
