//! Replaces names in JSON, whose own words stay.

use claw_k8s::bundle::RecordedKind;
use serde_json::{Map, Value};

use super::text::Replacer;

/// Mappings whose keys are names that people chose.
const FREE: [&str; 14] = [
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
    "stringData",
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

/// Whether texts under a key are words of an interface.
pub(super) fn is_of_interface(key: &str) -> bool {
    OF_INTERFACES.contains(&key)
}

impl Replacer {
    pub(super) fn json(&self, value: &Value) -> Value {
        self.value("", value, false)
    }

    fn value(&self, key: &str, value: &Value, free: bool) -> Value {
        match value {
            Value::String(text) if !free && is_of_interface(key) => Value::String(text.clone()),
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(key, item, free)).collect(),
            Value::Object(fields) => {
                // Below `fieldsV1` all keys are of one sort.
                let free = is_free(key) || (free && key.starts_with("f:"));
                let replaced = fields.iter().map(|(name, value)| {
                    let shown = if free { self.text(name) } else { name.clone() };
                    (shown, self.value(name, value, free))
                });
                Value::Object(replaced.collect::<Map<_, _>>())
            }
            other => other.clone(),
        }
    }

    pub(super) fn kind(&self, kind: &mut RecordedKind) {
        let namespaces = kind.namespaces.take();
        kind.namespaces = namespaces.map(|names| names.iter().map(|name| self.text(name)).collect());
    }
}
