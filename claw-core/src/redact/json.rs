//! Secrets by their place in JSON.

use serde_json::{Map, Value};

use super::name::{Noun, is_word, noun};
use super::value::{Form, is_secret};
use super::{Redactor, marker, pem};

/// JSON in strings of JSON in strings of JSON … is followed so far.
const MAX_DEPTH: usize = 4;

/// The JSON document that a text is, if it is one.
pub(super) fn document(text: &str, depth: usize) -> Option<Value> {
    let begins = text.trim_start().starts_with(['{', '[']);
    if !begins || depth >= MAX_DEPTH {
        return None;
    }
    serde_json::from_str(text).ok()
}

impl Redactor {
    pub(super) fn redacted_document(&self, mut document: Value, depth: usize) -> Option<String> {
        let lines = pem::redact_json(&mut document);
        let values = self.redact_value(&mut document, depth.saturating_add(1));
        (lines || values).then(|| document.to_string())
    }

    /// Returns whether something was changed.
    pub(super) fn redact_value(&self, value: &mut Value, depth: usize) -> bool {
        match value {
            Value::String(text) => self.redact_string(text, depth),
            Value::Array(items) => self.redact_array(items, depth),
            Value::Object(map) => self.redact_object(map, depth),
            _ => false,
        }
    }

    fn redact_string(&self, text: &mut String, depth: usize) -> bool {
        match self.redacted(text, depth) {
            Some(redacted) => {
                *text = redacted;
                true
            }
            None => false,
        }
    }

    fn redact_array(&self, items: &mut [Value], depth: usize) -> bool {
        let mut changed = false;
        let mut flag = None;
        for item in items {
            // A flag and its value are two arguments.
            let named = flag.filter(|_| item.as_str().is_some_and(|text| !text.starts_with('-')));
            changed |= self.redact_at(named, item, depth);
            flag = item
                .as_str()
                .filter(|text| text.starts_with('-') && is_name(text))
                .and_then(noun);
        }
        changed
    }

    fn redact_object(&self, map: &mut Map<String, Value>, depth: usize) -> bool {
        let mut changed = false;
        if map.get("kind").and_then(Value::as_str) == Some("Secret") {
            for field in ["data", "stringData"] {
                let data = map.get_mut(field).and_then(Value::as_object_mut);
                for (_, item) in data.into_iter().flatten() {
                    changed |= redact_strings(item, "secret-data");
                }
            }
        }
        // An environment variable.
        let variable = map
            .get("name")
            .and_then(Value::as_str)
            .filter(|name| is_name(name))
            .and_then(noun);
        if let (Some(_), Some(item @ Value::String(_))) = (variable, map.get_mut("value")) {
            changed |= self.redact_at(variable, item, depth);
        }
        for (key, item) in map.iter_mut() {
            changed |= self.redact_at(secret_key(key), item, depth);
        }
        changed
    }

    /// Takes secrets out of what stands at a place that is named so.
    fn redact_at(&self, noun: Option<Noun>, value: &mut Value, depth: usize) -> bool {
        let named = |value: &mut Value| match (noun, value) {
            (Some(noun), Value::String(text)) => redact_named(text, noun),
            (Some(noun), Value::Array(items)) => {
                let texts = items.iter_mut().filter_map(|item| match item {
                    Value::String(text) => Some(text),
                    _ => None,
                });
                texts.fold(false, |changed, text| redact_named(text, noun) | changed)
            }
            _ => false,
        };
        let mut changed = named(value);
        if self.redact_value(value, depth) {
            // What is left may be no plain address any more.
            named(value);
            changed = true;
        }
        changed
    }
}

/// What stands in place of a value, if its name says that it is secret.
pub(super) fn named(name: &str, value: &str) -> Option<String> {
    secret_key(name)
        .filter(|noun| is_secret(*noun, Form::Json, value))
        .map(|noun| marker(noun.kind()))
}

fn secret_key(key: &str) -> Option<Noun> {
    // Helm's hashes of the objects that a pod uses.
    if key.starts_with("checksum/") {
        None
    } else {
        noun(key)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_word)
}

fn redact_named(text: &mut String, noun: Noun) -> bool {
    let secret = is_secret(noun, Form::Json, text);
    if secret {
        *text = marker(noun.kind());
    }
    secret
}

fn redact_strings(value: &mut Value, kind: &str) -> bool {
    match value {
        Value::String(text) if !text.is_empty() && *text != marker(kind) => {
            *text = marker(kind);
            true
        }
        _ => false,
    }
}
