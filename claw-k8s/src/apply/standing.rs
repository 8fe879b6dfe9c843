//! Whose write stands.

use claw_core::action::{Action, Verb};
use claw_core::execute::{ACTION_ANNOTATION, ActionId, Standing};
use serde_json::Value;

/// Whose write stands, by the object as it is.
pub(super) fn standing(action: &Action, id: &ActionId, object: Option<&Value>) -> Standing {
    let text = |place: &str| {
        object
            .and_then(|object| object.pointer(place))
            .and_then(Value::as_str)
    };
    let same = action.uid.as_deref() == text("/metadata/uid");
    let unmoved = action.resource_version.as_deref() == text("/metadata/resourceVersion");
    let annotations = object.and_then(|object| object.pointer("/metadata/annotations"));
    let ours = annotations.and_then(|annotations| annotations.get(ACTION_ANNOTATION));
    let ours = ours.and_then(Value::as_str) == Some(id.0.as_str());
    match (action.verb, object.is_some()) {
        (Verb::Create, false) => Standing::NotYet,
        (Verb::Create, true) if ours => Standing::Ours,
        (Verb::Create, true) => Standing::Overtaken,
        (_, false) => Standing::Gone,
        (_, true) if !same => Standing::Gone,
        (Verb::Patch, true) if ours => Standing::Ours,
        // One that is on its way out was ended, perhaps by us: nothing tells.
        (Verb::Delete | Verb::Evict, true) if text("/metadata/deletionTimestamp").is_some() => Standing::Gone,
        (_, true) if unmoved => Standing::NotYet,
        _ => Standing::Overtaken,
    }
}
