//! What GitOps controllers keep, whether they manage to, and what they changed.

mod argocd;
mod flux;
mod marks;

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use argocd::{application, changes_of_application, kept_by_application};
pub use flux::{changes_of_delivery, delivery, kept_by_delivery};
pub use marks::keeper;

/// How a GitOps object stands, whatever controller it belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Delivered {
    /// The Application, Kustomization or HelmRelease.
    pub entity: EntityRef,
    /// `argocd` or `flux`.
    pub controller: String,
    /// Where its manifests come from: repository and folder, or chart.
    pub sources: Vec<String>,
    /// Namespace that it delivers to, where it names one.
    pub target_namespace: Option<String>,
    /// Revision that is in the cluster.
    pub revision: String,
    /// Whether the cluster has what the source has; `None` where that is not known.
    pub in_sync: Option<bool>,
    /// Whether what was delivered works; `None` where that is not known.
    pub healthy: Option<bool>,
    /// Whether it is held, so that it delivers nothing.
    pub suspended: bool,
    /// Why it is not in sync or not healthy. Untrusted text.
    pub message: String,
    /// How the last delivery failed, where it did. Something that was delivered and is not healthy is no failure of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// When it last delivered something.
    pub last_delivery: Option<Timestamp>,
    /// What it keeps.
    pub keeps: Vec<EntityRef>,
}

/// Why something could not be delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The controller's word for it.
    pub reason: String,
    /// What it says. Untrusted text.
    pub message: String,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// A delivery as a change.
fn delivery_change(
    entity: &EntityRef,
    time: Timestamp,
    revision: &str,
    before: Option<&str>,
    author: Option<String>,
    note: &str,
) -> Change {
    let short = short(revision);
    let detail = before
        .filter(|before| *before != revision && !before.is_empty())
        .map(|before| format!("revision: {before} → {revision}"))
        .into_iter()
        .collect();
    Change {
        reference: format!("{}/{}@{short}#{}", entity.kind, entity.path(), time.as_second()),
        time,
        kind: ChangeKind::Commit,
        entity: entity.clone(),
        summary: format!("{entity} delivered {short}{note}"),
        detail,
        author,
    }
}

/// A revision as people write it: twelve digits of a commit, the rest as it is.
fn short(revision: &str) -> String {
    let is_commit = |text: &str| text.len() >= 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match revision.rsplit_once([':', '/']) {
        Some((branch, commit)) if is_commit(commit) => {
            let branch = branch.split('@').next().unwrap_or_default();
            let commit = commit.get(..12).unwrap_or(commit);
            if branch.is_empty() {
                commit.to_owned()
            } else {
                format!("{branch}@{commit}")
            }
        }
        _ if is_commit(revision) => revision.get(..12).unwrap_or(revision).to_owned(),
        _ => revision.to_owned(),
    }
}

#[cfg(test)]
mod tests;
