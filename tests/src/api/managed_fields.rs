//! Who changed which fields when.

use serde_json::{Map, Value, json};

use super::store::{seconds, set_metadata};
use super::write::Write;

/// Notes in `managedFields` who changed what.
pub(super) fn sign(object: &mut Value, before: &Value, write: &Write<'_>, operation: &str) {
    let mut fields = Map::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        let old = before.get(key).unwrap_or(&Value::Null);
        match key.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => {
                let mut changed = Map::new();
                for field in ["labels", "annotations", "finalizers", "ownerReferences"] {
                    let pick = |object: &Value| object.get(field).cloned().unwrap_or(Value::Null);
                    if let Some(difference) = difference(&pick(value), &pick(old)) {
                        changed.insert(format!("f:{field}"), difference);
                    }
                }
                if !changed.is_empty() {
                    fields.insert("f:metadata".to_owned(), changed.into());
                }
            }
            _ => {
                if let Some(difference) = difference(value, old) {
                    fields.insert(format!("f:{key}"), difference);
                }
            }
        }
    }
    let mut entry = json!({
        "manager": write.manager, "operation": operation, "apiVersion": object.get("apiVersion"),
        "fieldsType": "FieldsV1", "fieldsV1": fields,
    });
    let subresource = write.resource.subresource.as_deref();
    if let Value::Object(map) = &mut entry {
        if let Some(subresource) = subresource {
            map.insert("subresource".to_owned(), subresource.into());
        }
        // The real server loses the time of writes through the scale, when it turns them into writes to the object.
        if subresource != Some("scale") {
            map.insert("time".to_owned(), seconds(write.now));
        }
    }
    let mut entries = object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    entries.retain(|other| {
        other.get("manager") != entry.get("manager")
            || other.get("operation") != entry.get("operation")
            || other.get("subresource") != entry.get("subresource")
    });
    entries.push(entry);
    set_metadata(object, "managedFields", entries.into());
}

/// The changed fields as a tree; lists count as one field.
fn difference(new: &Value, old: &Value) -> Option<Value> {
    if new == old {
        return None;
    }
    let Value::Object(fields) = new else {
        return Some(json!({}));
    };
    let changed: Map<String, Value> = fields
        .iter()
        .filter_map(|(key, value)| {
            Some((
                format!("f:{key}"),
                difference(value, old.get(key).unwrap_or(&Value::Null))?,
            ))
        })
        .collect();
    Some(Value::Object(changed))
}
