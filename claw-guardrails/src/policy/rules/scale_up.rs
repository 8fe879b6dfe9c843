use super::Rule;
use crate::policy::{Fact, Operation, Policy, Request, Tier};

/// Twice as many.
const MOST_PERCENT: u32 = 200;

/// More replicas than the policy lets the agent have by itself are for a person to decide, and so is what was not counted.
pub(super) struct ScaleUp;

impl Rule for ScaleUp {
    fn id(&self) -> &'static str {
        "scale.up"
    }

    fn text(&self) -> &'static str {
        "More replicas than the policy lets the agent have by itself are for a person to decide, and so is what was not counted."
    }

    fn looks_at(&self) -> &'static [Fact] {
        &[Fact::Operation, Fact::Replicas]
    }

    fn judge(&self, policy: &Policy, request: &Request) -> Option<Tier> {
        if request.operation != Operation::ScaleUp {
            return None;
        }
        let within = request.replicas.is_some_and(|replicas| {
            replicas.is_within(policy.scale_up_percent.min(MOST_PERCENT))
                && replicas.wanted <= policy.max_replicas
        });
        Some(if within {
            Tier::AutoLogged
        } else {
            Tier::AsyncApproval
        })
    }
}
