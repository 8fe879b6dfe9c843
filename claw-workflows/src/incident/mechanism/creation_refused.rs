//! The API server refuses to make pods.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Event, Object, ResourceQuota, Workload};

use super::rollback::roll_back;
use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};

/// Events that are cited of one workload.
const MAX_EVENTS: usize = 6;

/// Quota, limit range, pod security, a webhook or a missing service account keep a controller from making pods.
#[derive(Clone, Copy, Debug)]
pub(super) struct CreationRefused;

impl Mechanism for CreationRefused {
    fn id(&self) -> &'static str {
        "creation_refused"
    }

    fn area(&self) -> Area {
        Area::Scheduling
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut refused: BTreeMap<EntityRef, Vec<&Event>> = BTreeMap::new();
        for event in facts
            .case
            .objects
            .events
            .iter()
            .filter(|event| event.is_warning() && event.reason == "FailedCreate")
        {
            let owner = facts.top_of(&event.about());
            // A controller that has all its pods by now was refused in the past only, whatever became of them since.
            let satisfied = facts
                .workload(&owner)
                .is_some_and(|w| w.desired().is_some_and(|wanted| w.ready() >= wanted));
            let made = facts.workload(&event.about()).is_some_and(has_made_all);
            if !satisfied && !made {
                refused.entry(owner).or_default().push(event);
            }
        }
        refused
            .into_iter()
            .filter_map(|(workload, mut events)| {
                events.sort_by_key(|event| std::cmp::Reverse(event.last_seen()));
                candidate(facts, &workload, &events)
            })
            .collect()
    }
}

/// Whether a controller has made as many pods as it wants. A Deployment makes none itself: during a rollout those of the
/// revision before are counted, too.
fn has_made_all(controller: &Workload) -> bool {
    let made = match controller.kind.as_str() {
        "DaemonSet" => controller.status.current_number_scheduled,
        "ReplicaSet" | "ReplicationController" | "StatefulSet" => controller.status.replicas,
        _ => None,
    };
    made.zip(controller.desired())
        .is_some_and(|(made, wanted)| made >= wanted)
}

/// Of the events that say so, the newest first.
fn candidate(facts: &Facts<'_>, workload: &EntityRef, events: &[&Event]) -> Option<Candidate> {
    let event = events.first()?;
    let obstacle = Obstacle::of(&event.message);
    // The condition keeps the time of the first refusal; events are forgotten after an hour.
    let condition = facts
        .workload(workload)
        .and_then(|found| found.condition("ReplicaFailure"))
        .filter(|condition| condition.is_true())
        .and_then(|condition| condition.last_transition_time);
    let first = events.iter().filter_map(|event| event.first_seen());
    let since = first.chain(condition).min();
    let mut candidate = Candidate::new(
        "creation_refused",
        workload.clone(),
        format!(
            "pods of {workload} are refused: {}",
            obstacle.words(&event.message)
        ),
    )
    .clue(
        "API server refuses its pods",
        4.5,
        events
            .iter()
            .take(MAX_EVENTS)
            .map(|event| facts.event_evidence(event))
            .collect(),
    )
    .since(since);
    if let Obstacle::Quota(name) = &obstacle {
        let namespace = workload.namespace.as_deref().unwrap_or_default();
        let quota = facts
            .case
            .objects
            .quotas
            .iter()
            .find(|quota| quota.metadata.ns() == namespace && quota.metadata.name == *name);
        if let Some(quota) = quota {
            candidate = candidate.clue(
                "quota is used up",
                0.8,
                vec![facts.object(quota, None, usage(quota))],
            );
            if let Some(change) = recent_change::before_trouble(facts, &quota.entity(), since, |_| true) {
                candidate = candidate
                    .clue("quota was changed", 1.0, vec![facts.change_evidence(change)])
                    .brought_by(Some(&change.reference));
            }
        }
    }
    if let Some(change) = facts
        .rollout_before(workload, since, obstacle.paths())
        .filter(|_| candidate.change.is_none())
    {
        candidate = candidate
            .clue(
                "rollout asks for what is refused",
                0.8,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference));
        if !matches!(obstacle, Obstacle::Quota(_)) {
            let back = roll_back(facts, workload, change, "The revision before was accepted");
            candidate.advice.extend(back);
        }
    }
    Some(candidate.advise(obstacle.advice(workload)))
}

