//! Paths to fields, as people write them: `spec.template.spec.containers[name=app].image`,
//! `metadata.labels["app.kubernetes.io/name"]`.

use serde_json::Value;

/// Most paths of one list.
const MOST: usize = 100;

/// The path of a member. A key with dots, slashes or anything else that could be read as a path is quoted.
pub(super) fn member(path: &str, key: &str) -> String {
    if is_plain(key) {
        match path {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    } else {
        format!("{path}[{}]", quoted(key))
    }
}

/// The path of an element that is told apart by some of its members.
pub(super) fn element<'a>(path: &str, members: impl IntoIterator<Item = (&'a String, &'a Value)>) -> String {
    let members = members.into_iter().map(|(key, value)| {
        let key = if is_plain(key) { key.clone() } else { quoted(key) };
        format!("{key}={}", shown(value))
    });
    format!("{path}[{}]", members.collect::<Vec<_>>().join(","))
}

/// The path of an element of a set, which is told apart by itself.
pub(super) fn item(path: &str, value: &Value) -> String {
    format!("{path}[{}]", shown(value))
}

/// The first paths, and how many more there are.
pub(super) fn bounded(mut paths: Vec<String>) -> Vec<String> {
    let more = paths.len().saturating_sub(MOST);
    if more > 0 {
        paths.truncate(MOST);
        paths.push(format!("… and {more} more"));
    }
    paths
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$'))
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn shown(value: &Value) -> String {
    let readable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':');
    match value {
        Value::String(text) if !text.is_empty() && text.chars().all(readable) => text.clone(),
        other => other.to_string(),
    }
}
