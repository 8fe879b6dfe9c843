//! The right that the request for an action takes.

use claw_core::action::Action;
use claw_core::execute::Rights;
use claw_core::redact::Redactor;

use crate::cluster::write::{WriteRequest, WriteVerb};
use crate::cluster::{AccessQuestion, Review};

/// What to ask for, as the API server's own authorization sees the request, and of which object. What is created has no name
/// yet in the request.
pub(super) fn question(request: &WriteRequest) -> (AccessQuestion, Option<&str>) {
    let (verb, subresource, name) = match request.verb {
        WriteVerb::Patch => ("patch", "", Some(request.name.as_str())),
        WriteVerb::Create => ("create", "", None),
        WriteVerb::Delete => ("delete", "", Some(request.name.as_str())),
        WriteVerb::Evict => ("create", "eviction", Some(request.name.as_str())),
        WriteVerb::PatchStatus => ("patch", "status", Some(request.name.as_str())),
    };
    let question = AccessQuestion {
        verb: verb.to_owned(),
        group: request.resource.group.to_string(),
        resource: request.resource.plural.to_string(),
        subresource: subresource.to_owned(),
        namespace: request.namespace.clone(),
    };
    (question, name)
}

/// The answer in the terms of the port.
pub(super) fn rights(action: &Action, question: &AccessQuestion, review: &Review) -> Rights {
    if review.allowed {
        return Rights::Granted;
    }
    let mut resource = question.resource.clone();
    if !question.subresource.is_empty() {
        resource = format!("{resource}/{}", question.subresource);
    }
    if !question.group.is_empty() {
        resource = format!("{}/{resource}", question.group);
    }
    let place = match &action.target.namespace {
        Some(namespace) => format!(" in {namespace}"),
        None => String::new(),
    };
    let why = match review.reason.as_str() {
        "" => String::new(),
        reason => format!(": {}", Redactor::new().redact(reason)),
    };
    Rights::Missing {
        what: format!("{} {resource}{place}{why}", question.verb),
    }
}
