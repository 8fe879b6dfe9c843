use super::Rule;
use crate::policy::{Activity, Fact, Nature, Policy, Request, Tier};

/// What is at a piece of work is not broken off: a consumer with messages in its queue, a batch with an active job.
pub(super) struct Working;

impl Rule for Working {
    fn id(&self) -> &'static str {
        "workload.working"
    }

    fn text(&self) -> &'static str {
        "What is at a piece of work is not broken off: a consumer with messages in its queue, a batch with an active job."
    }

    fn looks_at(&self) -> &'static [Fact] {
        &[Fact::Operation, Fact::Nature, Fact::Activity]
    }

    fn judge(&self, _policy: &Policy, request: &Request) -> Option<Tier> {
        let held = matches!(request.nature, Nature::Consumer | Nature::Batch);
        let working = request.activity == Activity::Working;
        (held && working && request.operation.ends_pods()).then_some(Tier::Forbidden)
    }
}
