use super::Rule;
use crate::policy::{Criticality, Fact, Policy, Request, Tier};

/// A person has more to do with changes of critical workloads than with others. A workload of which nothing is said is critical.
pub(super) struct Critical;

impl Rule for Critical {
    fn id(&self) -> &'static str {
        "workload.critical"
    }

    fn text(&self) -> &'static str {
        "A person has more to do with changes of critical workloads than with others. A workload of which nothing is said is critical."
    }

    fn looks_at(&self) -> &'static [Fact] {
        &[Fact::Operation, Fact::Criticality]
    }

    fn judge(&self, _policy: &Policy, request: &Request) -> Option<Tier> {
        let critical = request.criticality == Criticality::Critical;
        (critical && request.operation.is_change()).then(|| request.operation.tier().stricter())
    }
}
