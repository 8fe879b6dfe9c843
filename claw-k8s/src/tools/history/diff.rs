//! The difference between two pod templates, field by field.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::redact::Redactor;
use serde_json::Value;

use crate::model::PodTemplate;
use crate::tools::changed::{Whole, sides};
use crate::tools::redacted::arguments;

/// Longest value that is shown as it is, in characters.
const MAX_VALUE: usize = 300;

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
    let redactor = Redactor::new();
    paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path))
        .map(|path| {
            let shown = |field: Option<&Field>| Some(Whole::seen(field?.shown(&redactor, path)));
            let (was, is) = (shown(old.get(path)), shown(new.get(path)));
            let (was, is) = sides(was.as_ref(), is.as_ref(), MAX_VALUE);
            format!("{path}: {was} → {is}")
        })
        .collect()
}

/// The value of a field.
#[derive(Debug, PartialEq)]
enum Field {
    /// One value.
    Text(String),
    /// Where a variable's value is taken from.
    Source(String),
    /// Several values, as they follow each other.
    Words(Vec<String>),
}

impl Field {
    /// The value without secrets.
    fn shown(&self, redactor: &Redactor, path: &str) -> String {
        match self {
            // Variables, labels and annotations have names that tell.
            Self::Text(text) => match path.strip_suffix(']').and_then(|path| path.rsplit_once('[')) {
                Some((_, name)) => redactor.redact_named(name, text).into_owned(),
                None => redactor.redact(text).into_owned(),
            },
            Self::Source(text) => text.clone(),
            Self::Words(words) => arguments(redactor, words).join(" "),
        }
    }
}

/// All fields of a template by path.
fn fields(template: &PodTemplate) -> BTreeMap<String, Field> {
    let mut fields = BTreeMap::new();
    for (kind, map) in [
        ("labels", &template.metadata.labels),
        ("annotations", &template.metadata.annotations),
    ] {
        for (key, value) in map {
            if !NOISE.contains(&key.as_str()) {
                fields.insert(format!("{kind}[{key}]"), Field::Text(value.clone()));
            }
        }
    }
    // A template that cannot be written has no fields; it was read from JSON, so it can.
    let spec = serde_json::to_value(&template.spec).unwrap_or_default();
    flatten("", &spec, &mut fields);
    fields
}

fn flatten(path: &str, value: &Value, out: &mut BTreeMap<String, Field>) {
    match value {
        Value::Object(map) => {
            if let Some(field) = variable(map) {
                out.insert(path.to_owned(), field);
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
                out.insert(path.to_owned(), Field::Words(items.iter().map(scalar).collect()));
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
                    out.insert(next, Field::Text("(present)".to_owned()));
                }
            }
        }
        Value::Null => {}
        other => {
            out.insert(path.to_owned(), Field::Text(scalar(other)));
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
fn variable(map: &serde_json::Map<String, Value>) -> Option<Field> {
    let only = |allowed: &[&str]| map.keys().all(|key| allowed.contains(&key.as_str()));
    if !map.contains_key("name") || !only(&["name", "value", "valueFrom"]) {
        return None;
    }
    match (map.get("value"), map.get("valueFrom")) {
        (Some(Value::String(value)), None) => Some(Field::Text(value.clone())),
        (None, Some(source)) => Some(Field::Source(format!("from {}", described(source)))),
        _ => None,
    }
}

fn described(source: &Value) -> String {
    let mut fields = BTreeMap::new();
    flatten("", source, &mut fields);
    let parts: Vec<_> = fields
        .iter()
        .map(|(path, value)| match value {
            Field::Text(text) | Field::Source(text) => format!("{path} {text}"),
            Field::Words(words) => format!("{path} {}", words.join(" ")),
        })
        .collect();
    parts.join(", ")
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(argument: &str) -> PodTemplate {
        let container = json!({"name": "app", "image": "cart:1", "args": [argument]});
        serde_json::from_value(json!({"spec": {"containers": [container]}})).unwrap()
    }

    #[test]
    fn a_long_value_is_shown_where_it_differs_and_a_hidden_character_as_such() {
        let long = "x".repeat(1000);
        let lines = differences(
            &template(&format!("{long} quiet")),
            &template(&format!("{long} loud")),
        );
        assert!(
            lines[0].contains("quiet") && lines[0].contains("loud"),
            "{lines:?}"
        );
        let lines = differences(
            &template("a"),
            &template("a\ncontainers[app].image: cart:1 → cart:2"),
        );
        assert_eq!(
            lines,
            ["containers[app].args: a → \"a\\ncontainers[app].image: cart:1 → cart:2\""]
        );
    }
}