fn usage(quota: &ResourceQuota) -> String {
    let hard = if quota.status.hard.is_empty() {
        &quota.spec.hard
    } else {
        &quota.status.hard
    };
    let parts: Vec<String> = hard
        .iter()
        .map(|(resource, limit)| {
            let used = quota.status.used.get(resource).map_or("?", |used| used.as_str());
            format!("{resource} {used} of {limit}")
        })
        .collect();
    format!("uses {}", parts.join(", "))
}

/// What refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Obstacle {
    Quota(String),
    QuotaNeedsRequests,
    LimitRange,
    PodSecurity,
    Webhook(String),
    ServiceAccount,
    Other,
}

impl Obstacle {
    fn of(message: &str) -> Self {
        let quoted = |after: &str| -> Option<String> {
            let rest = message.split_once(after)?.1;
            Some(
                rest.split(['"', ',', ' '])
                    .find(|part| !part.is_empty())?
                    .to_owned(),
            )
        };
        if message.contains("failed quota") || message.contains("must specify limits") {
            Self::QuotaNeedsRequests
        } else if let Some(name) = quoted("exceeded quota:") {
            Self::Quota(name)
        } else if message.contains("violates PodSecurity") {
            Self::PodSecurity
        } else if message.contains("admission webhook") || message.contains("failed calling webhook") {
            Self::Webhook(quoted("webhook \"").unwrap_or_default())
        } else if message.contains("serviceaccount \"")
            || message.contains("error looking up service account")
        {
            Self::ServiceAccount
        } else if ["maximum ", "minimum ", "limit to request ratio"]
            .iter()
            .any(|word| message.contains(word))
            && message.contains("usage per")
        {
            Self::LimitRange
        } else {
            Self::Other
        }
    }

    fn words(&self, message: &str) -> String {
        match self {
            Self::Quota(name) => format!("quota {name} is used up"),
            Self::QuotaNeedsRequests => {
                "the namespace's quota asks for requests and limits that they do not state".to_owned()
            }
            Self::LimitRange => "they are outside the namespace's limit range".to_owned(),
            Self::PodSecurity => "they violate the namespace's pod security level".to_owned(),
            Self::Webhook(name) => format!("admission webhook {name} refuses or does not answer"),
            Self::ServiceAccount => "their service account does not exist".to_owned(),
            Self::Other => clip(message, 200),
        }
    }

