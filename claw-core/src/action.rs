//! Writes as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    /// What [`pre_image`] gave of the target when it was read.
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

/// SHA-256 over what `object` is meant to be, hexadecimal: its labels, its annotations, and everything beside metadata and
/// status (its spec, or the data of a ConfigMap).
///
/// It is the same as long as nobody has changed the object's purpose, whatever its controllers say of it meanwhile. The
/// proposer of an action and whoever performs it compute it by this function.
pub fn pre_image(object: &Value) -> String {
    const SAID_OF_IT: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];
    let fields = object.as_object().into_iter().flatten();
    let mut meant: Map<String, Value> = fields
        .filter(|(key, _)| !SAID_OF_IT.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let metadata = object.get("metadata");
    let named =
        ["labels", "annotations"].map(|key| (key.to_owned(), metadata.and_then(|meta| meta.get(key))));
    let named = named
        .into_iter()
        .map(|(key, value)| (key, value.cloned().unwrap_or_default()));
    meant.insert("metadata".to_owned(), Value::Object(named.collect()));
    sha256(canonical::for_digest(&Value::Object(meant)))
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
    fn the_pre_image_is_what_an_object_is_meant_to_be() {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}, "spec": {"b": 2},
            "metadata": {"name": "cart", "uid": "7d5c", "labels": {"app": "cart"}, "annotations": {"c": "d"}}});
        let changed = |pointer: &str, value: Value| {
            let mut other = object.clone();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            other.pointer_mut(parent).unwrap()[key] = value;
            pre_image(&other)
        };
        let image = pre_image(&object);
        assert_eq!(image.len(), 64);
        for pointer in [
            "/data/a",
            "/spec/b",
            "/metadata/labels/app",
            "/metadata/annotations/c",
            "/binaryData",
        ] {
            assert_ne!(changed(pointer, json!("other")), image, "{pointer}");
        }
        for pointer in [
            "/status",
            "/metadata/resourceVersion",
            "/metadata/managedFields",
            "/metadata/generation",
        ] {
            assert_eq!(changed(pointer, json!("other")), image, "{pointer}");
        }
        // Nothing is taken for something else.
        assert_ne!(
            pre_image(&json!({"metadata": {"labels": {"a": "b"}}})),
            pre_image(&json!({"labels": {"a": "b"}}))
        );
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
