//! The API server refuses to make pods.

mod obstacle;
mod policy;

use std::collections::BTreeMap;

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{Condition, Event, Object, ResourceQuota, Workload};
use jiff::Timestamp;

use super::limits::only_raises;
use super::rollback::roll_back;
use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::Candidate;
use crate::incident::facts::{Facts, clip};
use obstacle::Obstacle;

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
        refusals(facts)
            .into_iter()
            .filter_map(|(workload, refusal)| candidate(facts, &workload, &refusal))
            .collect()
    }
}

/// What a controller was told when it tried to make pods.
#[derive(Default)]
pub(super) struct Refusal<'a> {
    /// Events that say so, the newest first.
    pub(super) events: Vec<&'a Event>,
    /// The conditions that say so, which stay when events are forgotten, with whose they are.
    pub(super) conditions: Vec<(&'a Workload, &'a Condition)>,
}

impl Refusal<'_> {
    /// The newest words.
    pub(super) fn message(&self) -> &str {
        let told = self.events.first().map(|event| event.message.as_str());
        let stays = self
            .conditions
            .first()
            .map(|(_, condition)| condition.message.as_str());
        told.or(stays).unwrap_or_default()
    }

    /// Since when; conditions keep the time of the first refusal, events are forgotten after an hour.
    pub(super) fn since(&self) -> Option<Timestamp> {
        let first = self.events.iter().filter_map(|event| event.first_seen());
        let turned = self
            .conditions
            .iter()
            .filter_map(|(_, condition)| condition.last_transition_time);
        first.chain(turned).min()
    }

    /// All that shows it.
    pub(super) fn evidence(&self, facts: &Facts<'_>) -> Vec<Evidence> {
        let told = self.events.iter().take(MAX_EVENTS);
        let told = told.map(|event| facts.event_evidence(event));
        let turned = self.conditions.iter().map(|(workload, condition)| {
            let statement = format!("ReplicaFailure is True: {}", clip(&condition.message, 300));
            facts.object(*workload, condition.last_transition_time, statement)
        });
        told.chain(turned).collect()
    }
}

/// Workloads whose pods are refused as yet.
pub(super) fn refusals<'a>(facts: &Facts<'a>) -> BTreeMap<EntityRef, Refusal<'a>> {
    let mut refused: BTreeMap<EntityRef, Refusal<'a>> = BTreeMap::new();
    // A controller that has all its pods by now was refused in the past only, whatever became of them since.
    let satisfied = |owner: &EntityRef| {
        facts.workload(owner).is_some_and(|w| {
            w.desired()
                .is_some_and(|wanted| w.ready() >= wanted && w.kind != "Job")
        })
    };
    for event in facts.case.objects.events.iter().filter(|event| {
        event.is_warning() && matches!(event.reason.as_str(), "FailedCreate" | "ReplicaSetCreateError")
    }) {
        let owner = facts.top_of(&event.about());
        let about = facts.workload(&event.about());
        if !is_over(facts, event)
            && !about.is_some_and(has_made_all)
            && (about.is_some_and(lacks) || !satisfied(&owner))
        {
            let refusal = refused.entry(owner).or_default();
            refusal.events.push(event);
        }
    }
    for workload in &facts.case.objects.workloads {
        let condition = workload
            .condition("ReplicaFailure")
            .filter(|condition| condition.is_true() && !condition.message.is_empty());
        let owner = facts.top_of(&workload.entity());
        if let Some(condition) = condition
            && (lacks(workload) || !satisfied(&owner))
            && !has_made_all(workload)
        {
            let refusal = refused.entry(owner).or_default();
            refusal.conditions.push((workload, condition));
        }
    }
    for refusal in refused.values_mut() {
        refusal
            .events
            .sort_by_key(|event| std::cmp::Reverse(event.last_seen()));
    }
    refused
}

