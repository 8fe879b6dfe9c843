//! A simulated Alertmanager: it holds alerts, groups them, and notifies a webhook as version 4 does.
//!
//! ```
//! # use std::sync::Arc;
//! use claw_core::clock::ManualClock;
//! use claw_testkit::alertmanager::{Alert, Route, Server};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let time = "2026-03-01T10:00:00Z".parse().expect("a time");
//! let alertmanager = Server::start(Route::new("claw"), Arc::new(ManualClock::at(time))).await?;
//! alertmanager.fire(Alert::new([("alertname", "HighErrorRate"), ("service", "cart")], time));
//! assert_eq!(alertmanager.notifications()[0]["groupKey"], r#"{}:{alertname="HighErrorRate"}"#);
//! # Ok(())
//! # }
//! ```

mod alert;
mod api;
mod group;
mod notify;
mod server;

pub use alert::{Alert, fingerprint};
pub use group::{Route, webhook_bodies};
pub use notify::Delivery;
pub use server::Server;

#[cfg(test)]
mod tests;
