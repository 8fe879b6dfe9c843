//! Which namespaces a call names.

mod query;

use std::collections::BTreeSet;

use serde_json::Value;

/// The first denied namespace that `input` names, in the order of the arguments.
///
/// Looked at are the arguments `namespace` and `namespaces` at any depth, a `Namespace` object by its name, and
/// namespaces in quotes inside of any text, as queries have them (`namespace="shop"`), and those that a condition of a
/// query chooses by a pattern (`namespace=~"sho.*"`).
///
/// It does not see namespaces that are chosen by something else than their name: by another label, by a join, or by
/// asking for all of them.
pub(super) fn denied<'a>(denied: &'a BTreeSet<String>, input: &Value) -> Option<&'a str> {
    if denied.is_empty() {
        return None;
    }
    named(denied, None, input)
}

fn named<'a>(denied: &'a BTreeSet<String>, key: Option<&str>, value: &Value) -> Option<&'a str> {
    match value {
        Value::String(text) => {
            if matches!(key, Some("namespace" | "namespaces"))
                && let Some(hit) = denied.get(text.trim())
            {
                return Some(hit);
            }
            quoted(denied, text).or_else(|| query::asked_for(denied, text))
        }
        Value::Array(items) => items.iter().find_map(|item| named(denied, key, item)),
        Value::Object(map) => {
            let kind = map.get("kind").and_then(Value::as_str).unwrap_or_default();
            let name = map.get("name").and_then(Value::as_str);
            if kind.eq_ignore_ascii_case("namespace")
                && let Some(hit) = name.and_then(|name| denied.get(name))
            {
                return Some(hit);
            }
            map.iter()
                .find_map(|(key, value)| named(denied, Some(key), value))
        }
        _ => None,
    }
}

/// A denied namespace that stands in quotes in `text`, alone or as an alternative of a pattern.
fn quoted<'a>(denied: &'a BTreeSet<String>, text: &str) -> Option<&'a str> {
    let boundary = |c: char| matches!(c, '"' | '\'' | '`' | '|' | '(' | ')' | '^' | '$');
    if !text.contains(['"', '\'', '`']) {
        return None;
    }
    text.split(boundary)
        .find_map(|word| denied.get(word).map(String::as_str))
}
