//! What belongs to a later phase is not done yet: `phase.cap`.

use super::Demand;
use crate::policy::{Phase, Policy};

pub(super) fn demands(policy: &Policy) -> Vec<Demand> {
    let text = |allowed: &str| {
        format!(
            "in the phase {} {allowed}; have a person do it, or raise the phase",
            policy.phase
        )
    };
    match policy.phase {
        Phase::Observe | Phase::Recommend => vec![Demand {
            rule: "phase.cap".to_owned(),
            expression: "false".to_owned(),
            text: text("nothing is written"),
        }],
        Phase::LowRiskWrites => vec![Demand {
            rule: "phase.cap".to_owned(),
            expression: "variables.only_counts".to_owned(),
            text: text("numbers of replicas and the bounds of autoscalers are changed, and nothing besides"),
        }],
        // Whatever the rules leave.
        Phase::Expanded => Vec::new(),
    }
}
