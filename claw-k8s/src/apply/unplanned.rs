//! What a write would change that the action does not name.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::path::member;

/// Paths that differ between the object as it is and as it would be, and that the merge patch does not name.
///
/// A patch names what it holds: a list all of it, as merge patches replace lists. What the server fills in below an object
/// that the patch adds are defaults, and none of these.
pub(super) fn unplanned(before: &Value, after: &Value, patch: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if let (Value::Object(before), Value::Object(after), Value::Object(patch)) = (before, after, patch) {
        beside(before, after, patch, "", &mut found);
    }
    found
}

/// Of two objects, what differs beside what the patch names.
fn beside(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    patch: &Map<String, Value>,
    path: &str,
    found: &mut Vec<String>,
) {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let (old, new) = (present(before.get(key)), present(after.get(key)));
        if old == new {
            continue;
        }
        let here = member(path, key);
        match (patch.get(key), old, new) {
            (None, _, _) => differing(old, new, here, found),
            (Some(Value::Object(named)), Some(Value::Object(old)), Some(Value::Object(new))) => {
                beside(old, new, named, &here, found);
            }
            (Some(_), _, _) => {}
        }
    }
}

/// The innermost objects' members that differ.
fn differing(old: Option<&Value>, new: Option<&Value>, path: String, found: &mut Vec<String>) {
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let nothing = Map::new();
            beside(old, new, &nothing, &path, found);
        }
        _ => found.push(path),
    }
}

/// Members that are null count as absent.
fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}
