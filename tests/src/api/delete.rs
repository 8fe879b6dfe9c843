//! Delete, and the preconditions of it.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::select::Selector;
use super::status::{Failure, json_response};
use super::store::{Key, Store, seconds, set_metadata};
use super::write::Write;

pub(super) fn delete(store: &mut Store, write: &Write<'_>) -> Result<Response, Failure> {
    let options = write.json()?;
    let (key, current) = write.current(store)?;
    preconditions(write.kind(), write.name(), &options, &current)?;
    let dry = write.dry_deletion(&options)?;
    Ok(json_response(
        StatusCode::OK,
        &remove(store, write, &key, &current, dry),
    ))
}

/// Removes the object, or marks it as going while it has finalizers. Returns what is answered.
pub(super) fn remove(store: &mut Store, write: &Write<'_>, key: &Key, current: &Value, dry: bool) -> Value {
    let kind = write.kind();
    let mut going = current.clone();
    if going.pointer("/metadata/deletionTimestamp").is_none() {
        set_metadata(&mut going, "deletionTimestamp", seconds(write.now));
        set_metadata(&mut going, "deletionGracePeriodSeconds", 0.into());
    }
    if has_finalizers(current) {
        let shown = if dry {
            Arc::new(going)
        } else {
            store.put(key.clone(), going)
        };
        return write.form.shape(&shown, write.resource);
    }
    if !dry {
        store.remove(key);
    }
    if kind.group.is_empty() && kind.plural == "pods" {
        return write.form.shape(&going, write.resource);
    }
    let mut details =
        json!({"name": write.name(), "kind": kind.plural, "uid": current.pointer("/metadata/uid")});
    if let (Value::Object(map), false) = (&mut details, kind.group.is_empty()) {
        map.insert("group".to_owned(), kind.group.as_str().into());
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

pub(super) fn preconditions(
    kind: &Kind,
    name: &str,
    options: &Value,
    current: &Value,
) -> Result<(), Failure> {
    for (field, word) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let wanted = options
            .pointer(&format!("/preconditions/{field}"))
            .and_then(Value::as_str);
        let real = current
            .pointer(&format!("/metadata/{field}"))
            .and_then(Value::as_str)
            .unwrap_or_default();
        if let Some(wanted) = wanted
            && wanted != real
        {
            let why = format!(
                "Precondition failed: {word} in precondition: {wanted}, {word} in object meta: {real}"
            );
            return Err(Failure::conflict(kind, name, &why));
        }
    }
    Ok(())
}

pub(super) fn delete_all(store: &mut Store, write: &Write<'_>) -> Result<Response, Failure> {
    let kind = write.kind().clone();
    let options = write.json()?;
    let dry = write.dry_deletion(&options)?;
    let selector = Selector::parse(
        &kind,
        write.params.text("labelSelector"),
        write.params.text("fieldSelector"),
    )?;
    let chosen: Vec<(Key, Arc<Value>)> =
        Store::list(&store.objects, &kind, write.resource.namespace.as_deref())
            .filter(|(_, object)| selector.matches(object))
            .map(|(key, object)| (key.clone(), Arc::clone(object)))
            .collect();
    let mut items = Vec::new();
    for (key, object) in chosen {
        items.push(write.form.shape(&object, write.resource));
        if !dry {
            remove(store, write, &key, &object, false);
        }
    }
    let list = json!({
        "kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(&write.resource.version),
        "metadata": {"resourceVersion": store.version.to_string()}, "items": items,
    });
    Ok(json_response(StatusCode::OK, &list))
}

pub(super) fn has_finalizers(object: &Value) -> bool {
    let finalizers = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    finalizers.is_some_and(|list| !list.is_empty())
}
