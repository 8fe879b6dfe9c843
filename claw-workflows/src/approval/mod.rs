//! The carriers of approvals: how people are shown what an agent wants to do, and how their votes come back.
//!
//! | carrier | who vouches for the voter | votes |
//! |---|---|---|
//! | [`KubernetesApprovals`] | the API server, by its own authentication and an admission policy | are read from an `Approval` object |
//! | [`GitHubReviews`] | the forge | are reviews of a pull request at one commit |
//! | [`SlackButtons`] | Slack, by its signature | are sent to the agent, and kept |
//! | [`HttpApprovals`] | a bearer token of each person | are sent to the agent, and kept |
//! | [`TerminalPrompt`] | whoever is logged in where the agent runs | are typed |
//!
//! All of them are a [`Post`](claw_guardrails::approval::Post), and what they bring back is judged in one place, by
//! [`Request::vote`](claw_guardrails::approval::Request::vote). What each vouches for, and what not, is in `docs/approvals.md`.

mod failure;
mod github;
mod http;
mod kubernetes;
mod slack;
mod terminal;
mod words;

#[cfg(test)]
mod tests;

use axum::Router;
use std::sync::Arc;

pub use github::GitHubReviews;
pub(crate) use http::Door;
pub use http::{HttpApprovals, Tokens, TokensError};
pub use kubernetes::KubernetesApprovals;
pub use slack::{SlackButtons, SlackConfigError, SlackSettings};
pub use terminal::{Console, SystemConsole, TerminalPrompt};

/// The routes of the carriers that votes are sent to, to be merged with those of the
/// [server](crate::trigger::server::router). Each checks who asks by itself: the token of the server opens none of them.
pub fn router(http: Option<Arc<HttpApprovals>>, slack: Option<Arc<SlackButtons>>) -> Router {
    let mut router = Router::new();
    if let Some(http) = http {
        router = router.merge(http::router(http));
    }
    if let Some(slack) = slack {
        router = router.merge(slack::router(slack));
    }
    router
}
