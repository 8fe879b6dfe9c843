//! Create, update and patch.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::check::{check_event, check_name, check_type, require_namespace};
use super::convert;
use super::delete::has_finalizers;
use super::kinds::Kind;
use super::managed_fields::sign;
use super::patch;
use super::read::Form;
use super::route::{Params, Resource};
use super::status::{Failure, json_response};
use super::store::{Key, Store, seconds, set_metadata, uid};

/// A write as it came in.
#[derive(Debug)]
pub(super) struct Write<'a> {
    pub(super) resource: &'a Resource,
    pub(super) params: &'a Params,
    pub(super) body: &'a [u8],
    pub(super) content_type: &'a str,
    /// Who is named in `managedFields`.
    pub(super) manager: String,
    pub(super) now: Timestamp,
    pub(super) form: Form,
}

impl Write<'_> {
    pub(super) fn name(&self) -> &str {
        self.resource.name.as_deref().unwrap_or_default()
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.resource.kind
    }

    fn key(&self, name: &str) -> Key {
        Key::new(self.kind(), self.resource.namespace.as_deref(), name)
    }

    pub(super) fn json(&self) -> Result<Value, Failure> {
        if self.body.is_empty() {
            return Ok(json!({}));
        }
        serde_json::from_slice(self.body).map_err(|error| {
            Failure::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): {error}",
                self.kind().kind
            ))
        })
    }

    /// Whether the write is only tried out.
    pub(super) fn dry_run(&self, options: Option<&Value>) -> Result<bool, Failure> {
        let listed = options
            .and_then(|options| options.get("dryRun"))
            .and_then(Value::as_array);
        let listed = listed.into_iter().flatten().filter_map(Value::as_str);
        is_dry(self.params.get("dryRun").into_iter().chain(listed))
    }

    /// The same for a deletion. One that brings options is not looked at for others in its query.
    pub(super) fn dry_deletion(&self, options: &Value) -> Result<bool, Failure> {
        if self.body.is_empty() {
            return self.dry_run(None);
        }
        let listed = options.get("dryRun").and_then(Value::as_array);
        let listed = listed.into_iter().flatten().filter_map(Value::as_str);
        is_dry(listed)
    }

    pub(super) fn current(&self, store: &Store) -> Result<(Key, Arc<Value>), Failure> {
        let key = self.key(self.name());
        match store.objects.get(&key) {
            Some(object) => Ok((key, Arc::clone(object))),
            None => Err(Failure::not_found(self.kind(), self.name())),
        }
    }

    fn answer(&self, code: StatusCode, object: &Value) -> Response {
        json_response(code, &self.form.shape(object, self.resource))
    }
}

pub(super) fn create(store: &mut Store, write: &Write<'_>) -> Result<Response, Failure> {
    let object = write.json()?;
    create_object(store, write, object)
}

