//! The pull request that an action merges.

use claw_core::action::Action;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest name of an owner or a repository.
const LONGEST_NAME: usize = 100;

/// A pull request at one commit.
///
/// An action names it in its patch under `pull_request`. The approval is bound to the patch, and thereby to the commit:
/// whoever pushes another one makes the approval void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PullRequest {
    /// Owner and name, `shop/manifests`.
    pub repository: String,
    /// Its number.
    pub number: u64,
    /// The commit at its head, forty or sixty-four hexadecimal digits.
    pub head: String,
}

impl PullRequest {
    /// The pull request that `action` names, if it names one as it has to.
    pub fn of(action: &Action) -> Option<Self> {
        let named = action.patch.get("pull_request")?;
        let named = Self::deserialize(named).ok()?;
        named.is_sound().then_some(named)
    }

    /// How an action's patch names it.
    pub fn patch(repository: &str, number: u64, head: &str) -> Value {
        serde_json::json!({"pull_request": {"repository": repository, "number": number, "head": head}})
    }

    /// Owner and name of the repository.
    pub fn owner_and_name(&self) -> (&str, &str) {
        self.repository.split_once('/').unwrap_or_default()
    }

    /// Whether nothing in it can change the meaning of an address.
    fn is_sound(&self) -> bool {
        let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let name = |name: &str| {
            let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            (1..=LONGEST_NAME).contains(&name.len())
                && name.chars().all(good)
                && !name.chars().all(|c| c == '.')
        };
        let (owner, repository) = self.owner_and_name();
        name(owner)
            && name(repository)
            && self.number > 0
            && [40, 64].contains(&self.head.len())
            && self.head.chars().all(hexadecimal)
    }
}
