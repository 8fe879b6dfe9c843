//! `kubectl describe`: one or several outlines, each beginning with `Name:`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::outline::Item;
use super::{Source, events, node, pod, service, workload};
use crate::cluster::Resource;

pub(super) fn objects(source: &Source, text: &str, present: Timestamp) -> Vec<Value> {
    parts(text)
        .into_iter()
        .flat_map(|part| described(source, part, present))
        .collect()
}

/// The text cut before each line that begins with `Name:`.
fn parts(text: &str) -> Vec<&str> {
    let mut starts = Vec::new();
    let mut offset = 0_usize;
    for line in text.split_inclusive('\n') {
        if line.starts_with("Name:") {
            starts.push(offset);
        }
        offset = offset.saturating_add(line.len());
    }
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([text.len()]).collect();
    starts
        .into_iter()
        .zip(ends)
        .filter_map(|(start, end)| text.get(start..end))
        .collect()
}

fn described(source: &Source, text: &str, present: Timestamp) -> Vec<Value> {
    let root = Item::read(text);
    let Some(name) = root.text("Name") else {
        return Vec::new();
    };
    let scoped = !Resource::is_cluster_scoped(&source.kind);
    let namespace = root
        .text("Namespace")
        .or_else(|| source.namespace_before(name).filter(|_| scoped));
    let head = Head {
        name,
        namespace: namespace.filter(|_| scoped),
        metadata: metadata(&root, name, namespace.filter(|_| scoped)),
    };
    let mut found = match source.kind.as_str() {
        "Pod" => pod::described(&root, head.metadata.clone()),
        "Node" => node::described(&root, head.metadata.clone()),
        "Service" => service::described(&root, &head),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => {
            workload::described(&root, &source.kind, head.metadata.clone())
        }
        _ => Vec::new(),
    };
    found.extend(events::described(text, &source.kind, &head, present));
    found
}

/// Who is described.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: Option<&'a str>,
    pub(super) metadata: Value,
}

fn metadata(root: &Item<'_>, name: &str, namespace: Option<&str>) -> Value {
    let mut metadata = Map::from_iter([("name".to_owned(), name.into())]);
    if let Some(namespace) = namespace {
        metadata.insert("namespace".to_owned(), namespace.into());
    }
    for (key, field) in [("Labels", "labels"), ("Annotations", "annotations")] {
        let pairs = root.get(key).map(pairs).unwrap_or_default();
        if !pairs.is_empty() {
            metadata.insert(field.to_owned(), Value::Object(pairs));
        }
    }
    let created = root.text("CreationTimestamp").or_else(|| root.text("Start Time"));
    if let Some(time) = created.and_then(super::super::time::parse_text) {
        metadata.insert("creationTimestamp".to_owned(), time.to_string().into());
    }
    if let Some((kind, owner)) = root.text("Controlled By").and_then(|text| text.split_once('/')) {
        let owner = json!([{"kind": kind, "name": owner, "controller": true}]);
        metadata.insert("ownerReferences".to_owned(), owner);
    }
    Value::Object(metadata)
}

/// `a=b` or `a: b` lines.
pub(super) fn pairs(item: &Item<'_>) -> Map<String, Value> {
    item.lines()
        .flat_map(|line| match line.contains(": ") {
            true => vec![line],
            // Selectors are printed in one line with commas.
            false => line.split(',').collect(),
        })
        .filter_map(|line| line.split_once('=').or_else(|| line.split_once(": ")))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().into()))
        .collect()
}

/// A number with words behind it.
pub(super) fn number(text: &str) -> Option<i64> {
    text.split_whitespace().next()?.parse().ok()
}
