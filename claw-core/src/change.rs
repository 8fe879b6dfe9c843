//! Things that somebody or something changed.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entity::EntityRef;

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// A new revision of a workload.
    Deploy,
    /// Configuration: ConfigMap, Secret, policy, route, quota.
    Config,
    /// A commit in a repository that the cluster is built from.
    Commit,
    /// A change of replica count or of an autoscaler.
    Scale,
    /// A feature flag.
    Flag,
    /// A node joined, left, or was cordoned or drained.
    Node,
}

/// One change, from a rollout history, managed fields, a GitOps tool or a recorded list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Reference by which people find it: revision, commit, or a derived name. Unique within a run.
    #[serde(rename = "ref")]
    pub reference: String,
    /// When it took effect.
    pub time: Timestamp,
    /// What kind of change it is.
    pub kind: ChangeKind,
    /// What was changed.
    pub entity: EntityRef,
    /// One line.
    pub summary: String,
    /// The difference, one field a line (`path: old → new`), empty where it is not known.
    #[serde(default)]
    pub detail: Vec<String>,
    /// Who did it, where known.
    #[serde(default)]
    pub author: Option<String>,
}