fn create_object(store: &mut Store, write: &Write<'_>, object: Value) -> Result<Response, Failure> {
    let kind = write.kind();
    check_type(&object, write.resource)?;
    let mut object = convert::to_stored(object);
    let text = |object: &Value, pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    if let Some(namespace) = text(&object, "/metadata/namespace")
        && write
            .resource
            .namespace
            .as_ref()
            .is_some_and(|wanted| *wanted != namespace)
        && kind.namespaced
    {
        return Err(Failure::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    let name = match (
        text(&object, "/metadata/name"),
        text(&object, "/metadata/generateName"),
    ) {
        (Some(name), _) => name,
        (None, Some(prefix)) => {
            let suffix: String = uid(&format!("{prefix}{}", store.version))
                .chars()
                .take(5)
                .collect();
            format!("{prefix}{suffix}")
        }
        (None, None) => {
            return Err(Failure::invalid(
                kind,
                "",
                "metadata.name",
                "Required value: name or generateName is required",
            ));
        }
    };
    check_name(kind, &name)?;
    if object
        .pointer("/metadata/resourceVersion")
        .and_then(Value::as_str)
        .is_some_and(|text| !text.is_empty())
    {
        return Err(Failure::bad_request(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    if let Some(namespace) = write.resource.namespace.as_deref().filter(|_| kind.namespaced) {
        require_namespace(store, namespace)?;
        check_event(kind, &object, &name, namespace)?;
        set_metadata(&mut object, "namespace", namespace.into());
    }
    let key = write.key(&name);
    if store.objects.contains_key(&key) {
        return Err(Failure::already_exists(kind, &name));
    }
    set_metadata(&mut object, "name", name.as_str().into());
    set_metadata(&mut object, "creationTimestamp", seconds(write.now));
    set_metadata(
        &mut object,
        "uid",
        uid(&format!("{key:?}{}", store.version)).into(),
    );
    if kind.generation {
        set_metadata(&mut object, "generation", 1.into());
    }
    if let Value::Object(map) = &mut object
        && kind.status
    {
        map.remove("status");
    }
    sign(&mut object, &Value::Null, write, "Update");
    if write.dry_run(None)? {
        return Ok(write.answer(StatusCode::CREATED, &object));
    }
    let stored = store.put(key, object);
    Ok(write.answer(StatusCode::CREATED, &stored))
}

pub(super) fn update(store: &mut Store, write: &Write<'_>) -> Result<Response, Failure> {
    let object = write.json()?;
    check_type(&object, write.resource)?;
    let name = object
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if name != write.name() {
        let message = format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            write.name()
        );
        return Err(Failure::bad_request(message));
    }
    let (key, current) = write.current(store)?;
    let version = object
        .pointer("/metadata/resourceVersion")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if version.is_empty() && write.kind().custom {
        let why = "Invalid value: 0: must be specified for an update";
        return Err(Failure::invalid(
            write.kind(),
            name,
            "metadata.resourceVersion",
            why,
        ));
    }
    replace(store, write, key, &current, convert::to_stored(object), "Update")
}

pub(super) fn patch(store: &mut Store, write: &Write<'_>) -> Result<Response, Failure> {
    let media = write.content_type.split(';').next().unwrap_or_default().trim();
    if media == "application/apply-patch+yaml" || media == "application/apply-patch+cbor" {
        return apply(store, write);
    }
    let (key, current) = write.current(store)?;
    let patch: Value = serde_json::from_slice(write.body)
        .map_err(|error| Failure::bad_request(format!("error decoding patch: {error}")))?;
    // Patches are written against the version in the path.
    let mut patched = convert::to_version(&current, write.kind(), &write.resource.version);
    patch_with(media, &mut patched, &patch, write.kind())?;
    for field in ["name", "namespace"] {
        let pointer = format!("/metadata/{field}");
        if patched.pointer(&pointer) != current.pointer(&pointer) {
            let said = patched
                .pointer(&pointer)
                .and_then(Value::as_str)
                .unwrap_or_default();
            let message = format!(
                "the {field} of the object ({said}) does not match the {field} on the URL ({})",
                current
                    .pointer(&pointer)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            );
            return Err(Failure::bad_request(message));
        }
    }
    replace(store, write, key, &current, convert::to_stored(patched), "Update")
}

/// Patches in the way that the media type names.
pub(super) fn patch_with(media: &str, target: &mut Value, patch: &Value, kind: &Kind) -> Result<(), Failure> {
    let refused = |why: String| {
        let message = format!("the server rejected our request due to an error in our request: {why}");
        Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
    };
    match media {
        "application/merge-patch+json" => {
            if !patch.is_object() {
                return Err(Failure::bad_request("a merge patch must be an object"));
            }
            patch::merge(target, patch);
            Ok(())
        }
        "application/json-patch+json" if !patch.is_array() => Err(Failure::bad_request(
            "error decoding patch: it is no list of operations",
        )),
        "application/json-patch+json" => patch::operations(target, patch).map_err(refused),
        "application/strategic-merge-patch+json" if !kind.custom => {
            patch::strategic(target, patch).map_err(Failure::bad_request)
        }
        _ => Err(Failure::unsupported_media_type(
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
        )),
    }
}

/// Server-side apply without conflicts: every manager gets what it asks for.
fn apply(store: &mut Store, write: &Write<'_>) -> Result<Response, Failure> {
    if write.params.get("fieldManager").is_none() {
        let message = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
        return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message));
    }
    let text = String::from_utf8_lossy(write.body);
    let wanted: Value = serde_saphyr::from_str(&text)
        .map_err(|error| Failure::bad_request(format!("error decoding YAML: {}", error.without_snippet())))?;
    check_type(&wanted, write.resource)?;
    let key = write.key(write.name());
    let Some(current) = store.objects.get(&key).cloned() else {
        let mut object = wanted;
        set_metadata(&mut object, "name", write.name().into());
        return create_object(store, write, object);
    };
    let mut applied = convert::to_version(&current, write.kind(), &write.resource.version);
    patch::strategic(&mut applied, &wanted).map_err(Failure::bad_request)?;
    replace(store, write, key, &current, convert::to_stored(applied), "Apply")
}

/// Puts `new` in the place of `current`, with everything that the server itself keeps.
pub(super) fn replace(
    store: &mut Store,
    write: &Write<'_>,
    key: Key,
    current: &Value,
    new: Value,
    operation: &str,
) -> Result<Response, Failure> {
    let new = prepare(write, current, new, operation)?;
    let dry = write.dry_run(None)?;
    if dry || same(&new, current) {
        let shown = if dry { &new } else { current };
        return Ok(write.answer(StatusCode::OK, shown));
    }
    let ending = new.pointer("/metadata/deletionTimestamp").is_some() && !has_finalizers(&new);
    if ending {
        store.remove(&key);
        return Ok(write.answer(StatusCode::OK, &new));
    }
    let stored = store.put(key, new);
    Ok(write.answer(StatusCode::OK, &stored))
}

/// The object that a write leads to: preconditions checked, status and metadata kept as the server keeps them.
pub(super) fn prepare(
    write: &Write<'_>,
    current: &Value,
    mut new: Value,
    operation: &str,
) -> Result<Value, Failure> {
    let kind = write.kind();
    let text = |object: &Value, pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    if let Some(version) = text(&new, "/metadata/resourceVersion")
        && Some(&version) != text(current, "/metadata/resourceVersion").as_ref()
    {
        return Err(Failure::modified(kind, write.name()));
    }
    if let (Some(given), Some(real)) = (text(&new, "/metadata/uid"), text(current, "/metadata/uid"))
        && given != real
    {
        let why = format!("Precondition failed: UID in precondition: {given}, UID in object meta: {real}");
        return Err(Failure::conflict(kind, write.name(), &why));
    }
    if write.resource.subresource.as_deref() == Some("status") {
        let status = new.get("status").cloned();
        new = current.clone();
        if let (Some(status), Value::Object(map)) = (status, &mut new) {
            map.insert("status".to_owned(), status);
        }
    } else if kind.status
        && let Value::Object(map) = &mut new
    {
        match current.get("status") {
            Some(status) => map.insert("status".to_owned(), status.clone()),
            None => map.remove("status"),
        };
    }
    for field in [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
        "namespace",
        "managedFields",
    ] {
        match current.pointer(&format!("/metadata/{field}")) {
            Some(value) => set_metadata(&mut new, field, value.clone()),
            None => {
                if let Some(Value::Object(metadata)) = new.get_mut("metadata") {
                    metadata.remove(field);
                }
            }
        }
    }
    // Deployments count what is written to their annotations, too.
    let annotations = |object: &Value| object.pointer("/metadata/annotations").cloned();
    let noted = kind.plural == "deployments" && annotations(&new) != annotations(current);
    if kind.generation && (noted || body(&new) != body(&convert::to_version(current, kind, version_of(&new))))
    {
        let generation = current
            .pointer("/metadata/generation")
            .and_then(Value::as_i64)
            .unwrap_or(1);
        set_metadata(&mut new, "generation", generation.saturating_add(1).into());
    }
    if !same(&new, current) {
        sign(&mut new, current, write, operation);
    }
    Ok(new)
}

fn version_of(object: &Value) -> &str {
    let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or("v1");
    api_version.rsplit('/').next().unwrap_or(api_version)
}

/// All but what is said about the object and what is observed of it.
fn body(object: &Value) -> Map<String, Value> {
    let fields = object.as_object().into_iter().flatten();
    fields
        .filter(|(key, _)| !matches!(key.as_str(), "metadata" | "status" | "apiVersion" | "kind"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Whether nothing changes that anybody asked for.
fn same(new: &Value, current: &Value) -> bool {
    let bare = |object: &Value| {
        let mut object = object.clone();
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            metadata.remove("managedFields");
            metadata.remove("resourceVersion");
        }
        if let Value::Object(map) = &mut object {
            map.remove("apiVersion");
            map.remove("kind");
        }
        object
    };
    bare(new) == bare(current)
}

/// Whether values of `dryRun` say that a write is only tried out.
fn is_dry<'a>(values: impl Iterator<Item = &'a str>) -> Result<bool, Failure> {
    let mut dry = false;
    for value in values {
        if value != "All" {
            let message = format!("dryRun: Unsupported value: \"{value}\": supported values: \"All\"");
            return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message));
        }
        dry = true;
    }
    Ok(dry)
}
