//! Writes as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::entity::EntityRef;
use crate::evidence::hex;

/// What an action does to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verb {
    /// Merges [`Action::patch`] into the object.
    Patch,
    /// Creates the object that [`Action::patch`] holds in full.
    Create,
    /// Deletes the object.
    Delete,
    /// Evicts the pod, respecting disruption budgets.
    Evict,
}

/// A write that somebody proposes. It performs nothing: only an executor does, and only with a
/// [`Permit`](crate::gate::Permit) for exactly this action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// What to do.
    pub verb: Verb,
    /// To what.
    pub target: EntityRef,
    /// API version of the target, `apps/v1`.
    pub api_version: String,
    /// The target's uid when it was read; `None` only for [`Verb::Create`].
    pub uid: Option<String>,
    /// The target's resource version when it was read: the write fails if it has moved.
    pub resource_version: Option<String>,
    /// SHA-256 of the target's spec, labels and annotations when it was read, hexadecimal.
    pub pre_image: Option<String>,
    /// The exact merge patch (or the object to create).
    pub patch: Value,
    /// What will be so afterwards, in one sentence.
    pub expected: String,
    /// How to take it back: a merge patch, where there is one.
    pub reversal: Option<Value>,
    /// Why it is proposed, in one sentence.
    pub reason: String,
}

impl Action {
    /// SHA-256 over the action's canonical JSON (keys sorted), hexadecimal. Approvals and permits are bound to it.
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(
            canonical_json(&serde_json::json!(self)).as_bytes(),
        ))
    }
}

/// JSON with sorted keys and no white space, whatever the order of `value`'s maps is.
///
/// Numbers are written as serde_json writes them, which is the shortest form that reads back the same.
pub fn canonical_json(value: &Value) -> String {
    fn write(value: &Value, out: &mut String) {
        match value {
            Value::Object(map) => {
                let mut keys: Vec<_> = map.iter().collect();
                keys.sort_by(|a, b| a.0.cmp(b.0));
                out.push('{');
                for (index, (key, item)) in keys.into_iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&Value::from(key.as_str()).to_string());
                    out.push(':');
                    write(item, out);
                }
                out.push('}');
            }
            Value::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write(item, out);
                }
                out.push(']');
            }
            scalar => out.push_str(&scalar.to_string()),
        }
    }
    let mut out = String::new();
    write(value, &mut out);
    out
}
