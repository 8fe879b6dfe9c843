//! A simulated Slack: it takes messages by incoming webhook and by `chat.postMessage`, holds them to Block Kit's
//! limits, and keeps them.
//!
//! ```
//! use claw_testkit::slack::{Server, Workspace};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let slack = Server::start(Workspace::new("xoxb-test").with_channel("C042", "incidents")).await?;
//! println!("post to {} or with the token xoxb-test to {}", slack.webhook_url(), slack.api_url());
//! assert!(slack.posts().is_empty());
//! # Ok(())
//! # }
//! ```

mod blocks;
mod elements;
mod routes;
mod server;

pub use server::{Post, Server, Via, Workspace};

#[cfg(test)]
mod tests;
