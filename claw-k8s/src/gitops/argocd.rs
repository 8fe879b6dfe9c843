//! Argo CD.

use claw_core::change::Change;
use claw_core::entity::EntityRef;

use super::{Delivered, Failure, delivery_change};
use crate::model::{Application, ApplicationSource, Object};

/// How an Application stands.
pub fn application(application: &Application) -> Delivered {
    let status = &application.status;
    let operation = status.operation_state.as_ref();
    let failed = operation.filter(|operation| matches!(operation.phase.as_str(), "Failed" | "Error"));
    let message = failed
        .map(|operation| operation.message.as_str())
        .filter(|message| !message.is_empty())
        .or_else(|| {
            status
                .conditions
                .iter()
                .find(|condition| condition.kind.ends_with("Error"))
                .map(|condition| condition.message.as_str())
        })
        .unwrap_or(&status.health.message);
    Delivered {
        entity: application.entity(),
        controller: "argocd".to_owned(),
        sources: application.spec.all_sources().map(source).collect(),
        target_namespace: Some(application.spec.destination.namespace.clone()).filter(|ns| !ns.is_empty()),
        revision: revision(&status.sync.revision, &status.sync.revisions),
        in_sync: match status.sync.status.as_str() {
            "Synced" => Some(failed.is_none()),
            "OutOfSync" => Some(false),
            _ => None,
        },
        healthy: match status.health.status.as_str() {
            "Healthy" => Some(true),
            "Degraded" | "Missing" => Some(false),
            _ => None,
        },
        suspended: status.health.status == "Suspended",
        message: message.to_owned(),
        failure: failure(application),
        last_delivery: status
            .history
            .iter()
            .filter_map(|entry| entry.deployed_at)
            .max()
            .or_else(|| operation.and_then(|operation| operation.finished_at)),
        keeps: kept_by_application(application),
    }
}

/// Why an Application could not be delivered: its last operation failed, or its manifests cannot be made or applied.
fn failure(application: &Application) -> Option<Failure> {
    let status = &application.status;
    let operation = status
        .operation_state
        .as_ref()
        .filter(|operation| matches!(operation.phase.as_str(), "Failed" | "Error"))
        .map(|operation| Failure {
            reason: operation.phase.clone(),
            message: operation.message.clone(),
            since: operation.started_at.or(operation.finished_at),
        });
    let condition = || {
        let mut conditions = status.conditions.iter();
        let error = conditions.find(|condition| condition.kind.ends_with("Error"))?;
        Some(Failure {
            reason: error.kind.clone(),
            message: error.message.clone(),
            since: error.last_transition_time,
        })
    };
    operation.or_else(condition)
}

/// What an Application keeps.
pub fn kept_by_application(application: &Application) -> Vec<EntityRef> {
    application
        .status
        .resources
        .iter()
        .map(|resource| EntityRef {
            kind: resource.kind.clone(),
            namespace: resource
                .namespace
                .clone()
                .filter(|namespace| !namespace.is_empty()),
            name: resource.name.clone(),
        })
        .collect()
}

/// The syncs that an Application remembers.
pub fn changes_of_application(application: &Application) -> Vec<Change> {
    let entity = application.entity();
    let mut history: Vec<_> = application.status.history.iter().collect();
    history.sort_by_key(|entry| (entry.deployed_at, entry.id));
    let mut before: Option<String> = None;
    let mut changes = Vec::new();
    for entry in history {
        let revision = revision(&entry.revision, &entry.revisions);
        if let Some(time) = entry.deploy_started_at.or(entry.deployed_at) {
            let author = Some(entry.initiated_by.username.clone()).filter(|name| !name.is_empty());
            changes.push(delivery_change(
                &entity,
                time,
                &revision,
                before.as_deref(),
                author,
                "",
            ));
        }
        before = Some(revision);
    }
    let failed = application
        .status
        .operation_state
        .as_ref()
        .filter(|operation| matches!(operation.phase.as_str(), "Failed" | "Error"));
    if let Some(operation) = failed
        && let Some(time) = operation.started_at
    {
        let revision = operation
            .sync_result
            .as_ref()
            .map_or("", |result| result.revision.as_str());
        changes.push(delivery_change(
            &entity,
            time,
            revision,
            before.as_deref(),
            None,
            ", and failed",
        ));
    }
    changes
}

/// The address of a repository. Whoever stands before its host may be a token.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn revision(one: &str, several: &[String]) -> String {
    if one.is_empty() {
        several.join(", ")
    } else {
        one.to_owned()
    }
}

fn source(source: &ApplicationSource) -> String {
    let place = if source.chart.is_empty() {
        &source.path
    } else {
        &source.chart
    };
    let mut text = without_user(&source.repo_url);
    if !place.is_empty() {
        text.push(' ');
        text.push_str(place);
    }
    if !source.target_revision.is_empty() {
        text.push('@');
        text.push_str(&source.target_revision);
    }
    text
}
