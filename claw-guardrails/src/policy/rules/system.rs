use super::Rule;
use crate::policy::{Fact, Place, Policy, Request, Tier};

/// Nothing in the namespaces of Kubernetes itself is changed.
pub(super) struct SystemNamespace;

impl Rule for SystemNamespace {
    fn id(&self) -> &'static str {
        "namespace.system"
    }

    fn text(&self) -> &'static str {
        "Nothing in the namespaces of Kubernetes itself is changed."
    }

    fn looks_at(&self) -> &'static [Fact] {
        &[Fact::Operation, Fact::Place]
    }

    fn judge(&self, _policy: &Policy, request: &Request) -> Option<Tier> {
        (request.operation.is_change() && request.place == Place::System).then_some(Tier::Forbidden)
    }
}
