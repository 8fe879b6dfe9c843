//! Get and list.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::convert;
use super::recorded;
use super::route::{Params, Resource};
use super::select::Selector;
use super::status::{Failure, json_response};
use super::store::{Key, Objects, Snapshot, Store};

/// What a client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    /// Metadata only, of one object.
    Partial,
    /// Metadata only, of each object of a list.
    PartialList,
}

impl Form {
    /// Reads the `Accept` header: the first of the forms in it that is served. Neither tables nor forms other than JSON are.
    pub(super) fn of(accept: &str) -> Result<Self, Failure> {
        if accept.is_empty() {
            return Ok(Self::Whole);
        }
        const SERVED: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
        let mut clauses = accept.split(',').filter(|clause| is_json(clause)).peekable();
        if clauses.peek().is_none() {
            let message = format!("406: Not Acceptable\n\nAvailable representations: {SERVED}");
            return Err(Failure::not_acceptable(message).about_resource("", "", ""));
        }
        let refused =
            || Failure::not_acceptable(format!("only the following media types are accepted: {SERVED}"));
        clauses.find_map(Self::of_json).ok_or_else(refused)
    }

    fn of_json(clause: &str) -> Option<Self> {
        let parts = clause.split(';').skip(1).map(str::trim);
        let parameters: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
        let parameter = |name: &str| {
            parameters
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value)
        };
        let form = match parameter("as") {
            None => return Some(Self::Whole),
            Some("PartialObjectMetadata") => Self::Partial,
            Some("PartialObjectMetadataList") => Self::PartialList,
            Some(_) => return None,
        };
        let served =
            parameter("g") == Some("meta.k8s.io") && matches!(parameter("v"), Some("v1" | "v1beta1"));
        served.then_some(form)
    }

    /// The object in the version that was asked for.
    pub(super) fn shape(self, object: &Value, resource: &Resource) -> Value {
        match self {
            Self::Whole => convert::to_version(object, &resource.kind, &resource.version),
            Self::Partial | Self::PartialList => json!({
                "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
                "metadata": object.get("metadata").unwrap_or(&Value::Null),
            }),
        }
    }
}

/// Whether a part of an `Accept` header takes JSON.
fn is_json(clause: &str) -> bool {
    let media = clause.split(';').next().unwrap_or_default().trim();
    matches!(media, "application/json" | "*/*")
}

/// Where a read is answered from.
pub(super) fn objects(store: &Store, stale: bool) -> (&Objects, u64) {
    if stale {
        (&store.initial, store.initial_version)
    } else {
        (&store.objects, store.version)
    }
}

pub(super) fn get(store: &Store, resource: &Resource, stale: bool, form: Form) -> Result<Response, Failure> {
    let name = resource.name.as_deref().unwrap_or_default();
    let key = Key::new(&resource.kind, resource.namespace.as_deref(), name);
    let object = objects(store, stale)
        .0
        .get(&key)
        .ok_or_else(|| Failure::not_found(&resource.kind, name))?;
    if form == Form::PartialList {
        let kind = &resource.kind.kind;
        return Err(Failure::not_acceptable(format!(
            "you requested PartialObjectMetadataList, but the requested object is not a list ({kind})"
        )));
    }
    Ok(json_response(StatusCode::OK, &form.shape(object, resource)))
}

pub(super) fn list(
    store: &mut Store,
    resource: &Resource,
    params: &Params,
    stale: bool,
    form: Form,
    part: bool,
) -> Result<Response, Failure> {
    let selector = Selector::parse(
        &resource.kind,
        params.text("labelSelector"),
        params.text("fieldSelector"),
    )?;
    let limit = match params.get("limit") {
        None => None,
        Some(text) => match text.parse::<i64>() {
            Ok(limit) => usize::try_from(limit).ok().filter(|limit| *limit > 0),
            Err(_) => {
                let message = format!("strconv.ParseInt: parsing \"{text}\": invalid syntax");
                return Err(Failure::bad_request(message));
            }
        },
    };
    let (snapshot, start) = match params.get("continue") {
        Some(token) => resume(store, token)?,
        None => {
            check_version(store, params)?;
            let (objects, version) = objects(store, stale);
            let items: Vec<Arc<Value>> = Store::list(objects, &resource.kind, resource.namespace.as_deref())
                .filter(|(_, object)| selector.is_empty() || selector_sees(&selector, object, resource))
                .map(|(_, object)| Arc::clone(object))
                .collect();
            let paged = limit.is_some_and(|limit| items.len() > limit);
            let snapshot = if paged {
                store.keep(version, items)
            } else {
                Snapshot {
                    id: 0,
                    version,
                    items: Arc::new(items),
                }
            };
            (snapshot, 0)
        }
    };
    let end = limit
        .map_or(snapshot.items.len(), |limit| start.saturating_add(limit))
        .min(snapshot.items.len());
    let page = snapshot.items.get(start..end).unwrap_or_default();
    let mut metadata = json!({"resourceVersion": snapshot.version.to_string()});
    if end < snapshot.items.len()
        && let Value::Object(map) = &mut metadata
    {
        map.insert("continue".to_owned(), token(&snapshot, end).into());
        // The real server counts only what needs no filtering.
        if selector.is_empty() {
            let rest = snapshot.items.len().saturating_sub(end);
            map.insert("remainingItemCount".to_owned(), rest.into());
        }
    } else if part && let Value::Object(map) = &mut metadata {
        map.insert("continue".to_owned(), recorded::REST.into());
    }
    let items: Vec<Value> = page
        .iter()
        .map(|object| item(form.shape(object, resource), form))
        .collect();
    let (api_version, kind) = match form {
        Form::Whole => (
            resource.kind.api_version(&resource.version),
            format!("{}List", resource.kind.kind),
        ),
        Form::Partial => {
            let kind = &resource.kind.kind;
            return Err(Failure::not_acceptable(format!(
                "you requested PartialObjectMetadata, but the requested object is a list ({kind}List)"
            )));
        }
        Form::PartialList => (
            "meta.k8s.io/v1".to_owned(),
            "PartialObjectMetadataList".to_owned(),
        ),
    };
    let list = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items});
    Ok(json_response(StatusCode::OK, &list))
}

