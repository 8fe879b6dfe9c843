//! What a dry run and the write after it have in common.

use claw_core::execute::ACTION_ANNOTATION;
use serde_json::Value;

/// Metadata that is another each time.
const VOLATILE: [&str; 6] = [
    "resourceVersion",
    "managedFields",
    "generation",
    "creationTimestamp",
    "uid",
    "selfLink",
];

/// The object without what changes by itself: status, versions, times, who wrote it last. What a dry run promised is what was
/// written where this is the same of both.
pub fn stable(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for name in VOLATILE {
            metadata.remove(name);
        }
        let left = metadata.get_mut("annotations").and_then(Value::as_object_mut);
        let empty = left.is_some_and(|annotations| {
            annotations.remove(ACTION_ANNOTATION);
            annotations.is_empty()
        });
        if empty {
            metadata.remove("annotations");
        }
    }
    object
}
