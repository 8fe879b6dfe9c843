//! The `scale` subresource.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::route::Resource;
use super::status::{Failure, json_response};
use super::store::Store;
use super::write::{Write, patch_with, prepare};

pub(super) fn get(store: &Store, write: &Write<'_>) -> Result<Response, Failure> {
    let (_, current) = write.current(store)?;
    Ok(json_response(StatusCode::OK, &scale(&current, write.resource)))
}

/// Updates or patches the scale: only the number of replicas changes.
pub(super) fn write(store: &mut Store, write: &Write<'_>, patching: bool) -> Result<Response, Failure> {
    let (key, current) = write.current(store)?;
    let body = write.json()?;
    let mut wanted = scale(&current, write.resource);
    if patching {
        let media = write.content_type.split(';').next().unwrap_or_default().trim();
        patch_with(media, &mut wanted, &body, &write.resource.kind)?;
    } else {
        wanted = body;
    }
    let name = write.resource.name.as_deref().unwrap_or_default();
    let replicas = wanted
        .pointer("/spec/replicas")
        .cloned()
        .unwrap_or_else(|| 0.into());
    if replicas
        .as_i64()
        .is_none_or(|replicas| !(0..=i64::from(i32::MAX)).contains(&replicas))
    {
        let why = format!("Invalid value: {replicas}: must be greater than or equal to 0");
        return Err(Failure::invalid(
            &write.resource.kind,
            name,
            "spec.replicas",
            &why,
        ));
    }
    let mut new = (*current).clone();
    if let Some(Value::Object(spec)) = new.get_mut("spec") {
        spec.insert("replicas".to_owned(), replicas);
    }
    // The version that the client saw is the object's own.
    for field in ["resourceVersion", "uid"] {
        if let Some(value) = wanted.pointer(&format!("/metadata/{field}")) {
            super::store::set_metadata(&mut new, field, value.clone());
        }
    }
    let new = prepare(write, &current, new, "Update")?;
    let stored = if write.dry_run(None)? {
        std::sync::Arc::new(new)
    } else {
        store.put(key, new)
    };
    Ok(json_response(StatusCode::OK, &scale(&stored, write.resource)))
}

fn scale(object: &Value, resource: &Resource) -> Value {
    let field = |pointer: &str| object.pointer(pointer).cloned().unwrap_or(Value::Null);
    let labels = object
        .pointer("/spec/selector/matchLabels")
        .or_else(|| object.pointer("/spec/selector"));
    let selector: Vec<String> = labels
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .collect();
    let or_zero = |value: Value| if value.is_null() { 0.into() } else { value };
    // As the real server writes it: none at all are left out.
    let spec = match field("/spec/replicas") {
        Value::Null => json!({}),
        replicas if replicas == 0 => json!({}),
        replicas => json!({ "replicas": replicas }),
    };
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": resource.name, "namespace": resource.namespace, "uid": field("/metadata/uid"),
            "resourceVersion": field("/metadata/resourceVersion"),
            "creationTimestamp": field("/metadata/creationTimestamp"),
        },
        "spec": spec,
        "status": {"replicas": or_zero(field("/status/replicas")), "selector": selector.join(",")},
    })
}
