//! Who keeps a target.

use claw_core::action::Action;
use claw_core::tool::ToolContext;
use serde_json::Value;

use super::notes::Notes;
use crate::cluster::{Cluster, Resource};
use crate::gitops;
use crate::model::Application;
use crate::tools::propose::{is_here, lists};
use crate::tools::reading::list_served;

/// The label by which Argo CD may tell what it keeps, and Helm and people what belongs together.
const INSTANCE: &str = "app.kubernetes.io/instance";

/// The GitOps controller that keeps the object. Argo CD is asked only where a label says that it may.
pub(super) async fn keeper(
    cluster: &Cluster,
    cx: &ToolContext,
    (resource, action): (&Resource, &Action),
    object: &Value,
    notes: &mut Notes,
) -> Option<String> {
    if let Some(marked) = gitops::keeper(object) {
        return Some(marked.to_owned());
    }
    object.pointer("/metadata/labels")?.get(INSTANCE)?;
    let kind = &Resource::APPLICATIONS;
    let discovery = notes.one(cluster.discovery(cx).await)?;
    let listed = list_served::<Application>(cluster, cx, &discovery, kind, None).await?;
    let applications = notes.list(kind, listed)?;
    let keepers = applications
        .iter()
        .filter(|it| lists(it, resource, &action.target));
    let (here, elsewhere): (Vec<_>, Vec<_>) = keepers.partition(|it| is_here(it));
    if !here.is_empty() {
        return Some("Argo CD".to_owned());
    }
    if !elsewhere.is_empty() {
        // Argo CD may know this cluster by another address.
        notes.add(format!(
            "whether {} is kept by an Application of Argo CD that delivers to another cluster as it seems",
            action.target
        ));
    }
    None
}
