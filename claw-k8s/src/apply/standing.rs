//! Whose write stands.

use claw_core::action::{Action, Verb};
use claw_core::execute::{ACTION_ANNOTATION, ActionId, Standing};
use serde_json::Value;

/// What the object as it is tells about a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// How it stands.
    Told(Standing),
    /// It has moved on, and does not carry the name. Somebody may have been first; or the name was replaced later, by another
    /// agent, a person, or a rollback that brings old annotations back.
    Moved,
}

/// What the object as it is tells about a write.
pub(super) fn told(action: &Action, id: &ActionId, object: Option<&Value>) -> Found {
    let Some(object) = object else {
        return Found::Told(match action.verb {
            Verb::Create => Standing::NotYet,
            _ => Standing::Gone,
        });
    };
    let same = action.uid.as_deref() == text(object, "/metadata/uid");
    let unmoved = action.resource_version.as_deref() == text(object, "/metadata/resourceVersion");
    Found::Told(match action.verb {
        Verb::Create if carries(object, id) => Standing::Ours,
        // It may have been made by the write, deleted, and made again by another.
        Verb::Create => Standing::Unclear,
        _ if !same => Standing::Gone,
        Verb::Patch if carries(object, id) => Standing::Ours,
        // One that is on its way out was ended, perhaps by us: nothing tells.
        Verb::Delete | Verb::Evict if text(object, "/metadata/deletionTimestamp").is_some() => Standing::Gone,
        _ if unmoved => Standing::NotYet,
        // An end cannot be taken back: it did not come.
        Verb::Delete | Verb::Evict => Standing::Overtaken,
        _ => return Found::Moved,
    })
}

/// What the first change of the object after the version that the write was made for tells. A compare-and-swap is that change, or
/// none.
pub(super) fn told_by(action: &Action, id: &ActionId, event: &Value) -> Standing {
    let Some(object) = event.get("object") else {
        return Standing::Unclear;
    };
    if action.uid.as_deref() != text(object, "/metadata/uid") {
        // Among others: the server no longer has the changes since then, and says so in place of one.
        return Standing::Unclear;
    }
    match text(event, "/type") {
        Some("MODIFIED") if carries(object, id) => Standing::Ours,
        Some("MODIFIED") => Standing::Overtaken,
        _ => Standing::Unclear,
    }
}

fn carries(object: &Value, id: &ActionId) -> bool {
    let annotations = object.pointer("/metadata/annotations");
    let name = annotations.and_then(|annotations| annotations.get(ACTION_ANNOTATION));
    name.and_then(Value::as_str) == Some(id.0.as_str())
}

fn text<'a>(object: &'a Value, place: &str) -> Option<&'a str> {
    object.pointer(place).and_then(Value::as_str)
}
