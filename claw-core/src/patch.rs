//! JSON merge patches (RFC 7396): what one makes of a value, the smallest one between two values, and the one that takes
//! another back.
//!
//! A merge patch cannot say that a member is `null`: it would be one that takes the member away. So a member that is `null`
//! counts here as one that is not there, which is what it means to the Kubernetes API too. Lists are values: a patch that
//! changes one element holds the whole list.
//!
//! A patch that takes an object away takes everything away that others put into it meanwhile: labels, annotations, the files
//! of a ConfigMap. [`between_members`] names the members of such objects one by one, and so does [`reversal`].
//!
//! ```
//! use claw_core::patch::{between, merged, reversal};
//! use serde_json::json;
//!
//! let before = json!({"spec": {"replicas": 3, "paused": true}});
//! let patch = between(&before, &json!({"spec": {"replicas": 5}}));
//! assert_eq!(patch, json!({"spec": {"replicas": 5, "paused": null}}));
//! assert_eq!(reversal(&before, &patch), json!({"spec": {"replicas": 3, "paused": true}}));
//! assert_eq!(merged(&merged(&before, &patch), &reversal(&before, &patch)), before);
//! ```

use serde_json::{Map, Value};

/// Applies `patch` to `target`.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// What `patch` makes of `target`.
pub fn merged(target: &Value, patch: &Value) -> Value {
    let mut after = target.clone();
    merge(&mut after, patch);
    after
}

/// The smallest patch that makes `after` of `before`: it names what differs and nothing else. Between two objects that are
/// the same it is the empty object.
pub fn between(before: &Value, after: &Value) -> Value {
    between_members(before, after, &|_| false)
}

/// As [`between`], for objects to which others may add members: where `is_shared` says so of the path to an object that
/// `after` does not have, its members are taken away one by one, so that those that others add stay. Of the object nothing is
/// left but its braces, or what others have put between them.
pub fn between_members(before: &Value, after: &Value, is_shared: &dyn Fn(&[&str]) -> bool) -> Value {
    difference(before, after, &mut Vec::new(), is_shared)
}

fn difference<'a>(
    before: &'a Value,
    after: &'a Value,
    path: &mut Vec<&'a str>,
    is_shared: &dyn Fn(&[&str]) -> bool,
) -> Value {
    let Value::Object(new) = after else {
        return after.clone();
    };
    let old = before.as_object();
    let mut patch = Map::new();
    for (key, was) in old.into_iter().flatten() {
        if !was.is_null() && new.get(key).is_none_or(Value::is_null) {
            path.push(key);
            patch.insert(key.clone(), removal(was, path, is_shared));
            path.pop();
        }
    }
    for (key, item) in new {
        let was = old.and_then(|old| old.get(key)).unwrap_or(&Value::Null);
        if item.is_null() || item == was {
            continue;
        }
        path.push(key);
        let change = difference(was, item, path, is_shared);
        path.pop();
        // The two may differ in members that are null alone.
        if !(was.is_object() && is_empty(&change)) {
            patch.insert(key.clone(), change);
        }
    }
    Value::Object(patch)
}

/// What takes away `was`. That an object is empty may be all that it says: such a one is taken away itself.
fn removal<'a>(was: &'a Value, path: &mut Vec<&'a str>, is_shared: &dyn Fn(&[&str]) -> bool) -> Value {
    match was {
        Value::Object(members) if members.values().any(|item| !item.is_null()) && is_shared(path) => {
            let mut patch = Map::new();
            for (key, item) in members.iter().filter(|(_, item)| !item.is_null()) {
                path.push(key);
                patch.insert(key.clone(), removal(item, path, is_shared));
                path.pop();
            }
            Value::Object(patch)
        }
        _ => Value::Null,
    }
}

/// The patch that takes `patch` back, once it was applied to `before`. It names what `patch` names and no more: what others
/// have added meanwhile, wherever it is, stays. An object that `patch` has made is left behind without the members that it
/// was made with; whoever knows which objects are one thing each uses [`between_members`].
pub fn reversal(before: &Value, patch: &Value) -> Value {
    between_members(&merged(before, patch), before, &|_| true)
}

/// Whether a patch changes nothing, whatever object it is applied to.
pub fn is_empty(patch: &Value) -> bool {
    patch.as_object().is_some_and(Map::is_empty)
}

#[cfg(test)]
mod tests;
