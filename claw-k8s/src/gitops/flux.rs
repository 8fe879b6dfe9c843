//! Flux.

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use serde_json::Value;

use super::{Delivered, Failure, delivery_change};
use crate::model::{Condition, Delivery, Object};

/// How a Kustomization or HelmRelease stands.
pub fn delivery(delivery: &Delivery) -> Delivered {
    let ready = delivery.condition("Ready");
    let is_current = match (delivery.status.observed_generation, delivery.metadata.generation) {
        (Some(observed), Some(wanted)) => observed >= wanted,
        _ => true,
    };
    let healthy = ready.and_then(|condition| match condition.status.as_str() {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    });
    Delivered {
        entity: delivery.entity(),
        controller: "flux".to_owned(),
        sources: source(delivery).into_iter().collect(),
        target_namespace: Some(delivery.spec.target_namespace.clone()).filter(|ns| !ns.is_empty()),
        revision: applied(delivery),
        in_sync: healthy.map(|healthy| healthy && is_current && !differs(delivery)),
        healthy,
        suspended: delivery.spec.suspend,
        message: ready
            .filter(|condition| !condition.is_true())
            .map(|condition| condition.message.clone())
            .unwrap_or_default(),
        failure: ready.and_then(failure),
        last_delivery: delivery
            .status
            .history
            .iter()
            .filter_map(|snapshot| snapshot.last_deployed)
            .max()
            .or_else(|| {
                ready
                    .filter(|condition| condition.is_true())
                    .and_then(|condition| condition.last_transition_time)
            }),
        keeps: kept_by_delivery(delivery),
    }
}

/// Why a delivery failed. One that is applied and waits for the health of what it brought did not.
fn failure(ready: &Condition) -> Option<Failure> {
    let failed = ready.status == "False" && ready.reason != "HealthCheckFailed";
    failed.then(|| Failure {
        reason: ready.reason.clone(),
        message: ready.message.clone(),
        since: ready.last_transition_time,
    })
}

fn differs(delivery: &Delivery) -> bool {
    let status = &delivery.status;
    !status.last_attempted_revision.is_empty()
        && !status.last_applied_revision.is_empty()
        && status.last_attempted_revision != status.last_applied_revision
}

/// HelmReleases remember versions of the chart, Kustomizations revisions of the source.
fn applied(delivery: &Delivery) -> String {
    if !delivery.status.last_applied_revision.is_empty() {
        return delivery.status.last_applied_revision.clone();
    }
    delivery
        .status
        .history
        .iter()
        .max_by_key(|snapshot| snapshot.version)
        .map(|snapshot| snapshot.chart_version.clone())
        .unwrap_or_default()
}

fn source(delivery: &Delivery) -> Option<String> {
    let spec = &delivery.spec;
    if let Some(source) = &spec.source_ref {
        return Some(
            format!("{}/{} {}", source.kind, source.name, spec.path)
                .trim_end()
                .to_owned(),
        );
    }
    let chart = spec.chart.as_ref()?.get("spec")?;
    let text = |key: &str| chart.get(key).and_then(Value::as_str).unwrap_or_default();
    Some(format!("{}@{}", text("chart"), text("version")))
}

/// What a Kustomization keeps, by its inventory; a HelmRelease does not say.
pub fn kept_by_delivery(delivery: &Delivery) -> Vec<EntityRef> {
    delivery
        .status
        .inventory
        .iter()
        .flat_map(|inventory| &inventory.entries)
        .filter_map(|entry| {
            // `namespace_name_group_kind`; names of RBAC objects have `__` for `:`.
            let (rest, kind) = entry.id.rsplit_once('_')?;
            let (rest, _group) = rest.rsplit_once('_')?;
            let (namespace, name) = rest.split_once('_')?;
            Some(EntityRef {
                kind: kind.to_owned(),
                namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
                name: name.replace("__", ":"),
            })
        })
        .collect()
}

/// The releases that a HelmRelease remembers, or the last revision of a Kustomization.
pub fn changes_of_delivery(delivery: &Delivery) -> Vec<Change> {
    let entity = delivery.entity();
    let mut history: Vec<_> = delivery.status.history.iter().collect();
    history.sort_by_key(|snapshot| snapshot.version);
    let mut before: Option<String> = None;
    let mut changes = Vec::new();
    for snapshot in history {
        let revision = format!(
            "{} {} (release {})",
            snapshot.chart_name, snapshot.chart_version, snapshot.version
        );
        if let Some(time) = snapshot.last_deployed.or(snapshot.first_deployed) {
            let note = if snapshot.status == "failed" {
                ", and failed"
            } else {
                ""
            };
            changes.push(delivery_change(
                &entity,
                time,
                &revision,
                before.as_deref(),
                None,
                note,
            ));
        }
        before = Some(revision);
    }
    // A Kustomization only remembers the present. `Ready` turned true when it was reached, or later.
    if changes.is_empty()
        && !delivery.status.last_applied_revision.is_empty()
        && let Some(time) = delivery
            .condition("Ready")
            .filter(|ready| ready.is_true())
            .and_then(|ready| ready.last_transition_time)
    {
        let revision = &delivery.status.last_applied_revision;
        changes.push(delivery_change(&entity, time, revision, None, None, ""));
    }
    changes
}
