//! Deployments, and the workloads that print like them.

use serde_json::{Map, Value, json};

use super::describe::{number, pairs};
use super::outline::Item;
use super::pod;
use super::table::Row;

/// A workload that `kubectl describe` prints.
pub(super) fn described(root: &Item<'_>, kind: &str, metadata: Value) -> Vec<Value> {
    let selector = root.get("Selector").map(pairs).unwrap_or_default();
    let mut template = Map::new();
    let mut labels = selector.clone();
    if let Some(printed) = root.get("Pod Template") {
        labels.extend(printed.get("Labels").map(pairs).unwrap_or_default());
        for (key, field) in [
            ("Init Containers", "initContainers"),
            ("Containers", "containers"),
        ] {
            let containers: Vec<Value> = printed
                .get(key)
                .map(|item| item.items.iter().map(|item| pod::container(item).0).collect())
                .unwrap_or_default();
            if !containers.is_empty() {
                template.insert(field.to_owned(), containers.into());
            }
        }
        if let Some(account) = printed.text("Service Account") {
            template.insert("serviceAccountName".to_owned(), account.into());
        }
    }
    let mut spec = json!({
        "selector": {"matchLabels": selector},
        "template": {"metadata": {"labels": labels}, "spec": template},
    });
    let mut status = Map::new();
    // `3 desired | 3 updated | 3 total | 1 available | 2 unavailable`, or `2 current / 3 desired`
    for part in root.text("Replicas").unwrap_or_default().split(['|', '/']) {
        let Some((count, word)) = part.trim().split_once(' ') else {
            continue;
        };
        let Ok(count) = count.parse::<i64>() else {
            continue;
        };
        let field = match word.trim() {
            "desired" => {
                if let Value::Object(spec) = &mut spec {
                    spec.insert("replicas".to_owned(), count.into());
                }
                continue;
            }
            "updated" => "updatedReplicas",
            "total" | "current" => "replicas",
            "available" => "availableReplicas",
            "unavailable" => "unavailableReplicas",
            _ => continue,
        };
        status.insert(field.to_owned(), count.into());
    }
    for (key, field) in [
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ] {
        if let Some(count) = root.text(key).and_then(number) {
            status.insert(field.to_owned(), count.into());
        }
    }
    let conditions: Vec<Value> = root
        .get("Conditions")
        .map(|item| {
            item.items
                .iter()
                .filter_map(|item| condition(item.line))
                .collect()
        })
        .unwrap_or_default();
    status.insert("conditions".to_owned(), conditions.into());
    vec![json!({"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec, "status": status})]
}

/// `Available  False  MinimumReplicasUnavailable`.
fn condition(line: &str) -> Option<Value> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [kind, status @ ("True" | "False" | "Unknown"), reason, ..] => {
            Some(json!({"type": kind, "status": status, "reason": reason}))
        }
        [kind, status @ ("True" | "False" | "Unknown")] => Some(json!({"type": kind, "status": status})),
        _ => None,
    }
}

/// A workload in a table of `kubectl get`.
pub(super) fn listed(row: &Row<'_>, kind: &str, metadata: Value) -> Value {
    let count = |column: &str| row.get(column).and_then(|text| number(text));
    let mut spec = Map::new();
    let mut status = Map::new();
    if let Some((ready, wanted)) = row.get("READY").and_then(|text| text.split_once('/')) {
        if let Some(wanted) = number(wanted) {
            spec.insert("replicas".to_owned(), wanted.into());
        }
        if let Some(ready) = number(ready) {
            status.insert("readyReplicas".to_owned(), ready.into());
        }
    }
    let columns: &[(&str, &str)] = match kind {
        "DaemonSet" => &[
            ("DESIRED", "desiredNumberScheduled"),
            ("CURRENT", "currentNumberScheduled"),
            ("READY", "numberReady"),
            ("UP-TO-DATE", "updatedNumberScheduled"),
            ("AVAILABLE", "numberAvailable"),
        ],
        _ => &[
            ("CURRENT", "replicas"),
            ("READY", "readyReplicas"),
            ("UP-TO-DATE", "updatedReplicas"),
            ("AVAILABLE", "availableReplicas"),
        ],
    };
    for (column, field) in columns {
        if let Some(count) = count(column) {
            status.insert((*field).to_owned(), count.into());
        }
    }
    if kind != "DaemonSet"
        && let Some(wanted) = count("DESIRED")
    {
        spec.insert("replicas".to_owned(), wanted.into());
    }
    let names = row.get("CONTAINERS").and_then(|text| super::present(text));
    if let Some(names) = names {
        let images: Vec<&str> = row
            .get("IMAGES")
            .copied()
            .unwrap_or_default()
            .split(',')
            .collect();
        let containers: Vec<Value> = names
            .split(',')
            .enumerate()
            .map(|(index, name)| json!({"name": name, "image": images.get(index).copied().unwrap_or_default()}))
            .collect();
        spec.insert("template".to_owned(), json!({"spec": {"containers": containers}}));
    }
    let selector: Map<String, Value> = row
        .get("SELECTOR")
        .and_then(|text| super::present(text))
        .into_iter()
        .flat_map(|text| text.split(','))
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
    if !selector.is_empty() {
        spec.insert("selector".to_owned(), json!({"matchLabels": selector}));
    }
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec, "status": status})
}
