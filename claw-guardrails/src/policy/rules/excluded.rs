use super::Rule;
use crate::policy::{Fact, Place, Policy, Request, Tier};

/// Nothing in a namespace that the policy takes out is changed.
pub(super) struct ExcludedNamespace;

impl Rule for ExcludedNamespace {
    fn id(&self) -> &'static str {
        "namespace.excluded"
    }

    fn text(&self) -> &'static str {
        "Nothing in a namespace that the policy takes out is changed."
    }

    fn looks_at(&self) -> &'static [Fact] {
        &[Fact::Operation, Fact::Place]
    }

    fn judge(&self, _policy: &Policy, request: &Request) -> Option<Tier> {
        (request.operation.is_change() && request.place == Place::Excluded).then_some(Tier::Forbidden)
    }
}
