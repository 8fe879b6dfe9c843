//! Which rights a policy has a use for.

use claw_core::access::WriteRule;

use crate::policy::{Operation, Phase, Policy};

/// Whether an agent under this policy has a use for a right to write: whether it changes anything at all, and one of the operations
/// that the right is for has been reached.
///
/// ```
/// use claw_core::access::Access;
/// use claw_guardrails::policy::{Phase, Policy};
/// use claw_guardrails::walls::is_reached;
///
/// let access = Access::none().writes("apps", "deployments", &["patch"]).performing(&["scale_up"]);
/// let in_phase = |phase| Policy::default().with_phase(phase);
/// assert!(!is_reached(&in_phase(Phase::Recommend), &access.writes[0]));
/// assert!(is_reached(&in_phase(Phase::LowRiskWrites), &access.writes[0]));
/// ```
pub fn is_reached(policy: &Policy, right: &WriteRule) -> bool {
    let phase = policy.phase;
    if policy.max_actions.is_some() || phase < Phase::LowRiskWrites {
        // Pull requests go to a forge: nothing is written to the API server yet, or ever.
        return false;
    }
    if right.operations.is_empty() {
        // It may be anything.
        return phase == Phase::Expanded;
    }
    let first = |name: &String| {
        let known = Operation::ALL.iter().find(|operation| operation.name() == name);
        known.map_or(Phase::Expanded, |operation| operation.phase())
    };
    right.operations.iter().any(|name| first(name) <= phase)
}

#[cfg(test)]
mod tests {
    use claw_core::access::Access;
    use claw_core::definition::MaxActions;

    use super::*;

    fn phases(operations: &[&str]) -> Vec<Phase> {
        let access = Access::none()
            .writes("apps", "deployments", &["patch"])
            .performing(operations);
        let right = &access.writes[0];
        Phase::ALL
            .iter()
            .copied()
            .filter(|phase| is_reached(&Policy::default().with_phase(*phase), right))
            .collect()
    }

    #[test]
    fn a_right_is_of_use_from_the_phase_of_its_first_operation_on() {
        let both = [Phase::LowRiskWrites, Phase::Expanded];
        assert_eq!(phases(&["scale_down", "configure"]), both);
        assert_eq!(phases(&["restart"]), [Phase::Expanded]);
        assert_eq!(phases(&[]), [Phase::Expanded], "it may be anything");
        assert_eq!(
            phases(&["scale_sideways"]),
            [Phase::Expanded],
            "nobody knows what that is"
        );
        // Nothing reaches the API server before, whatever somebody calls it.
        assert_eq!(phases(&["open_pull_request"]), both);
    }

    #[test]
    fn who_only_reads_has_a_use_for_none() {
        let access = Access::none()
            .writes("apps", "deployments", &["patch"])
            .performing(&["scale_up"]);
        let mut policy = Policy::default().with_phase(Phase::Expanded);
        assert!(is_reached(&policy, &access.writes[0]));
        policy.max_actions = Some(MaxActions::ReadOnly);
        assert!(!is_reached(&policy, &access.writes[0]));
    }
}
