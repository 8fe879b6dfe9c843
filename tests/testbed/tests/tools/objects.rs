//! Objects and kinds as the suites of tools and of access write them.

use claw_k8s::cluster::Resource;
use claw_testbed::suite::CustomKind;
use serde_json::Value;

/// A kind as the API server has to serve it.
pub(crate) fn custom_kind(resource: &Resource) -> CustomKind<'_> {
    CustomKind {
        group: &resource.group,
        version: &resource.version,
        plural: &resource.plural,
        kind: &resource.kind,
        namespaced: resource.namespaced,
    }
}

/// An object with the fields of another, which take the place of its own.
pub(crate) fn merged(mut object: Value, more: Value) -> Value {
    let Value::Object(more) = more else {
        panic!("an object, not {more}");
    };
    object.as_object_mut().unwrap().extend(more);
    object
}
