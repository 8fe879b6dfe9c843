//! What an object has to be before it is taken.

use axum::http::StatusCode;
use serde_json::Value;

use super::kinds::Kind;
use super::route::Resource;
use super::status::Failure;
use super::store::{Key, Store};

pub(super) fn check_type(object: &Value, resource: &Resource) -> Result<(), Failure> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let wanted = resource.kind.api_version(&resource.version);
    let (given, kind) = (text("apiVersion"), text("kind"));
    // Left out, both are taken from the path.
    if (given.is_empty() || given == wanted) && (kind.is_empty() || kind == resource.kind.kind) {
        return Ok(());
    }
    let message = format!(
        "the API version in the data ({given}, Kind={kind}) does not match the expected API version ({wanted}, Kind={})",
        resource.kind.kind
    );
    Err(Failure::bad_request(message))
}

pub(super) fn check_name(kind: &Kind, name: &str) -> Result<(), Failure> {
    // Names of roles may be any part of a path.
    let free = kind.group == "rbac.authorization.k8s.io";
    let edge = |letter: Option<char>| {
        letter.is_some_and(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    };
    let fits = if free {
        !name.contains(['/', '%']) && !matches!(name, "." | "..")
    } else {
        name.len() <= 253
            && edge(name.chars().next())
            && edge(name.chars().last())
            && name
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter))
    };
    if fits {
        return Ok(());
    }
    let why = format!(
        "Invalid value: \"{name}\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
         '-' or '.', and must start and end with an alphanumeric character"
    );
    Err(Failure::invalid(kind, name, "metadata.name", &why))
}

/// An event lies where the object is that it is about; those about objects outside of namespaces lie in `default`.
pub(super) fn check_event(kind: &Kind, event: &Value, name: &str, namespace: &str) -> Result<(), Failure> {
    if kind.plural != "events" {
        return Ok(());
    }
    let about = event.pointer("/involvedObject/namespace").and_then(Value::as_str);
    let about = about.unwrap_or_default();
    if about == namespace || (about.is_empty() && namespace == "default") {
        return Ok(());
    }
    let why = format!("Invalid value: \"{about}\": does not match event.namespace");
    Err(Failure::invalid(kind, name, "involvedObject.namespace", &why))
}

pub(super) fn require_namespace(store: &Store, namespace: &str) -> Result<(), Failure> {
    let Some(kind) = store.kinds.get("", "namespaces") else {
        return Ok(());
    };
    let place = store.objects.get(&Key::new(kind, None, namespace));
    match place {
        None => Err(Failure::not_found(kind, namespace)),
        Some(object) if object.pointer("/metadata/deletionTimestamp").is_some() => {
            let message = format!(
                "unable to create new content in namespace {namespace} because it is being terminated"
            );
            Err(Failure::new(StatusCode::FORBIDDEN, "Forbidden", message).cause(
                "NamespaceTerminating",
                format!("namespace {namespace} is being terminated"),
            ))
        }
        Some(_) => Ok(()),
    }
}
