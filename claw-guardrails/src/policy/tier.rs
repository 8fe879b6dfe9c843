//! How much a person has to do with an action.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a person has to do with an action, from nothing to everything.
///
/// The order is the lattice that decisions are made in: of all rules that match, the highest tier decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::exhaustive_enums)] // a sixth tier would change what every policy file means
pub enum Tier {
    /// The agent does it, and it is recorded.
    Auto,
    /// The agent does it, it is recorded, and people are told.
    AutoLogged,
    /// A person decides, in their own time: by a pull request, in Slack, with kubectl.
    AsyncApproval,
    /// A person decides now, looking at the dry run of this very action.
    SyncApproval,
    /// Nobody can have the agent do it. The API server refuses it as well.
    Forbidden,
}

impl Tier {
    /// All tiers, from the lowest.
    pub const ALL: [Self; 5] = [
        Self::Auto,
        Self::AutoLogged,
        Self::AsyncApproval,
        Self::SyncApproval,
        Self::Forbidden,
    ];

    /// As policies spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::AutoLogged => "auto_logged",
            Self::AsyncApproval => "async_approval",
            Self::SyncApproval => "sync_approval",
            Self::Forbidden => "forbidden",
        }
    }

    /// Whether a person has to decide first.
    pub const fn needs_approval(self) -> bool {
        matches!(self, Self::AsyncApproval | Self::SyncApproval)
    }

    /// The next tier in which a person has more to do with it; no rule forbids by degrees, so the highest is
    /// [`Tier::SyncApproval`].
    pub(crate) const fn stricter(self) -> Self {
        match self {
            Self::Auto | Self::AutoLogged => Self::AsyncApproval,
            Self::AsyncApproval | Self::SyncApproval => Self::SyncApproval,
            Self::Forbidden => Self::Forbidden,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
