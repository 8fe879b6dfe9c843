//! Ways to channels and pipelines, one a file.

mod github;
mod gitlab;
mod slack;
mod slack_webhook;
mod webhook;

use std::time::Duration;

use claw_core::http::{Auth, Client, ClientConfig, HttpError};
use secrecy::SecretString;

pub use github::GithubActions;
pub use gitlab::GitlabTrigger;
pub use slack::Slack;
pub use slack_webhook::SlackWebhook;
pub use webhook::SignedWebhook;

/// Longest time for one request: none of these providers has more to do than to take something down.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer, in bytes. Lists of runs and of messages are the largest that are read.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// A client for the provider at `base_url`; for whole addresses where there is none.
fn client(base_url: Option<&str>, token: Option<&SecretString>) -> Result<Client, HttpError> {
    Client::new(ClientConfig {
        base_url: base_url.map(str::to_owned),
        auth: token.map_or(Auth::None, |token| Auth::Bearer(token.clone())),
        request_timeout: REQUEST_TIMEOUT,
        max_response_bytes: MAX_ANSWER,
        ..ClientConfig::default()
    })
}

/// Whether a configured name can be one part of a path: it leads to no other place.
fn is_segment(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= 255 && text.bytes().all(known) && !text.bytes().all(|byte| byte == b'.')
}

/// The error for a configured value that cannot be part of an address. It says which one, and not what it is.
fn unfit(what: &str) -> HttpError {
    HttpError::InvalidRequest {
        reason: format!("{what}: use letters, digits, `-`, `_` and `.`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_path_leads_nowhere_else() {
        for good in ["deploy.yml", "acme", "a-b_c.d", "17"] {
            assert!(is_segment(good), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a%2fb", "a?b", "a#b", "a b", "ä", "a\n"] {
            assert!(!is_segment(bad), "{bad:?}");
        }
    }
}