    fn paths(&self) -> &'static [&'static str] {
        match self {
            Self::Quota(_) | Self::QuotaNeedsRequests | Self::LimitRange => &["resources", "replicas"],
            Self::PodSecurity => &["securityContext", "host", "capabilities"],
            Self::ServiceAccount => &["serviceAccount"],
            _ => &[],
        }
    }

    fn advice(&self, workload: &EntityRef) -> Advice {
        let ns = workload.namespace.as_deref().unwrap_or("default");
        match self {
            Self::Quota(name) => Advice::new(
                format!("Raise quota {name}, or free some of it"),
                "The namespace may not use more than its quota",
            )
            .command(format!("kubectl -n {ns} describe resourcequota {name}")),
            Self::QuotaNeedsRequests => Advice::new(
                format!("State requests and limits in {workload}"),
                "A namespace with a compute quota takes only pods that state them",
            ),
            Self::LimitRange => Advice::new(
                format!("Bring the resources of {workload} within the limit range"),
                "The API server refuses what is outside",
            )
            .command(format!("kubectl -n {ns} describe limitrange")),
            Self::PodSecurity => Advice::new(
                format!("Give {workload} the security context that the namespace asks for"),
                "The namespace enforces a pod security level",
            ),
            Self::Webhook(name) => Advice::new(
                format!("Check the webhook {name} and the service behind it"),
                "Pods cannot be made while it refuses or is down",
            )
            .command("kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"),
            Self::ServiceAccount => Advice::new(
                "Create the service account, or name one that exists",
                "Pods cannot be made without it",
            )
            .command(format!("kubectl -n {ns} get serviceaccounts")),
            Self::Other => Advice::new(
                format!("Remove what the API server names in {workload}"),
                "Its pods cannot be made until then",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::super::fixture;
    use super::{CreationRefused, Obstacle};

    #[test]
    fn a_quota_that_was_lowered_shortly_before_is_to_blame() {
        let weight = |time: &str| {
            let mut workload = fixture::workload("shop", "api", json!([]));
            workload["status"] = json!({"replicas": 0, "readyReplicas": 0});
            let mut case = fixture::case(json!({
                "workloads": [workload],
                "quotas": [{"metadata": {"name": "compute", "namespace": "shop"}, "spec": {"hard": {"pods": "4"}}}],
                "events": [{
                    "metadata": {"name": "e", "namespace": "shop"},
                    "involvedObject": {"kind": "Deployment", "namespace": "shop", "name": "api"},
                    "type": "Warning", "reason": "FailedCreate",
                    "firstTimestamp": "2026-05-01T09:50:00Z", "lastTimestamp": "2026-05-01T10:20:00Z",
                    "message": "Error creating: pods \"api\" is forbidden: exceeded quota: compute, requested: pods=1",
                }],
            }));
            let quota = EntityRef::namespaced("ResourceQuota", "shop", "compute");
            case.changes
                .push(fixture::change(time, &quota, &["spec.hard.pods: 20 → 4"]));
            let found = crate::incident::testing::of(&CreationRefused, &case);
            assert_eq!(found.len(), 1);
            fixture::clue(&found[0], "quota was changed")
        };
        assert_eq!(weight("2026-05-01T09:45:00Z"), Some(1.0));
        // When the quota was made, and after the first refusal.
        assert_eq!(weight("2023-05-01T09:45:00Z"), None);
        assert_eq!(weight("2026-05-01T09:58:00Z"), None);
    }

    #[test]
    fn a_controller_that_has_made_its_pods_since_was_refused_in_the_past_only() {
        let found = |made: i32| {
            let mut set = fixture::workload("shop", "api-7", json!([]));
            set["kind"] = json!("ReplicaSet");
            set["spec"]["replicas"] = json!(2);
            set["status"] = json!({"replicas": made, "readyReplicas": 0});
            let case = fixture::case(json!({
                "workloads": [set],
                "events": [{
                    "metadata": {"name": "e", "namespace": "shop"},
                    "involvedObject": {"kind": "ReplicaSet", "namespace": "shop", "name": "api-7"},
                    "type": "Warning", "reason": "FailedCreate", "lastTimestamp": "2026-05-01T10:20:00Z",
                    "message": "Error creating: pods \"api\" is forbidden: error looking up service account shop/default",
                }],
            }));
            crate::incident::testing::of(&CreationRefused, &case).len()
        };
        assert_eq!((found(0), found(1), found(2)), (1, 1, 0));
    }

    #[test]
    fn tells_what_refuses() {
        let quota = "Error creating: pods \"a\" is forbidden: exceeded quota: compute, requested: limits.cpu=2, used: limits.cpu=8, limited: limits.cpu=8";
        assert_eq!(Obstacle::of(quota), Obstacle::Quota("compute".into()));
        let security = "Error creating: pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false";
        assert_eq!(Obstacle::of(security), Obstacle::PodSecurity);
        let hook = "Error creating: Internal error occurred: failed calling webhook \"inject.mesh.io\": connection refused";
        assert_eq!(Obstacle::of(hook), Obstacle::Webhook("inject.mesh.io".into()));
        let account = "Error creating: pods \"a\" is forbidden: error looking up service account shop/worker: serviceaccount \"worker\" not found";
        assert_eq!(Obstacle::of(account), Obstacle::ServiceAccount);
        let needs = "Error creating: pods \"a\" is forbidden: failed quota: compute: must specify limits.cpu for: app";
        assert_eq!(Obstacle::of(needs), Obstacle::QuotaNeedsRequests);
        assert_eq!(Obstacle::of(""), Obstacle::Other);
    }
}