/// Selectors of `events.k8s.io` name the fields of that form.
pub(super) fn selector_sees(selector: &Selector, object: &Value, resource: &Resource) -> bool {
    if resource.kind.group == "events.k8s.io" {
        return selector.matches(&convert::to_version(object, &resource.kind, &resource.version));
    }
    selector.matches(object)
}

/// Items of built-in lists carry neither kind nor version.
fn item(mut object: Value, form: Form) -> Value {
    let custom = object
        .get("apiVersion")
        .and_then(Value::as_str)
        .is_some_and(is_custom);
    if form == Form::Whole
        && !custom
        && let Value::Object(map) = &mut object
    {
        map.remove("kind");
        map.remove("apiVersion");
    }
    object
}

/// Groups of built-in resources have no dot, or end in `.k8s.io`; metrics come from another server but look the same.
fn is_custom(api_version: &str) -> bool {
    match api_version.split_once('/') {
        Some((group, _)) => group.contains('.') && !group.ends_with(".k8s.io"),
        None => false,
    }
}

fn check_version(store: &Store, params: &Params) -> Result<(), Failure> {
    let matched = params.get("resourceVersionMatch");
    let why = match (matched, params.get("resourceVersion")) {
        (None, _) | (Some("NotOlderThan"), Some(_)) => None,
        (Some(_), None) => {
            Some("Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided".to_owned())
        }
        (Some("Exact"), Some("0")) => Some(
            "Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"".to_owned(),
        ),
        (Some("Exact"), Some(_)) => None,
        (Some(other), Some(_)) => Some(format!(
            "Unsupported value: \"{other}\": supported values: \"Exact\", \"NotOlderThan\", \"\""
        )),
    };
    if let Some(why) = why {
        return Err(invalid_match(&why));
    }
    let Some(text) = params.get("resourceVersion") else {
        return Ok(());
    };
    let Ok(wanted) = text.parse::<u64>() else {
        let message = format!(
            "resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
        );
        return Err(Failure::bad_request(message));
    };
    if wanted > store.version {
        let message = format!(
            "Timeout: Too large resource version: {wanted}, current: {}",
            store.version
        );
        return Err(Failure::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message));
    }
    if matched == Some("Exact") && wanted != store.version {
        return Err(Failure::expired(format!(
            "The resourceVersion for the provided list is too old: {wanted}"
        )));
    }
    Ok(())
}

/// A way of comparing versions that does not go with the rest of the parameters.
pub(super) fn invalid_match(why: &str) -> Failure {
    Failure::invalid_options("ListOptions", "meta.k8s.io", "", "resourceVersionMatch", why)
}

/// An opaque text that leads back to a place in a snapshot.
fn token(snapshot: &Snapshot, next: usize) -> String {
    format!("v{}s{}n{next}", snapshot.version, snapshot.id)
}

fn resume(store: &Store, token: &str) -> Result<(Snapshot, usize), Failure> {
    let parse = || {
        let (version, rest) = token.strip_prefix('v')?.split_once('s')?;
        let (id, next) = rest.split_once('n')?;
        version.parse::<u64>().ok()?;
        Some((id.parse::<u64>().ok()?, next.parse::<usize>().ok()?))
    };
    let (id, next) =
        parse().ok_or_else(|| Failure::bad_request("continue key is not valid: illegal base64 data"))?;
    let snapshot = store.snapshot(id).ok_or_else(|| {
        Failure::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list \
             without the continue parameter, or use the continue token in this response to retrieve the remainder of \
             the results. Continuing with the provided token results in an inconsistent list - objects that were \
             created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        )
    })?;
    Ok((snapshot, next))
}
