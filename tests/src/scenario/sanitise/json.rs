//! Replaces names in JSON, whose own words stay.

use claw_k8s::bundle::RecordedKind;
use serde_json::{Map, Value};

use super::interface::{group_of, is_known_group};
use super::text::Replacer;

/// Mappings whose keys are names that people chose.
const FREE: [&str; 15] = [
    "annotations",
    "binaryData",
    "commonAnnotations",
    "commonLabels",
    "data",
    "fieldsV1",
    "groupLabels",
    "labels",
    "matchLabels",
    "metric",
    "nodeSelector",
    "parameters",
    "selector",
    "sourceLabels",
    "stringData",
];
/// Mappings of known schemas in which anything may stand.
const OPEN: [&str; 11] = [
    "attributes",
    "config",
    "headers",
    "openAPIV3Schema",
    "options",
    "queryParams",
    "value",
    "values",
    "valuesObject",
    "volumeAttributes",
    "withoutHeaders",
];
/// Keys whose values are words of an interface.
const OF_INTERFACES: [&str; 8] = [
    "kind",
    "apiVersion",
    "type",
    "reason",
    "phase",
    "operator",
    "protocol",
    "status",
];

/// Whether the keys of a mapping are names that people chose.
pub(super) fn is_free(key: &str) -> bool {
    FREE.contains(&key)
}

/// Whether anything may stand in a mapping, whatever the schema around it is.
pub(super) fn is_open(key: &str) -> bool {
    OPEN.contains(&key)
}

/// Whether texts under a key are words of an interface.
pub(super) fn is_of_interface(key: &str) -> bool {
    OF_INTERFACES.contains(&key)
}

/// Whether a key can be one of a schema: names of resources, labels and headers have other signs in them.
pub(super) fn is_of_schema(key: &str) -> bool {
    key.bytes().all(|c| c.is_ascii_alphanumeric())
}

/// Whether a text is the group, with or without a version, of resources that many have.
pub(super) fn is_known_version(key: &str, text: &str) -> bool {
    match key {
        "apiVersion" => is_known_group(group_of(text)),
        "apiGroup" => is_known_group(text),
        _ => false,
    }
}

/// Whether an object is of a kind that somebody made for their own use, or defines such a kind: what its keys say, is theirs.
pub(super) fn is_foreign(object: &Value) -> bool {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str);
    let unknown = |group: &str| !is_known_group(group);
    text("/apiVersion").map(group_of).is_some_and(unknown)
        || (text("/kind") == Some("CustomResourceDefinition") && text("/spec/group").is_some_and(unknown))
}

impl Replacer {
    /// An object, or an alert.
    pub(super) fn object(&self, object: &Value) -> Value {
        let Some(fields) = object.as_object().filter(|_| is_foreign(object)) else {
            return self.value("", object, false);
        };
        let replaced = fields
            .iter()
            .map(|(name, value)| (name.clone(), self.value(name, value, name != "metadata")));
        Value::Object(replaced.collect())
    }

    /// A value under a key; whether keys in it are somebody's own, which they are all the way down.
    fn value(&self, key: &str, value: &Value, own: bool) -> Value {
        match value {
            Value::String(text) if is_known_version(key, text) => value.clone(),
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(key, item, own)).collect(),
            Value::Object(fields) => {
                let own = own || is_free(key) || is_open(key);
                let replaced = fields.iter().map(|(name, value)| {
                    let stays = !own && is_of_schema(name);
                    let shown = if stays { name.clone() } else { self.text(name) };
                    (shown, self.value(name, value, own))
                });
                Value::Object(replaced.collect::<Map<_, _>>())
            }
            other => other.clone(),
        }
    }

    pub(super) fn kind(&self, kind: &mut RecordedKind) {
        kind.api_version = self.text(&kind.api_version);
        kind.kind = self.text(&kind.kind);
        let namespaces = kind.namespaces.take();
        kind.namespaces = namespaces.map(|names| names.iter().map(|name| self.text(name)).collect());
    }
}
