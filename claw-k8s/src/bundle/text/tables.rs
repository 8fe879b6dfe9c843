//! `kubectl get`, with or without `-o wide` and `-A`, and `kubectl get all`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::entity::known_kind;
use super::table::{self, Row};
use super::{Source, age, events, node, pod, service, workload};
use crate::cluster::Resource;

pub(super) fn objects(source: &Source, text: &str, present: Timestamp) -> Vec<Value> {
    table::read(text)
        .iter()
        .enumerate()
        .filter_map(|(index, row)| object(source, row, index, present))
        .collect()
}

fn object(source: &Source, row: &Row<'_>, index: usize, present: Timestamp) -> Option<Value> {
    let namespace = row
        .get("NAMESPACE")
        .copied()
        .and_then(super::present)
        .or(source.rest.as_deref());
    if source.kind == "Event" {
        return events::listed(row, namespace, index, present);
    }
    let name = super::present(row.get("NAME")?)?;
    // `kubectl get all` writes the kind before the name: `deployment.apps/cart`.
    let (kind, name) = match name.split_once('/') {
        Some((kind, name)) => (known_kind(kind.split('.').next()?)?, name),
        None => (source.kind.as_str(), name),
    };
    let namespace = match row.get("NAMESPACE") {
        Some(namespace) => super::present(namespace),
        None => source.namespace_before(name),
    };
    let mut metadata = Map::from_iter([("name".to_owned(), name.into())]);
    if !Resource::is_cluster_scoped(kind) {
        metadata.insert("namespace".to_owned(), namespace.unwrap_or("default").into());
    }
    if let Some(time) = row.get("AGE").and_then(|age| age::before(age, present)) {
        metadata.insert("creationTimestamp".to_owned(), time.to_string().into());
    }
    if let Some(labels) = row.get("LABELS").and_then(|text| super::present(text)) {
        let labels: Map<String, Value> = labels
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        metadata.insert("labels".to_owned(), labels.into());
    }
    let metadata = Value::Object(metadata);
    Some(match kind {
        "Pod" => pod::listed(row, metadata, present),
        "Node" => node::listed(row, metadata),
        "Service" => service::listed(row, metadata),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => workload::listed(row, kind, metadata),
        "PersistentVolumeClaim" => json!({
            "apiVersion": "v1", "kind": kind, "metadata": metadata,
            "spec": {"volumeName": row.get("VOLUME"), "storageClassName": row.get("STORAGECLASS")},
            "status": {"phase": row.get("STATUS")},
        }),
        _ => return None,
    })
}
