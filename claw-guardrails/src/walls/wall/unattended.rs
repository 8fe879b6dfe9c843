//! What the agent does not do by itself: all but small growth of harmless workloads takes the approval of a person, which the API
//! server does not see.

use super::{Demand, matches};
use crate::policy::{Operation, Phase, Policy, Tier};

pub(super) fn demands(policy: &Policy) -> Vec<Demand> {
    if policy.max_actions.is_some() || policy.phase < Phase::LowRiskWrites {
        // There is nothing that a person could approve.
        return Vec::new();
    }
    if policy.escalation.is_some() {
        return vec![Demand {
            rule: "actions.always_human".to_owned(),
            expression: "false".to_owned(),
            text: "the policy asks for the approval of a person for every change (escalation)".to_owned(),
        }];
    }
    // What is something else is told apart by the first demand alone.
    let alone = "variables.scale_up && variables.part == '' && variables.only_counts";
    let refusing = |rule: &str, condition: &str, text: &str| {
        let condition = format!("({alone}) && ({condition})");
        Demand::refusing(rule, &condition, text)
    };
    let (percent, most) = (policy.most_percent(), policy.most_replicas());
    let mut demands = vec![
        Demand {
            rule: "operation.tier".to_owned(),
            expression: alone.to_owned(),
            text: "all but more replicas takes the approval of a person".to_owned(),
        },
        refusing(
            "scale.up",
            &format!(
                "variables.new_replicas * 100 > variables.old_replicas * {percent} || variables.new_replicas > {most}"
            ),
            &format!(
                "more than {percent} percent of the replicas that there are, or more than {most}, take the approval of a person"
            ),
        ),
        refusing(
            "environment.production",
            "variables.environment == 'production'",
            "a change in production takes the approval of a person; a namespace whose labels name no environment is production",
        ),
        refusing(
            "workload.critical",
            "variables.criticality == 'critical'",
            "a change of a critical workload takes the approval of a person; one of which nothing is said is critical",
        ),
        refusing(
            "workload.stateful",
            "variables.nature == 'stateful'",
            "a change of a stateful workload takes the approval of a person; one of which nothing is said is stateful",
        ),
    ];
    let raising = |tier: Tier| matches!(tier, Tier::AsyncApproval | Tier::SyncApproval);
    for over in policy.overrides.iter().filter(|over| raising(over.tier)) {
        if let Some(condition) = matches(over, Some(Operation::ScaleUp)) {
            demands.push(refusing(
                &format!("override.{}", over.id),
                &condition,
                &format!("the policy asks for the approval of a person: {}", over.reason),
            ));
        }
    }
    demands
}
