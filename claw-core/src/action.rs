//! Writes as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical;
use crate::digest::sha256;
use crate::entity::EntityRef;

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
    /// SHA-256 over the action's [canonical JSON](canonical::for_digest), hexadecimal. Approvals and permits are bound to
    /// it.
    pub fn digest(&self) -> String {
        sha256(canonical::for_digest(&serde_json::json!(self)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn action() -> Action {
        Action {
            verb: Verb::Patch,
            target: EntityRef::namespaced("Deployment", "shop", "cart"),
            api_version: "apps/v1".to_owned(),
            uid: Some("7d5c".to_owned()),
            resource_version: None,
            pre_image: None,
            patch: json!({"spec": {"replicas": 3, "paused": false}}),
            expected: "3 replicas".to_owned(),
            reversal: None,
            reason: "load".to_owned(),
        }
    }

    #[test]
    fn every_field_is_part_of_the_digest() {
        let digest = action().digest();
        assert_eq!(digest.len(), 64);
        assert_eq!(digest, action().digest());
        let Value::Object(fields) = json!(action()) else {
            panic!()
        };
        for field in fields.keys() {
            let mut changed = json!(action());
            changed[field] = match field.as_str() {
                "verb" => json!("delete"),
                "target" => json!({"kind": "Deployment", "namespace": "shop", "name": "other"}),
                _ => json!("other"),
            };
            let changed: Action = serde_json::from_value(changed).unwrap();
            assert_ne!(changed.digest(), digest, "{field}");
        }
    }

    #[test]
    fn an_action_from_outside_has_known_fields_only() {
        let mut value = json!(action());
        value["force"] = json!(true);
        assert!(serde_json::from_value::<Action>(value).is_err());
    }

    #[test]
    fn integers_between_two_doubles_are_told_apart() {
        let with = |number: u64| Action {
            patch: json!({"spec": {"big": number}}),
            ..action()
        };
        let big = 1_u64 << 53;
        assert_ne!(with(big).digest(), with(big + 1).digest());
        assert_ne!(with(1 << 60).digest(), with(1_152_921_504_606_847_000).digest());
    }
}
