//! Writes as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    /// SHA-256 over the action's canonical JSON (keys sorted), hexadecimal. Approvals and permits are bound to it.
    pub fn digest(&self) -> String {
        sha256(canonical_json(&serde_json::json!(self)))
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
    sha256(canonical_json(&Value::Object(meant)))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
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
    fn canonical_json_is_sorted_and_tight() {
        let value = json!({"b": [1, 2.5, null, true], "a": {"\u{e9}\"": "\n\u{1f980}"}, "": {}});
        assert_eq!(
            canonical_json(&value),
            "{\"\":{},\"a\":{\"\u{e9}\\\"\":\"\\n\u{1f980}\"},\"b\":[1,2.5,null,true]}"
        );
    }

    fn value() -> impl Strategy<Value = Value> {
        let number = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from)
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            number,
            ".{0,8}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((".{0,4}", inner), 0..5)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    /// The same value with its keys put in the other way round.
    fn reversed(value: &Value) -> Value {
        match value {
            Value::Object(map) => Value::Object(
                map.iter()
                    .rev()
                    .map(|(key, item)| (key.clone(), reversed(item)))
                    .collect(),
            ),
            Value::Array(items) => items.iter().map(reversed).collect(),
            other => other.clone(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn canonical_json_is_the_same_value_whatever_the_order(value in value()) {
            let text = canonical_json(&value);
            prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &value);
            prop_assert_eq!(canonical_json(&reversed(&value)), text.clone());
            prop_assert_eq!(canonical_json(&serde_json::from_str(&text).unwrap()), text);
        }
    }
}
