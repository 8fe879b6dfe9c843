//! The difference between two pod templates, field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::model::PodTemplate;
use crate::tools::redaction::{REDACTED, names_secret, without_credentials};

/// Longest value that is shown, in characters.
const MAX_VALUE: usize = 160;

/// Labels and annotations that differ between any two revisions and say nothing.
const NOISE: [&str; 4] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "deprecated.daemonset.template.generation",
];

/// `path: old → new`, one field a line, sorted by path. What is not there is shown as `(none)`.
///
/// Containers, variables, volumes and mounts are told apart by name, so that moving one is no difference.
pub(in crate::tools) fn differences(old: &PodTemplate, new: &PodTemplate) -> Vec<String> {
    let (old, new) = (fields(old), fields(new));
    let paths: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path))
        .map(|path| {
            format!(
                "{path}: {} → {}",
                shown(path, old.get(path)),
                shown(path, new.get(path))
            )
        })
        .collect()
}

fn shown(path: &str, value: Option<&String>) -> String {
    let Some(value) = value else {
        return "(none)".to_owned();
    };
    let variable = path
        .rsplit_once("env[")
        .and_then(|(_, name)| name.split_once(']'))
        .map(|(name, _)| name);
    if variable.is_some_and(names_secret) && !value.starts_with("from ") {
        return REDACTED.to_owned();
    }
    let value = without_credentials(value);
    let mut short: String = value.chars().take(MAX_VALUE).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    if short.is_empty() {
        "(empty)".to_owned()
    } else {
        short
    }
}

/// All fields of a template by path.
fn fields(template: &PodTemplate) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for (kind, map) in [
        ("labels", &template.metadata.labels),
        ("annotations", &template.metadata.annotations),
    ] {
        for (key, value) in map {
            if !NOISE.contains(&key.as_str()) {
                fields.insert(format!("{kind}[{key}]"), value.clone());
            }
        }
    }
    // A template that cannot be written has no fields; it was read from JSON, so it can.
    let spec = serde_json::to_value(&template.spec).unwrap_or_default();
    flatten("", &spec, &mut fields);
    fields
}

fn flatten(path: &str, value: &Value, out: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            if let Some(text) = variable(map) {
                out.insert(path.to_owned(), text);
                return;
            }
            for (key, value) in map {
                let next = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                flatten(&next, value, out);
            }
        }
        Value::Array(items) => {
            if items.iter().all(|item| !item.is_object() && !item.is_array()) {
                let words: Vec<_> = items.iter().map(scalar).collect();
                out.insert(path.to_owned(), words.join(" "));
                return;
            }
            let mut seen = BTreeSet::new();
            for (index, item) in items.iter().enumerate() {
                let key = identity(item).unwrap_or_else(|| index.to_string());
                // Damaged objects may hold a name twice; none may hide the other.
                let key = if seen.insert(key.clone()) {
                    key
                } else {
                    format!("{key}#{index}")
                };
                let before = out.len();
                let next = format!("{path}[{key}]");
                flatten(&next, item, out);
                if out.len() == before {
                    out.insert(next, "(present)".to_owned());
                }
            }
        }
        Value::Null => {}
        other => {
            out.insert(path.to_owned(), scalar(other));
        }
    }
}

/// By what an element of a list is told apart from the others.
fn identity(item: &Value) -> Option<String> {
    let text = |key: &str| match item.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    if let Some(mount) = text("mountPath") {
        return Some(mount);
    }
    if let Some(port) = text("containerPort") {
        return Some(port);
    }
    if let Some(name) = text("name") {
        return Some(name);
    }
    for source in ["configMapRef", "secretRef"] {
        if let Some(Value::String(name)) = item.get(source).and_then(|source| source.get("name")) {
            return Some(format!("{source} {name}"));
        }
    }
    text("key").or_else(|| text("topologyKey"))
}

/// An environment variable as one value.
fn variable(map: &serde_json::Map<String, Value>) -> Option<String> {
    let only = |allowed: &[&str]| map.keys().all(|key| allowed.contains(&key.as_str()));
    if !map.contains_key("name") || !only(&["name", "value", "valueFrom"]) {
        return None;
    }
    match (map.get("value"), map.get("valueFrom")) {
        (Some(Value::String(value)), None) => Some(value.clone()),
        (None, Some(source)) => Some(format!("from {}", described(source))),
        _ => None,
    }
}

fn described(source: &Value) -> String {
    let mut fields = BTreeMap::new();
    flatten("", source, &mut fields);
    let parts: Vec<_> = fields
        .iter()
        .map(|(path, value)| format!("{path} {value}"))
        .collect();
    parts.join(", ")
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
