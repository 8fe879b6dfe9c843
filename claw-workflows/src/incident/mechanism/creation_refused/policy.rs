//! Policies that an admission controller names as it refuses.

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use jiff::{SignedDuration, Timestamp};

use crate::incident::candidate::Advice;
use crate::incident::facts::{Facts, SKEW};

/// For how long a policy may have been there that shows itself only once pods are made anew.
const SHOWS: SignedDuration = SignedDuration::from_hours(48);
/// Policies that say who may talk to whom, and not which pods there may be.
const OF_TRAFFIC: [&str; 6] = [
    "NetworkPolicy",
    "CiliumNetworkPolicy",
    "CiliumClusterwideNetworkPolicy",
    "GlobalNetworkPolicy",
    "AuthorizationPolicy",
    "BackendTLSPolicy",
];

/// The last change, before the refusal, of a policy that the message names: of Kyverno, of Gatekeeper, or of the API server.
pub(super) fn changed<'a>(
    facts: &Facts<'a>,
    workload: &EntityRef,
    message: &str,
    since: Option<Timestamp>,
) -> Option<&'a Change> {
    let since = since.or(facts.case.began)?;
    let changes = facts.case.changes.iter();
    changes
        .filter(|change| is_policy(&change.entity) && names(message, &change.entity.name))
        // One of a namespace is for that namespace, and what is refused is named as well.
        .filter(|change| {
            let there = &change.entity.namespace;
            (there.is_none() || *there == workload.namespace) && change.entity.name != workload.name
        })
        .filter(|change| {
            let age = since.duration_since(change.time);
            age >= -SKEW && age <= SHOWS
        })
        .max_by_key(|change| change.time)
}

fn is_policy(entity: &EntityRef) -> bool {
    let kind = entity.kind.as_str();
    // Gatekeeper's constraints have kinds of their own, which begin like this by convention.
    let of_pods = kind.contains("Policy") || kind.contains("Constraint") || kind.starts_with("K8s");
    of_pods && !OF_TRAFFIC.contains(&kind)
}

/// Whether a name stands in a message as a word.
fn names(message: &str, name: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || c == '.';
    let words = message.split(|c| !part_of_name(c));
    let mut words = words.map(|word| word.trim_matches('.'));
    words.any(|word| word == name)
}

/// What to do about a policy that refuses what it let in before.
pub(super) fn advice(policy: &EntityRef, workload: &EntityRef) -> Advice {
    let namespace = policy
        .namespace
        .as_ref()
        .map_or_else(String::new, |ns| format!("-n {ns} "));
    Advice::new(
        format!("Take the change of {policy} back until {workload} fits it, or exempt it"),
        "Its pods were let in before the change; none is made anew until they fit or the policy lets them be",
    )
    .command(format!(
        "kubectl {namespace}get {} {} -o yaml",
        policy.kind.to_lowercase(),
        policy.name
    ))
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::super::CreationRefused;
    use crate::incident::mechanism::fixture;
    use crate::incident::testing::of;

    /// Who is blamed where a policy is named as pods are refused since ten minutes before ten.
    fn blamed(kind: &str, changed: &str, rollout: Option<&str>) -> String {
        let mut workload = fixture::workload("shop", "api", json!([]));
        workload["status"] = json!({"replicas": 0, "readyReplicas": 0});
        let said = "admission webhook \"validate.policies.example\" denied the request: policy shop/api for resource violation: \n\nno-root:\n  check: runAsNonRoot is required";
        let mut case = fixture::case(json!({
            "workloads": [workload],
            "events": [{
                "metadata": {"name": "e", "namespace": "shop"},
                "involvedObject": {"kind": "Deployment", "namespace": "shop", "name": "api"},
                "type": "Warning", "reason": "FailedCreate",
                "firstTimestamp": "2026-05-01T09:50:00Z", "lastTimestamp": "2026-05-01T10:20:00Z",
                "message": format!("Error creating: {said}"),
            }],
        }));
        let policy = EntityRef::cluster(kind, "no-root");
        case.changes.push(fixture::change(
            changed,
            &policy,
            &["spec.action: Audit → Enforce"],
        ));
        if let Some(time) = rollout {
            let mut change = fixture::change(
                time,
                &fixture::deployment("api"),
                &["containers[app].image: a → b"],
            );
            change.kind = claw_core::change::ChangeKind::Deploy;
            case.changes.push(change);
        }
        let found = of(&CreationRefused, &case);
        assert_eq!(found.len(), 1);
        found[0].entity.to_string()
    }

    #[test]
    fn a_policy_that_was_changed_refuses_what_it_let_in_before() {
        let morning = "2026-05-01T08:30:00Z";
        assert_eq!(blamed("ClusterPolicy", morning, None), "ClusterPolicy no-root");
        let victim = "Deployment shop/api";
        // It was so when the workload was changed, long before, or after the first refusal; or it is about traffic.
        assert_eq!(
            blamed("ClusterPolicy", morning, Some("2026-05-01T09:45:00Z")),
            victim
        );
        assert_eq!(blamed("ClusterPolicy", "2026-04-01T08:30:00Z", None), victim);
        assert_eq!(blamed("ClusterPolicy", "2026-05-01T09:58:00Z", None), victim);
        assert_eq!(blamed("NetworkPolicy", morning, None), victim);
    }
}
