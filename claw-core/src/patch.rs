//! JSON merge patches (RFC 7396): what one makes of a value, the smallest one between two values, and the one that takes
//! another back.
//!
//! A merge patch cannot say that a member is `null`: it would be one that takes the member away. So a member that is `null`
//! counts here as one that is not there, which is what it means to the Kubernetes API too. Lists are values: a patch that
//! changes one element holds the whole list.
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
    let Value::Object(new) = after else {
        return after.clone();
    };
    let nothing = Map::new();
    let old = before.as_object().unwrap_or(&nothing);
    let mut patch = Map::new();
    for (key, was) in old {
        if !was.is_null() && new.get(key).is_none_or(Value::is_null) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    for (key, item) in new {
        let was = old.get(key).unwrap_or(&Value::Null);
        if item.is_null() || item == was {
            continue;
        }
        let change = between(was, item);
        // The two may differ in members that are null alone.
        if !(was.is_object() && is_empty(&change)) {
            patch.insert(key.clone(), change);
        }
    }
    Value::Object(patch)
}

/// The patch that takes `patch` back, once it was applied to `before`.
pub fn reversal(before: &Value, patch: &Value) -> Value {
    between(&merged(before, patch), before)
}

/// Whether a patch changes nothing, whatever object it is applied to.
pub fn is_empty(patch: &Value) -> bool {
    patch.as_object().is_some_and(Map::is_empty)
}

#[cfg(test)]
mod tests;
