//! Takes out of objects what must not, or need not, be kept.

use serde_json::{Map, Value};

use crate::model::LAST_APPLIED;

/// Levels of `managedFields` that are kept: enough to tell which key or container was edited.
const FIELD_DEPTH: usize = 4;

/// Empties the values of a Secret. Its keys stay: whether one is missing is a fact worth knowing.
pub(super) fn drop_secret_data(object: &mut Value) {
    if object.get("kind").and_then(Value::as_str) != Some("Secret") {
        return;
    }
    for field in ["data", "stringData"] {
        match object.get_mut(field) {
            Some(Value::Object(data)) => {
                for value in data.values_mut() {
                    *value = Value::from("");
                }
            }
            Some(other) => *other = Value::Object(Map::new()),
            None => {}
        }
    }
    // Anything in an annotation may be a copy of the data.
    if let Some(Value::Object(annotations)) = object.pointer_mut("/metadata/annotations") {
        annotations.remove(LAST_APPLIED);
    }
    reduce_managed_fields(object);
}

/// Keeps of `managedFields` who edited which upper fields when, and drops the long copies that `kubectl apply` makes.
pub(super) fn reduce_metadata(object: &mut Value) {
    if let Some(Value::Object(annotations)) = object.pointer_mut("/metadata/annotations") {
        annotations.remove(LAST_APPLIED);
    }
    reduce_managed_fields(object);
}

fn reduce_managed_fields(object: &mut Value) {
    let Some(Value::Array(entries)) = object.pointer_mut("/metadata/managedFields") else {
        return;
    };
    for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
        entry.retain(|key, _| {
            [
                "manager",
                "operation",
                "time",
                "subresource",
                "apiVersion",
                "fieldsV1",
            ]
            .contains(&key.as_str())
        });
        if let Some(fields) = entry.get_mut("fieldsV1") {
            prune(fields, FIELD_DEPTH);
        }
    }
}

fn prune(fields: &mut Value, depth: usize) {
    let Value::Object(map) = fields else {
        return;
    };
    if depth == 0 {
        map.clear();
        return;
    }
    // `v:"…"` holds a value of the object, not the name of a field.
    map.retain(|key, _| !key.starts_with("v:"));
    for value in map.values_mut() {
        prune(value, depth.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_keeps_its_keys_only() {
        let mut secret = json!({
            "kind": "Secret", "type": "Opaque",
            "metadata": {"name": "db", "annotations": {LAST_APPLIED: "{\"data\":{\"p\":\"aHVudGVyMg==\"}}", "team": "a"}},
            "data": {"password": "aHVudGVyMg=="}, "stringData": {"token": "hunter2"}
        });
        drop_secret_data(&mut secret);
        let text = secret.to_string();
        assert!(
            !text.contains("hunter2") && !text.contains("aHVudGVyMg"),
            "{text}"
        );
        assert_eq!(secret["data"], json!({"password": ""}));
        assert_eq!(secret["metadata"]["annotations"], json!({"team": "a"}));
        let mut odd = json!({"kind": "Secret", "data": "hunter2"});
        drop_secret_data(&mut odd);
        assert_eq!(odd["data"], json!({}));
    }

    #[test]
    fn other_kinds_keep_their_data() {
        let mut config = json!({"kind": "ConfigMap", "data": {"a": "b"}});
        drop_secret_data(&mut config);
        assert_eq!(config["data"]["a"], "b");
    }

    #[test]
    fn managed_fields_are_cut_below_the_names_that_matter() {
        let mut object = json!({"kind": "Deployment", "metadata": {"managedFields": [{
            "manager": "kubectl", "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"a\"}": {"f:image": {}}}}}},
                         "f:metadata": {"f:finalizers": {"v:\"x\"": {}}}}
        }]}});
        reduce_metadata(&mut object);
        assert_eq!(
            object.pointer("/metadata/managedFields/0").unwrap(),
            &json!({"manager": "kubectl", "time": "2026-01-01T00:00:00Z", "fieldsV1": {
                "f:spec": {"f:template": {"f:spec": {"f:containers": {}}}}, "f:metadata": {"f:finalizers": {}}}})
        );
    }
}
