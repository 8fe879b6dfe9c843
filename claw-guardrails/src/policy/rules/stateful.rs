use super::Rule;
use crate::policy::{Fact, Nature, Operation, Policy, Request, Tier};

/// A person looks when pods that hold data, or a place among others, may end or change in number. A workload of which nothing is said is stateful.
pub(super) struct Stateful;

impl Rule for Stateful {
    fn id(&self) -> &'static str {
        "workload.stateful"
    }

    fn text(&self) -> &'static str {
        "A person looks when pods that hold data, or a place among others, may end or change in number. A workload of which nothing is said is stateful."
    }

    fn looks_at(&self) -> &'static [Fact] {
        &[Fact::Operation, Fact::Nature]
    }

    fn judge(&self, _policy: &Policy, request: &Request) -> Option<Tier> {
        let moved = request.operation.ends_pods() || request.operation == Operation::ScaleUp;
        (request.nature == Nature::Stateful && moved).then_some(Tier::SyncApproval)
    }
}
