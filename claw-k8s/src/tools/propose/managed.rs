//! Who else writes to an object.

use claw_core::entity::EntityRef;
use serde_json::Value;

use crate::gitops;

/// That a GitOps controller keeps the object: it takes back what is changed elsewhere.
pub(super) fn by_gitops(entity: &EntityRef, object: &Value) -> Option<String> {
    let who = gitops::keeper(object)?;
    Some(format!(
        "{entity} is managed by {who}: change it there by pull request"
    ))
}

/// The controller of an object: its kind and name, where they are fit to be shown.
pub(super) fn controller(object: &Value) -> Option<String> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let is_controller = |owner: &&Value| owner.get("controller").and_then(Value::as_bool) == Some(true);
    let owner = owners.iter().find(is_controller)?;
    let word = |key: &str| owner.get(key).and_then(Value::as_str).and_then(shown);
    Some(match (word("kind"), word("name")) {
        (Some(kind), Some(name)) => format!("{kind} {name}"),
        _ => "a controller".to_owned(),
    })
}

/// A name that was read, if it is one: then it says nothing else.
pub(super) fn shown(text: &str) -> Option<&str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_');
    (!text.is_empty() && text.len() <= 253 && text.chars().all(fits)).then_some(text)
}
