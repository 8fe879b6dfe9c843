//! What a person said, and how.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::exhaustive_enums)] // who does not say yes says no
pub enum Verdict {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// On which way a vote came. It vouches for who the voter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Carrier {
    /// An `Approval` object; the API server has authenticated who wrote it.
    Kubernetes,
    /// A button in Slack; the request was signed by Slack.
    Slack,
    /// A review of a pull request; the forge has authenticated the reviewer.
    PullRequest,
    /// The agent's own HTTP endpoint.
    Http,
    /// A prompt on the terminal of whoever runs the agent.
    Terminal,
}

impl Carrier {
    /// Its name, as it is written in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Slack => "slack",
            Self::PullRequest => "pull_request",
            Self::Http => "http",
            Self::Terminal => "terminal",
        }
    }
}

/// What one person said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Vote {
    /// Who, as the carrier knows them.
    pub by: String,
    /// Yes or no.
    pub verdict: Verdict,
    /// Digest of the binding that they looked at.
    pub digest: String,
    /// On which way.
    pub carrier: Carrier,
    /// When.
    pub at: Timestamp,
}

impl Vote {
    /// A vote on what has this digest.
    pub fn new(
        by: impl Into<String>,
        verdict: Verdict,
        digest: impl Into<String>,
        carrier: Carrier,
        at: Timestamp,
    ) -> Self {
        Self {
            by: by.into(),
            verdict,
            digest: digest.into(),
            carrier,
            at,
        }
    }
}
