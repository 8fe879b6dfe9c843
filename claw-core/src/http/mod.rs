//! The one HTTP client: every request has a deadline, bounded retries and a size limit, and ends with its run.
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//! use claw_core::clock::SystemClock;
//! use claw_core::http::{Client, ClientConfig};
//! use claw_core::tool::ToolContext;
//!
//! # async fn example() -> Result<(), claw_core::http::HttpError> {
//! let client = Client::new(ClientConfig::at("http://prometheus.monitoring:9090"))?;
//! let cx = ToolContext::new(Arc::new(SystemClock), Duration::from_secs(10));
//! let answer: serde_json::Value = client
//!     .get("api/v1/query")
//!     .query("query", "up")
//!     .send(&cx)
//!     .await?
//!     .json()?;
//! # Ok(())
//! # }
//! ```

mod auth;
mod client;
mod config;
mod error;
mod request;
mod response;
mod retry;
mod tls;

#[cfg(test)]
mod tests;

pub use client::Client;
pub use config::{Auth, ClientConfig, ClientIdentity, Pem, Proxy};
pub use error::HttpError;
pub use request::Request;
pub use response::Response;
pub use retry::retry_after;
pub use tls::{install_crypto_provider, is_certificate_error, is_expired_certificate_error, is_tls_error};
