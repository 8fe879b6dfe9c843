//! What is the same of a rehearsal and of the write that it was for.

use claw_core::action::{Action, Verb};
use claw_core::canonical::for_digest;
use claw_core::digest::sha256;
use serde_json::{Value, json};

use super::stable::stable;

/// Volumes that the API server adds to pods, each time under another name.
const TOKEN_VOLUME: &str = "kube-api-access-";

/// Letters that tell those names apart.
const TOKEN_LETTERS: usize = 5;

/// What the API server chooses for a Service that names none.
const CHOSEN: [&str; 3] = ["clusterIP", "clusterIPs", "healthCheckNodePort"];

/// SHA-256 of what an action made, or would make, by the answer to it.
///
/// Of an object that ends nothing is left to take a digest of, and what the server answers differs between dry run and write:
/// there it is that this object ends, and how. The digest goes by the action and the answer alone, so that whoever performs an
/// action need not read the object first.
pub(super) fn outcome(action: &Action, answer: &Value) -> String {
    let left = match action.verb {
        Verb::Delete | Verb::Evict => json!({ "verb": action.verb, "ended": action.uid }),
        _ => settled(action, answer),
    };
    sha256(for_digest(&left))
}

/// The object without what changes by itself, and without what the server chooses anew each time it is asked.
fn settled(action: &Action, object: &Value) -> Value {
    let mut left = stable(object);
    if action.verb == Verb::Create {
        let uid = object.pointer("/metadata/uid").and_then(Value::as_str);
        // Jobs carry their own uid in their selectors, and so do their pods.
        rename(&mut left, &|text| match uid {
            Some(uid) if text == uid => Some("(uid)"),
            _ if is_token_volume(text) => Some(TOKEN_VOLUME),
            _ => None,
        });
    }
    if (action.api_version.as_str(), action.target.kind.as_str()) == ("v1", "Service") {
        addresses(action, &mut left);
    }
    left
}

/// Leaves out addresses and ports of nodes that the action does not name, where it touches what they are chosen for.
fn addresses(action: &Action, service: &mut Value) {
    let asked = action.patch.get("spec");
    let (Some(asked), Some(spec)) = (asked, service.get_mut("spec").and_then(Value::as_object_mut)) else {
        return;
    };
    for field in CHOSEN {
        if asked.get(field).is_none() {
            spec.remove(field);
        }
    }
    let ports = |value: &Value| value.get("ports").and_then(Value::as_array).cloned();
    let named = ports(asked).unwrap_or_default();
    if named.iter().any(|port| port.get("nodePort").is_some()) {
        return;
    }
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        port.remove("nodePort");
    }
}

fn is_token_volume(text: &str) -> bool {
    let letters = text.strip_prefix(TOKEN_VOLUME);
    letters.is_some_and(|it| it.len() == TOKEN_LETTERS && it.chars().all(|c| c.is_ascii_alphanumeric()))
}

fn rename<'a>(value: &mut Value, name: &dyn Fn(&str) -> Option<&'a str>) {
    match value {
        Value::String(text) => {
            if let Some(new) = name(text) {
                new.clone_into(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, name)),
        Value::Object(map) => map.values_mut().for_each(|item| rename(item, name)),
        _ => {}
    }
}
