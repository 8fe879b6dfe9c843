//! What belongs to a later phase is not done yet: `phase.cap`. Nor is anything where the policy says `max_actions: read_only`:
//! `actions.read_only`.

use super::Demand;
use crate::policy::{Phase, Policy};

pub(super) fn demands(policy: &Policy) -> Vec<Demand> {
    let nothing = |rule: &str, text: String| Demand {
        rule: rule.to_owned(),
        expression: "false".to_owned(),
        text,
    };
    let text = |allowed: &str| {
        format!(
            "in the phase {} {allowed}; have a person do it, or raise the phase",
            policy.phase
        )
    };
    let mut demands = Vec::new();
    if policy.max_actions.is_some() {
        demands.push(nothing(
            "actions.read_only",
            "the policy lets the agent read only (max_actions); have a person do it".to_owned(),
        ));
    }
    match policy.phase {
        Phase::Observe | Phase::Recommend => {
            demands.push(nothing("phase.cap", text("nothing is written")));
        }
        Phase::LowRiskWrites => demands.push(Demand {
            rule: "phase.cap".to_owned(),
            expression: "variables.only_counts".to_owned(),
            text: text("numbers of replicas and the bounds of autoscalers are changed, and nothing besides"),
        }),
        // Whatever the rules leave.
        Phase::Expanded => {}
    }
    demands
}
