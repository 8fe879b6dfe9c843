//! What is looked at around an action before it is judged, and again when it was performed.
//!
//! A surveyor is a tool that takes an [`Action`](crate::action::Action) and answers a [`Survey`]: it reads the target anew, its
//! namespace, and whatever feels the action. It goes through the gate like every tool, so that what was seen is on record.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::radius::BlastRadius;

/// What was seen around an action's target. What is `None` could not be seen, and counts as the worst.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    /// The cluster, by the uid of its namespace `kube-system`.
    pub cluster: Option<String>,
    /// The target as it is now; `None` where there is none, or where it could not be read, as [`unseen`](BlastRadius::unseen)
    /// says then.
    pub target: Option<Target>,
    /// Labels of the target's namespace.
    pub namespace_labels: Option<BTreeMap<String, String>>,
    /// Annotations of the target's namespace.
    pub namespace_annotations: Option<BTreeMap<String, String>>,
    /// What the target scales, where it is an autoscaler.
    pub scaled: Option<Value>,
    /// Whether the target is at a piece of work that it should be left to finish: active Jobs, a queue that is worked off.
    pub is_working: Option<bool>,
    /// The GitOps controller that keeps the target, where there is one: it takes back what is changed elsewhere.
    pub kept_by: Option<String>,
    /// How the target is.
    pub health: Health,
    /// Everything that feels the action.
    pub radius: BlastRadius,
}

/// An object as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
    /// How often its spec has changed, where it counts that.
    pub generation: Option<i64>,
    /// [`pre_image`](crate::action::pre_image) of it, taken before secrets were taken out.
    pub pre_image: String,
    /// All of it. Secrets are taken out on its way through the gate.
    pub object: Value,
}

/// How an object is, by what its status says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Health {
    /// It is as it is meant to be, or on its way there within its time.
    Well,
    /// It is not.
    Ill {
        /// What is wrong with it, in one sentence.
        why: String,
    },
    /// It has no status that says, or that could not be read.
    #[default]
    Unknown,
}
