//! From an action to the one request that performs it.

use claw_core::action::{Action, Verb};
use claw_core::execute::{ACTION_ANNOTATION, ActionId};
use claw_core::patch::merge;
use serde_json::{Value, json};

use crate::cluster::Resource;
use crate::cluster::write::{WriteRequest, WriteVerb};

/// What the API server sets itself, or takes as a precondition: an action that names it is none that was proposed here.
const SERVERS_OWN: [&str; 5] = [
    "/metadata/resourceVersion",
    "/metadata/uid",
    "/metadata/managedFields",
    "/metadata/generation",
    "/status",
];

/// Where the write says something besides the patch: what else stands there would be lost, unlike in the dry run.
const SHARED: [&str; 2] = ["/metadata", "/metadata/annotations"];

/// The request for an action; for a dry run where there is no id.
///
/// The error says what is wrong with the action.
pub(super) fn of(action: &Action, resource: Resource, id: Option<&ActionId>) -> Result<WriteRequest, String> {
    let verb = match action.verb {
        Verb::Patch => WriteVerb::Patch,
        Verb::Create => WriteVerb::Create,
        Verb::Delete => WriteVerb::Delete,
        Verb::Evict => WriteVerb::Evict,
        _ => return Err("its verb is not known here".to_owned()),
    };
    let target = &action.target;
    if resource.namespaced != target.namespace.is_some() {
        let place = if resource.namespaced {
            "in a namespace"
        } else {
            "in none"
        };
        return Err(format!("objects of kind {} are {place}", target.kind));
    }
    if verb == WriteVerb::Evict && (resource.group.as_ref(), resource.plural.as_ref()) != ("", "pods") {
        return Err("only pods are evicted".to_owned());
    }
    let body = match verb {
        WriteVerb::Patch | WriteVerb::Create => content(action, id)?,
        WriteVerb::Delete => {
            let mut options = json!({
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "preconditions": preconditions(action)?,
                // What belongs to the object goes with it, as with kubectl.
                "propagationPolicy": "Background",
            });
            if id.is_none() {
                // Here and nowhere else: of a deletion with a body the API server does not look at the query.
                merge(&mut options, &json!({ "dryRun": ["All"] }));
            }
            options
        }
        WriteVerb::Evict => json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": { "name": target.name, "namespace": target.namespace },
            "deleteOptions": { "preconditions": preconditions(action)? },
        }),
        WriteVerb::PatchStatus => return Err("a status is not for actions to write".to_owned()),
    };
    Ok(WriteRequest {
        verb,
        resource,
        namespace: target.namespace.clone(),
        name: target.name.clone(),
        body,
        dry_run: id.is_none(),
        id: id.map(ActionId::request_id),
    })
}

/// The patch, or the object to create, with what makes it a compare-and-swap that tells whose write it is.
fn content(action: &Action, id: Option<&ActionId>) -> Result<Value, String> {
    if !action.patch.is_object() {
        return Err("its patch is no object".to_owned());
    }
    if let Some(place) = SERVERS_OWN
        .iter()
        .find(|place| action.patch.pointer(place).is_some())
    {
        return Err(format!("its patch holds {place}, which is not for it to set"));
    }
    let in_place_of = |place: &&&str| action.patch.pointer(place).is_some_and(|said| !said.is_object());
    if let Some(place) = SHARED.iter().find(in_place_of) {
        return Err(format!(
            "its patch replaces {place} as a whole; name the members that change, those that go by null"
        ));
    }
    let mut body = action.patch.clone();
    if action.verb == Verb::Patch {
        merge(&mut body, &json!({ "metadata": preconditions(action)? }));
    } else {
        let target = &action.target;
        let named = json!({
            "apiVersion": action.api_version,
            "kind": target.kind,
            "metadata": { "name": target.name },
        });
        for (place, wanted) in [
            ("/apiVersion", Some(action.api_version.as_str())),
            ("/kind", Some(target.kind.as_str())),
            ("/metadata/name", Some(target.name.as_str())),
            ("/metadata/namespace", target.namespace.as_deref()),
        ] {
            let said = body.pointer(place);
            if said.is_some() && said.and_then(Value::as_str) != wanted {
                return Err(format!(
                    "the object to create has another {place} than the action's target"
                ));
            }
        }
        merge(&mut body, &named);
    }
    if let Some(ActionId(id)) = id {
        merge(
            &mut body,
            &json!({ "metadata": { "annotations": { ACTION_ANNOTATION: id } } }),
        );
    }
    Ok(body)
}

/// Uid and version that the object must have.
fn preconditions(action: &Action) -> Result<Value, String> {
    match (&action.uid, &action.resource_version) {
        (Some(uid), Some(version)) => Ok(json!({ "uid": uid, "resourceVersion": version })),
        _ => Err("it does not say which object in which version it was made for".to_owned()),
    }
}
