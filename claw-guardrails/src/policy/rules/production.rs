use super::Rule;
use crate::policy::{Environment, Fact, Policy, Request, Tier};

/// Every change in production has the approval of a person. A namespace whose labels name no environment is production.
pub(super) struct Production;

impl Rule for Production {
    fn id(&self) -> &'static str {
        "environment.production"
    }

    fn text(&self) -> &'static str {
        "Every change in production has the approval of a person. A namespace whose labels name no environment is production."
    }

    fn looks_at(&self) -> &'static [Fact] {
        &[Fact::Operation, Fact::Environment]
    }

    fn judge(&self, _policy: &Policy, request: &Request) -> Option<Tier> {
        let there = request.environment == Environment::Production;
        (there && request.operation.is_change()).then_some(Tier::AsyncApproval)
    }
}
