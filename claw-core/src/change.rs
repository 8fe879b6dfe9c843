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
    /// A Job was started: a migration, a batch, a run of a schedule.
    Job,
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

/// Arguments of a tool that lists changes. Every source of changes takes them and answers with [`ChangeList`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeQuery {
    /// Earliest time, inclusive; from the beginning when left out.
    #[serde(default)]
    pub start: Option<Timestamp>,
    /// Latest time, inclusive; to the end when left out.
    #[serde(default)]
    pub end: Option<Timestamp>,
    /// Only changes in this namespace, and changes that belong to none; all namespaces when left out.
    #[serde(default)]
    pub namespace: Option<String>,
}

impl ChangeQuery {
    /// Whether `change` is asked for.
    pub fn admits(&self, change: &Change) -> bool {
        self.start.is_none_or(|start| change.time >= start)
            && self.end.is_none_or(|end| change.time <= end)
            && match (&self.namespace, &change.entity.namespace) {
                (Some(wanted), Some(namespace)) => wanted == namespace,
                _ => true,
            }
    }
}

/// Changes in the order of their times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeList {
    /// The changes.
    pub changes: Vec<Change>,
}