/// Whether a controller has made a pod since it was refused last: what refused all its pods alike does so no more. A quota
/// refuses those for which nothing is left, and lets others in; a webhook may run out of time now and then.
fn is_over(facts: &Facts<'_>, refusal: &Event) -> bool {
    let Some(last) = refusal.last_seen() else {
        return false;
    };
    // How it failed stands behind the address, which holds the time that the webhook is given.
    let how = refusal
        .message
        .rsplit_once("\": ")
        .map_or(refusal.message.as_str(), |(_, how)| how);
    let late = ["deadline exceeded", "Client.Timeout", "i/o timeout", "timed out"];
    let late = late.iter().any(|words| how.contains(words));
    match Obstacle::of(&refusal.message) {
        Obstacle::Quota(_) => return false,
        Obstacle::WebhookDown(_) if late => return false,
        _ => {}
    }
    let controller = refusal.about();
    let told = facts.event(&controller, |event| event.reason == "SuccessfulCreate");
    let told = told.and_then(|event| event.last_seen());
    let made = facts.pods_of(&facts.top_of(&controller)).iter().filter(|pod| {
        let owner = pod.metadata.controller();
        owner.is_some_and(|owner| owner.kind == controller.kind && owner.name == controller.name)
    });
    let made = made.filter_map(|pod| pod.metadata.creation_timestamp);
    made.chain(told).any(|made| made > last)
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

/// Whether a controller has fewer pods than it wants as yet, although enough are ready of its Deployment: during a rollout
/// those of the revision before are.
fn lacks(controller: &Workload) -> bool {
    let wanted = controller.desired();
    match controller.kind.as_str() {
        "ReplicaSet" => controller
            .status
            .replicas
            .zip(wanted)
            .is_some_and(|(made, wanted)| made < wanted),
        // Kubernetes leaves out a number of updated pods that is zero; the condition of progress tells that they are wanted.
        "Deployment" => {
            let stuck = controller
                .condition("Progressing")
                .is_some_and(|condition| condition.status == "False");
            stuck && wanted.is_some_and(|wanted| controller.updated() < wanted)
        }
        _ => false,
    }
}

fn candidate(facts: &Facts<'_>, workload: &EntityRef, refusal: &Refusal<'_>) -> Option<Candidate> {
    let message = refusal.message();
    let obstacle = Obstacle::of(message);
    let since = refusal.since();
    let mut candidate = Candidate::new(
        "creation_refused",
        workload.clone(),
        format!("pods of {workload} are refused: {}", obstacle.words(message)),
    )
    .clue("API server refuses its pods", 4.5, refusal.evidence(facts))
    .since(since)
    .derived(obstacle.derived());
    if let Some(policy) = policy::changed(facts, workload, message, since)
        && obstacle
            .paths()
            .and_then(|fields| facts.rollout_before(workload, since, fields))
            .is_none_or(|asked| asked.time < policy.time)
    {
        // What pods were let in with before is not what is wrong with them.
        candidate.cause = format!(
            "{} was changed, and refuses pods of {workload}: {}",
            policy.entity,
            obstacle.words(message)
        );
        candidate.entity = policy.entity.clone();
        let seen = vec![facts.change_evidence(policy)];
        return Some(
            candidate
                .clue("what refuses was changed", 1.0, seen)
                .brought_by(Some(&policy.reference))
                .hurting([workload.clone()])
                .advise(policy::advice(&policy.entity, workload)),
        );
    }
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let refusers = refusers(facts, &obstacle, namespace);
    if matches!(obstacle, Obstacle::Quota(_)) {
        let quotas = &facts.case.objects.quotas;
        let used_up = quotas.iter().filter(|quota| refusers.contains(&quota.entity()));
        let used_up: Vec<Evidence> = used_up
            .map(|quota| facts.object(quota, None, usage(quota)))
            .collect();
        if !used_up.is_empty() {
            candidate = candidate.clue("quota is used up", 0.8, used_up);
        }
    }
    let changed = refusers
        .iter()
        .filter_map(|refuser| recent_change::before_trouble(facts, refuser, since, tightens))
        .max_by_key(|change| change.time);
    let asks = |fields| facts.rollout_before(workload, since, fields);
    let asked = obstacle.paths().and_then(asks);
    // Of an edit of what refuses and a rollout that asks for what is refused, the later one brought them together.
    let changed = changed.filter(|edit| asked.is_none_or(|asked| asked.time < edit.time));
    if let Some(change) = changed {
        candidate = candidate
            .clue(
                "what refuses was changed",
                1.0,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference));
    }
    if let Some(change) = asked.filter(|_| candidate.change.is_none()) {
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

/// Objects of a namespace by which the API server refuses. It names the quota, but not the limit range: any may be it.
fn refusers(facts: &Facts<'_>, obstacle: &Obstacle, namespace: &str) -> Vec<EntityRef> {
    let objects = &facts.case.objects;
    match obstacle {
        Obstacle::Quota(name) | Obstacle::QuotaNeedsRequests(Some(name)) => {
            vec![EntityRef::namespaced("ResourceQuota", namespace, name.as_str())]
        }
        Obstacle::QuotaNeedsRequests(None) => {
            let quotas = objects.quotas.iter();
            let within = quotas.filter(|quota| quota.metadata.ns() == namespace);
            within.map(Object::entity).collect()
        }
        Obstacle::LimitRange => {
            let ranges = objects.limit_ranges.iter();
            let within = ranges.filter(|range| range.metadata.ns() == namespace);
            within.map(Object::entity).collect()
        }
        // Its labels set the level.
        Obstacle::PodSecurity => vec![EntityRef::cluster("Namespace", namespace)],
        _ => Vec::new(),
    }
}

/// Whether a change of what refuses may make it refuse: not one that only raises what it allows, and of a namespace only one
/// of its level of security. What is not told in detail may.
fn tightens(change: &Change) -> bool {
    match change.entity.kind.as_str() {
        "Namespace" => {
            let of_level = |line: &String| line.contains("pod-security.kubernetes.io");
            change.detail.is_empty() || change.detail.iter().any(of_level)
        }
        _ => !only_raises(&change.detail),
    }
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

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::super::fixture;
    use super::CreationRefused;

    #[test]
    fn a_quota_that_was_lowered_shortly_before_is_to_blame() {
        let weight_of = |time: &str, said: &str, line: &str| {
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
                    "message": format!("Error creating: pods \"api\" is forbidden: {said}"),
                }],
            }));
            let quota = EntityRef::namespaced("ResourceQuota", "shop", "compute");
            case.changes.push(fixture::change(time, &quota, &[line]));
            let found = crate::incident::testing::of(&CreationRefused, &case);
            assert_eq!(found.len(), 1);
            fixture::clue(&found[0], "what refuses was changed")
        };
        let weight = |time: &str, said: &str| weight_of(time, said, "spec.hard.pods: 20 → 4");
        let used_up = "exceeded quota: compute, requested: pods=1";
        let unstated = "failed quota: compute: must specify memory for: app";
        for said in [used_up, unstated, "must specify limits.memory for: app"] {
            assert_eq!(weight("2026-05-01T09:45:00Z", said), Some(1.0), "{said}");
            // When the quota was made, and after the first refusal.
            assert_eq!(weight("2023-05-01T09:45:00Z", said), None);
            assert_eq!(weight("2026-05-01T09:58:00Z", said), None);
        }
        // It allows more since.
        assert_eq!(
            weight_of("2026-05-01T09:45:00Z", used_up, "spec.hard.pods: 4 → 20"),
            None
        );
        // Another quota of the namespace.
        assert_eq!(
            weight("2026-05-01T09:45:00Z", "exceeded quota: gpu, requested: pods=1"),
            None
        );
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
    fn a_refusal_is_over_once_a_pod_was_made_after_it() {
        let found = |message: &str, made: &str, told: bool| {
            let mut job = fixture::workload("shop", "import", json!([]));
            job["kind"] = json!("Job");
            let event = |name: &str, kind: &str, reason: &str, message: &str, time: &str| {
                json!({
                    "metadata": {"name": name, "namespace": "shop"}, "type": kind, "reason": reason,
                    "involvedObject": {"kind": "Job", "namespace": "shop", "name": "import"},
                    "lastTimestamp": time, "message": message,
                })
            };
            let refused = event("e1", "Warning", "FailedCreate", message, "2026-05-01T09:53:00Z");
            let created = event("e2", "Normal", "SuccessfulCreate", "Created pod: import-x", made);
            let pod = json!({"metadata": {"name": "import-x", "namespace": "shop", "creationTimestamp": made,
                "ownerReferences": [{"kind": "Job", "name": "import", "controller": true}]}});
            let case = fixture::case(if told {
                json!({"workloads": [job], "events": [refused, created]})
            } else {
                json!({"workloads": [job], "events": [refused], "pods": [pod]})
            });
            crate::incident::testing::of(&CreationRefused, &case).len()
        };
        let account =
            "Error creating: pods \"import-\" is forbidden: error looking up service account shop/import";
        let quota =
            "Error creating: pods \"import-\" is forbidden: exceeded quota: compute, requested: pods=1";
        let called = "Error creating: Internal error occurred: failed calling webhook \"v.example\": failed to call webhook: Post \"https://hook.ops.svc:443/v?timeout=10s\"";
        let slow = format!("{called}: context deadline exceeded");
        let down = format!("{called}: no endpoints available for service \"hook\"");
        for told in [true, false] {
            assert_eq!(found(account, "2026-05-01T09:53:30Z", told), 0);
            assert_eq!(found(account, "2026-05-01T09:40:00Z", told), 1);
            // What is left of a quota is enough for some and not for others, and a slow webhook answers some.
            assert_eq!(found(quota, "2026-05-01T09:53:30Z", told), 1);
            assert_eq!(found(&slow, "2026-05-01T09:53:30Z", told), 1);
            assert_eq!(found(&down, "2026-05-01T09:53:30Z", told), 0);
        }
    }

    #[test]
    fn a_rollout_is_to_blame_where_it_asks_for_what_is_refused() {
        let blamed = |message: &str, line: &str| {
            let mut workload = fixture::workload("shop", "api", json!([]));
            workload["status"] = json!({"replicas": 0, "readyReplicas": 0});
            let mut case = fixture::case(json!({
                "workloads": [workload],
                "events": [{
                    "metadata": {"name": "e", "namespace": "shop"},
                    "involvedObject": {"kind": "Deployment", "namespace": "shop", "name": "api"},
                    "type": "Warning", "reason": "FailedCreate", "message": format!("Error creating: {message}"),
                    "firstTimestamp": "2026-05-01T09:50:00Z", "lastTimestamp": "2026-05-01T10:20:00Z",
                }],
            }));
            let mut change = fixture::change("2026-05-01T09:45:00Z", &fixture::deployment("api"), &[line]);
            change.kind = claw_core::change::ChangeKind::Deploy;
            case.changes.push(change);
            let found = crate::incident::testing::of(&CreationRefused, &case);
            fixture::clue(&found[0], "rollout asks for what is refused").is_some()
        };
        let security = "violates PodSecurity \"restricted:latest\": host namespaces";
        assert!(blamed(security, "hostNetwork: (none) → true"));
        assert!(!blamed(security, "containers[app].env[DB_HOST]: a → b"));
        let policy = "admission webhook \"v.example\" denied the request: no label owner";
        assert!(blamed(policy, "labels[owner]: a → (none)"));
        // It refuses everybody, whatever they ask for.
        let down = "failed calling webhook \"inject.example\": connection refused";
        assert!(!blamed(down, "containers[app].image: a → b"));
    }

    #[test]
    fn the_condition_tells_when_the_event_is_gone() {
        let mut workload = fixture::workload("shop", "api", json!([]));
        workload["status"] = json!({"replicas": 0, "readyReplicas": 0, "conditions": [{
            "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "lastTransitionTime": "2026-05-01T06:00:00Z",
            "message": "pods \"api-5\" is forbidden: violates PodSecurity \"restricted:latest\": privileged",
        }]});
        let case = fixture::case(json!({"workloads": [workload]}));
        let found = crate::incident::testing::of(&CreationRefused, &case);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].cause.contains("pod security level"),
            "{}",
            found[0].cause
        );
    }
}
