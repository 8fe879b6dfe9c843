//! What an approval is good for.

use std::collections::BTreeSet;

use claw_core::action::{Action, Verb};
use claw_core::canonical::for_digest;
use claw_core::digest::sha256;
use claw_core::entity::EntityRef;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Everything that an approval is good for: when any of it is different at the time of the write, the approval is void.
///
/// Not bound is the resource version: it changes with every status that a controller writes. The write itself is a
/// compare-and-swap on the one that was read a moment before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Binding {
    /// The cluster, by the uid of its namespace `kube-system`.
    pub cluster: String,
    /// What is done.
    pub verb: Verb,
    /// To what.
    pub target: EntityRef,
    /// API version of the target.
    pub api_version: String,
    /// The target's uid; none where it is created.
    pub uid: Option<String>,
    /// The target's generation: how often its spec has changed.
    pub generation: Option<i64>,
    /// SHA-256 of the target's spec, data, labels and annotations, hexadecimal.
    pub pre_image: Option<String>,
    /// SHA-256 of the exact patch.
    pub patch: String,
    /// SHA-256 of what the server's dry run gave, without what changes by itself.
    pub outcome: String,
    /// Everything that feels it.
    pub reach: BTreeSet<EntityRef>,
    /// SHA-256 of the policy that asked for the approval.
    pub policy: String,
    /// When the approval is void in any case.
    pub expires: Timestamp,
    /// Tells it from every other request for the same.
    pub nonce: String,
}

impl Binding {
    /// Binds an action. The rest is filled in by whoever has looked at the cluster.
    pub fn of(
        action: &Action,
        cluster: impl Into<String>,
        expires: Timestamp,
        nonce: impl Into<String>,
    ) -> Self {
        Self {
            cluster: cluster.into(),
            verb: action.verb,
            target: action.target.clone(),
            api_version: action.api_version.clone(),
            uid: action.uid.clone(),
            generation: None,
            pre_image: action.pre_image.clone(),
            patch: sha256(for_digest(&action.patch)),
            outcome: String::new(),
            reach: BTreeSet::new(),
            policy: String::new(),
            expires,
            nonce: nonce.into(),
        }
    }

    /// SHA-256 over all of it, hexadecimal: what people see, and votes name.
    pub fn digest(&self) -> String {
        sha256(for_digest(&json!(self)))
    }

    /// What is different, in words that go behind "since then".
    pub fn differences(&self, now: &Self) -> Vec<&'static str> {
        let fields = [
            (self.cluster == now.cluster, "the cluster is another one"),
            (
                (self.verb, &self.target, &self.api_version) == (now.verb, &now.target, &now.api_version),
                "the action is another one",
            ),
            (self.uid == now.uid, "the object was deleted and made anew"),
            (
                self.generation == now.generation && self.pre_image == now.pre_image,
                "the object was changed",
            ),
            (
                self.patch == now.patch,
                "the change that is asked for is another one",
            ),
            (
                self.outcome == now.outcome,
                "the API server would make something else of it",
            ),
            (self.reach == now.reach, "other objects would feel it"),
            (self.policy == now.policy, "the policy was changed"),
            (
                self.expires == now.expires && self.nonce == now.nonce,
                "the request is another one",
            ),
        ];
        fields
            .into_iter()
            .filter(|(same, _)| !same)
            .map(|(_, said)| said)
            .collect()
    }
}
