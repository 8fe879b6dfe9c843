//! What an approval is good for.

use std::collections::BTreeSet;

use claw_core::action::{Action, Verb};
use claw_core::canonical::for_digest;
use claw_core::digest::{sha256, sha256_of_parts};
use claw_core::entity::EntityRef;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::terms::Terms;
use crate::policy::{self, Decision, Tier};

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
    /// The tier that the policy put it in.
    pub tier: Tier,
    /// How many people the policy wants to approve.
    pub approvers: u8,
    /// SHA-256 of what the policy judged by: operations, environment, criticality, natures, reach, freeze.
    pub context: String,
    /// SHA-256 of the terms that people decide under.
    pub terms: String,
    /// When the approval is void in any case.
    pub expires: Timestamp,
    /// Tells it from every other request for the same.
    pub nonce: String,
}

/// All that has to be looked at before people are asked, and again before the write.
#[derive(Clone, Debug)]
pub struct Looked<'a> {
    /// What is to be done.
    pub action: &'a Action,
    /// The cluster, by the uid of its namespace `kube-system`.
    pub cluster: &'a str,
    /// The target's generation; `None` where it has none.
    pub generation: Option<i64>,
    /// SHA-256 of what the server's dry run gave, without what changes by itself.
    pub outcome: &'a str,
    /// Everything that feels it.
    pub reach: BTreeSet<EntityRef>,
    /// SHA-256 of the policy.
    pub policy: &'a str,
    /// What the policy was asked.
    pub requests: &'a [policy::Request],
    /// What it decided.
    pub decision: &'a Decision,
    /// What the approval takes.
    pub terms: &'a Terms,
    /// When it is void in any case.
    pub expires: Timestamp,
    /// Tells it from every other request for the same.
    pub nonce: &'a str,
}

/// An approval would bind less than it has to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindingError {
    /// Something is not known.
    #[error("an approval cannot be bound to {what}, which is not known; look at it first")]
    Unknown {
        /// What.
        what: &'static str,
    },
    /// The policy asks nobody.
    #[error("nobody can approve what is {tier}")]
    NotAsked {
        /// The tier.
        tier: Tier,
    },
    /// Fewer people would have to approve than the policy wants.
    #[error(
        "the policy wants {wanted} people to approve, and the terms are content with {needed}; ask for more"
    )]
    TooFew {
        /// How many the policy wants.
        wanted: u8,
        /// How many the terms want.
        needed: u8,
    },
}

impl Binding {
    /// Binds an approval to all that was looked at.
    ///
    /// # Errors
    /// When something of it is not known: an approval that leaves it open would be good for anything there.
    pub fn of(looked: Looked<'_>) -> Result<Self, BindingError> {
        let Looked {
            action,
            terms,
            decision,
            ..
        } = looked;
        let anew = action.verb == Verb::Create;
        for (known, what) in [
            (!looked.cluster.is_empty(), "the cluster"),
            (anew || action.uid.is_some(), "the object"),
            (
                anew || action.pre_image.is_some(),
                "what the object is meant to be",
            ),
            (!looked.outcome.is_empty(), "the outcome of its dry run"),
            (!looked.policy.is_empty(), "the policy"),
            (!looked.requests.is_empty(), "what the policy judged"),
            (!looked.nonce.is_empty(), "the request"),
        ] {
            if !known {
                return Err(BindingError::Unknown { what });
            }
        }
        if !decision.tier.needs_approval() {
            return Err(BindingError::NotAsked { tier: decision.tier });
        }
        if terms.needed < decision.approvers {
            return Err(BindingError::TooFew {
                wanted: decision.approvers,
                needed: terms.needed,
            });
        }
        Ok(Self {
            cluster: looked.cluster.to_owned(),
            verb: action.verb,
            target: action.target.clone(),
            api_version: action.api_version.clone(),
            uid: action.uid.clone(),
            generation: looked.generation,
            pre_image: action.pre_image.clone(),
            patch: sha256(for_digest(&action.patch)),
            outcome: looked.outcome.to_owned(),
            reach: looked.reach,
            policy: looked.policy.to_owned(),
            tier: decision.tier,
            approvers: decision.approvers,
            context: context(looked.requests),
            terms: terms.digest(),
            expires: looked.expires,
            nonce: looked.nonce.to_owned(),
        })
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
                (self.tier, self.approvers) == (now.tier, now.approvers),
                "the policy asks for another approval",
            ),
            (
                self.context == now.context,
                "what the policy goes by is different",
            ),
            (self.terms == now.terms, "others may decide, or more have to"),
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

/// What a policy judged by, as far as it stays so by itself. Whether a workload is at work changes from one moment to the next, and how
/// many replicas it had as the window moves on: where the answer depends on them, it is bound.
fn context(requests: &[policy::Request]) -> String {
    let mut said: Vec<String> = requests
        .iter()
        .map(|request| {
            let mut request = json!(request);
            if let Value::Object(fields) = &mut request {
                fields.remove("activity");
                fields.remove("replicas");
            }
            for_digest(&request)
        })
        .collect();
    said.sort();
    sha256_of_parts(said)
}
