//! Whether a GitOps controller keeps an object: it is changed there, by a pull request, and not in the cluster, where the
//! change would be taken back.
//!
//! Flux marks what it keeps, and Argo CD does so by its own annotation or label. It may also mark by
//! `app.kubernetes.io/instance` alone, which others set as well: that proves nothing, while an Application that lists the object
//! does.

use claw_core::access::Access;
use claw_core::entity::EntityRef;
use claw_core::tool::{ToolContext, ToolError, ToolErrorKind};
use serde_json::Value;

use super::managed::{by_gitops, shown};
use crate::cluster::{Cluster, ClusterError, Query, Resource};
use crate::model::{Application, Object as _};

/// How Applications name the cluster that Argo CD itself runs in.
const HERE: [&str; 2] = ["https://kubernetes.default.svc", "in-cluster"];

/// `access` with what it takes to ask.
pub(super) fn asked(access: Access) -> Access {
    access.uses("argoproj.io", "applications", &["list"]).everywhere()
}

/// What is not known of it; that a controller keeps the object is the error. `object` is the object as it is or is to be.
pub(super) async fn unkept(
    cluster: &Cluster,
    cx: &ToolContext,
    resource: &Resource,
    entity: &EntityRef,
    object: &Value,
) -> Result<Vec<String>, ToolError> {
    if let Some(kept) = by_gitops(entity, object) {
        return Err(ToolError::invalid_input(kept));
    }
    let applications = match applications(cluster, cx).await {
        Ok(applications) => applications,
        Err(error) if error.kind() == ToolErrorKind::Denied => {
            return Ok(vec![format!(
                "whether Argo CD keeps {entity}, and would take this back, could not be seen"
            )]);
        }
        Err(error) => return Err(error),
    };
    let mut notes = Vec::new();
    for application in applications.iter().filter(|one| lists(one, resource, entity)) {
        let path = application.entity().path();
        let name = path
            .split('/')
            .all(|part| shown(part).is_some())
            .then_some(path.as_str());
        let name = name.unwrap_or("of another name");
        if is_here(application) {
            return Err(ToolError::invalid_input(format!(
                "{entity} is managed by Argo CD (Application {name}): change it there by pull request"
            )));
        }
        notes.push(format!(
            "Application {name} of Argo CD keeps {entity}, in another cluster as it seems; if it is this one, change it there \
             by pull request"
        ));
    }
    Ok(notes)
}

async fn applications(cluster: &Cluster, cx: &ToolContext) -> Result<Vec<Application>, ToolError> {
    let Some(kind) = cluster.discovery(cx).await?.resolve(&Resource::APPLICATIONS) else {
        return Ok(Vec::new());
    };
    // They live in namespaces of their own, and deliver to others.
    let listed = match cluster.list::<Application>(cx, &Query::new(kind, None)).await {
        Ok(listed) => listed,
        Err(ClusterError::NotFound { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    if listed.incomplete.is_empty() {
        return Ok(listed.items);
    }
    Err(ToolError::new(
        ToolErrorKind::Unavailable,
        "not all Applications of Argo CD could be read, so that one may keep the object; try again",
    ))
}

/// Whether an Application says that it keeps an object, in whichever cluster.
pub(in crate::tools) fn lists(application: &Application, resource: &Resource, entity: &EntityRef) -> bool {
    let kept = application.status.resources.iter();
    let namespace = entity.namespace.as_deref().unwrap_or_default();
    kept.into_iter().any(|kept| {
        kept.group == resource.group
            && kept.kind == entity.kind
            && kept.name == entity.name
            && kept.namespace.as_deref().unwrap_or_default() == namespace
    })
}

/// Whether an Application delivers to the cluster that Argo CD itself runs in, as far as it says.
pub(in crate::tools) fn is_here(application: &Application) -> bool {
    let destination = &application.spec.destination;
    let named = [&destination.server, &destination.name].map(String::as_str);
    named
        .iter()
        .all(|name| name.is_empty() || HERE.contains(&name.trim_end_matches('/')))
}
