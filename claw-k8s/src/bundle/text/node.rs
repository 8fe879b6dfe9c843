//! Nodes.

use serde_json::{Map, Value, json};

use super::super::time;
use super::outline::Item;
use super::table::Row;

/// A node that `kubectl describe node` prints.
pub(super) fn described(root: &Item<'_>, metadata: Value) -> Vec<Value> {
    let taints: Vec<Value> = root
        .get("Taints")
        .map(|item| item.lines().filter_map(taint).collect())
        .unwrap_or_default();
    let unschedulable = root.text("Unschedulable") == Some("true");
    let conditions: Vec<Value> = root
        .get("Conditions")
        .map(|item| {
            item.items
                .iter()
                .filter_map(|item| condition(item.line))
                .collect()
        })
        .unwrap_or_default();
    let amounts = |key: &str| -> Map<String, Value> {
        root.get(key)
            .map(|item| {
                item.items
                    .iter()
                    .map(|item| (item.key.to_owned(), item.value.into()))
                    .collect()
            })
            .unwrap_or_default()
    };
    let addresses: Vec<Value> = root
        .get("Addresses")
        .map(|item| {
            let address = |item: &Item<'_>| json!({"type": item.key, "address": item.value});
            item.items.iter().map(address).collect()
        })
        .unwrap_or_default();
    vec![json!({
        "apiVersion": "v1", "kind": "Node", "metadata": metadata,
        "spec": {"taints": taints, "unschedulable": unschedulable},
        "status": {
            "conditions": conditions, "addresses": addresses,
            "capacity": amounts("Capacity"), "allocatable": amounts("Allocatable"),
        },
    })]
}

/// `key=value:Effect` or `key:Effect`.
fn taint(text: &str) -> Option<Value> {
    let (key, effect) = text.trim().rsplit_once(':')?;
    Some(match key.split_once('=') {
        Some((key, value)) => json!({"key": key, "value": value, "effect": effect}),
        None => json!({"key": key, "effect": effect}),
    })
}

/// `Ready  False  Tue, 04 Mar 2025 10:00:00 +0000  Tue, 04 Mar 2025 09:00:00 +0000  KubeletNotReady  text`.
fn condition(line: &str) -> Option<Value> {
    let cells: Vec<&str> = line
        .split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect();
    let (kind, status) = match cells.as_slice() {
        [kind, status, ..] if matches!(*status, "True" | "False" | "Unknown") => (*kind, *status),
        _ => return None,
    };
    let rest: Vec<&str> = cells.into_iter().skip(2).collect();
    let times: Vec<String> = rest
        .iter()
        .take(2)
        .map_while(|cell| time::parse_text(cell))
        .map(|time| time.to_string())
        .collect();
    let words: Vec<&str> = rest.into_iter().skip(times.len()).collect();
    let mut condition = json!({"type": kind, "status": status});
    if let Value::Object(map) = &mut condition {
        for (field, time) in ["lastHeartbeatTime", "lastTransitionTime"]
            .into_iter()
            .zip(&times)
        {
            map.insert(field.to_owned(), time.as_str().into());
        }
        if let Some((reason, message)) = words.split_first() {
            map.insert("reason".to_owned(), (*reason).into());
            map.insert("message".to_owned(), message.join(" ").into());
        }
    }
    Some(condition)
}

/// A node in a table of `kubectl get nodes`.
pub(super) fn listed(row: &Row<'_>, metadata: Value) -> Value {
    let shown = row.get("STATUS").copied().unwrap_or_default();
    let words: Vec<&str> = shown.split(',').map(str::trim).collect();
    // What `kubectl` prints as NotReady may be False or Unknown; either way the node is not ready.
    let ready = match words.first() {
        Some(&"Ready") => "True",
        Some(&"NotReady") => "False",
        _ => "Unknown",
    };
    let mut info = Map::new();
    for (column, field) in [
        ("VERSION", "kubeletVersion"),
        ("OS-IMAGE", "osImage"),
        ("KERNEL-VERSION", "kernelVersion"),
        ("CONTAINER-RUNTIME", "containerRuntimeVersion"),
    ] {
        if let Some(text) = row.get(column).and_then(|text| super::present(text)) {
            info.insert(field.to_owned(), text.into());
        }
    }
    let addresses: Vec<Value> = [("INTERNAL-IP", "InternalIP"), ("EXTERNAL-IP", "ExternalIP")]
        .into_iter()
        .filter_map(|(column, kind)| {
            Some(json!({"type": kind, "address": super::present(row.get(column)?)?}))
        })
        .collect();
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": metadata,
        "spec": {"unschedulable": words.contains(&"SchedulingDisabled")},
        "status": {"conditions": [{"type": "Ready", "status": ready}], "nodeInfo": info, "addresses": addresses},
    })
}
