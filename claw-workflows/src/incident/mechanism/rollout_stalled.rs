//! A rollout that does not get on, and what it waits for.

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object as _, Pod, Workload};
use jiff::SignedDuration;

use super::rollback::roll_back;
use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};
use crate::incident::witness;

/// Label of a pod with the revision of its StatefulSet or DaemonSet that it was made from.
const REVISION: &str = "controller-revision-hash";

/// A Deployment that exceeded its progress deadline, a StatefulSet that waits for one of its pods, a DaemonSet that is short
/// on some nodes: why is for others to say, and this for want of them. A rollout that is paused (`rollout_paused`), and a
/// StatefulSet that waits for a pod of a revision that is given up (`statefulset_broken_revision`), are causes of their own.
#[derive(Clone, Copy, Debug)]
pub(super) struct RolloutStalled;

impl Mechanism for RolloutStalled {
    fn id(&self) -> &'static str {
        "rollout_stalled"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &["rollout_paused", "statefulset_broken_revision"]
    }

    fn area(&self) -> Area {
        Area::Control
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        facts
            .top_workloads()
            .filter_map(|workload| match workload.kind.as_str() {
                "Deployment" => paused(facts, workload).or_else(|| deployment(facts, workload)),
                "StatefulSet" => broken_revision(facts, workload).or_else(|| stateful_set(facts, workload)),
                "DaemonSet" => daemon_set(facts, workload),
                _ => None,
            })
            .collect()
    }
}

/// Somebody paused the rollout, and it has not reached all pods.
fn paused(facts: &Facts<'_>, workload: &Workload) -> Option<Candidate> {
    let wanted = workload.desired().unwrap_or(1);
    if !workload.spec.paused || wanted == 0 || workload.updated() >= wanted {
        return None;
    }
    let entity = workload.entity();
    let condition = workload.condition("Progressing");
    let since = condition
        .filter(|condition| condition.reason == "DeploymentPaused")
        .and_then(|condition| condition.last_transition_time.or(condition.last_update_time));
    let statement = format!(
        "is paused with {} of {wanted} pods at the revision that is wanted",
        workload.updated()
    );
    let namespace = workload.metadata.ns();
    Some(
        Candidate::new(
            "rollout_paused",
            entity.clone(),
            format!("the rollout of {entity} is paused"),
        )
        .clue(
            "rollout is paused half way",
            2.8,
            vec![facts.object(workload, since, statement)],
        )
        .since(since)
        .advise(
            Advice::new(
                format!("Resume the rollout of {entity}"),
                "A paused Deployment makes no pods of a new revision",
            )
            .command(format!(
                "kubectl -n {namespace} rollout resume deployment/{}",
                workload.metadata.name
            )),
        ),
    )
}

fn deployment(facts: &Facts<'_>, workload: &Workload) -> Option<Candidate> {
    let condition = workload
        .condition("Progressing")
        .filter(|condition| condition.status == "False")?;
    let entity = workload.entity();
    let allowed =
        SignedDuration::from_secs(i64::from(workload.spec.progress_deadline_seconds.unwrap_or(600)));
    // The condition turns when the deadline is over.
    let began = condition
        .last_transition_time
        .and_then(|time| time.checked_sub(allowed).ok());
    let statement = format!("{}: {}", condition.reason, clip(&condition.message, 200));
    let seen = vec![facts.object(workload, condition.last_transition_time, statement)];
    let mut candidate = stalled(
        facts,
        workload,
        "its rollout does not get on within its deadline",
        seen,
    )
    .since(began);
    if let Some(change) = facts.rollout_before(&entity, condition.last_transition_time, &[]) {
        candidate = candidate
            .clue(
                "rollout that does not get on",
                0.3,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
        let back = roll_back(facts, &entity, change, "The revision before was running");
        candidate.advice.extend(back);
    }
    Some(candidate)
}

/// The first of its pods that is not ready: the next one is not made, or not replaced, before that.
fn stateful_set(facts: &Facts<'_>, workload: &Workload) -> Option<Candidate> {
    let wanted = workload.desired()?;
    let in_order = workload.spec.pod_management_policy != "Parallel";
    if workload.ready() >= wanted || !in_order {
        return None;
    }
    let entity = workload.entity();
    let mut pods: Vec<(i32, &Pod)> = facts
        .pods_of(&entity)
        .iter()
        .filter_map(|pod| Some((ordinal(pod)?, *pod)))
        .collect();
    pods.sort_by_key(|(ordinal, _)| *ordinal);
    let (ordinal, pod) = pods.iter().find(|(_, pod)| !pod.is_ready())?;
    let left = usize::try_from(wanted).unwrap_or(0).saturating_sub(pods.len());
    let ready = pod
        .condition("Ready")
        .and_then(|condition| condition.last_transition_time);
    let statement = format!("is not ready; {left} more pods of {entity} are not made before it is");
    let seen = witness::of_pods(facts, [(*pod, ready, statement)], |event| event.is_warning());
    let what = format!("its pod {ordinal} is not ready, and the others wait for it");
    Some(
        stalled(facts, workload, &what, seen)
            .since(ready)
            .hurting([pod.entity()]),
    )
}

/// A pod that is not ready and was made from another revision than the one that is wanted now. The controller waits for it,
/// and does not replace it: taking the revision back is not enough.
fn broken_revision(facts: &Facts<'_>, workload: &Workload) -> Option<Candidate> {
    let entity = workload.entity();
    let wanted = workload.status.update_revision.as_str();
    let pods = facts.pods_of(&entity).iter().copied();
    let pods: Vec<&Pod> = pods.filter(|pod| is_given_up(facts, workload, pod)).collect();
    let pod = pods.first()?;
    let since = pod
        .condition("Ready")
        .and_then(|condition| condition.last_transition_time);
    let states = pods.iter().map(|pod| {
        let revision = pod.metadata.labels.get(REVISION).map_or("", String::as_str);
        (
            *pod,
            since,
            format!("is not ready, and still of revision {revision}; {wanted} is wanted"),
        )
    });
    let seen = witness::of_pods(facts, states, |event| event.is_warning());
    let namespace = workload.metadata.ns();
    Some(
        Candidate::new(
            "statefulset_broken_revision",
            entity.clone(),
            format!(
                "{entity} waits for {}, which is of a revision that was given up and never gets ready",
                pod.entity()
            ),
        )
        .clue("waits for a pod of another revision", 4.5, seen)
        .since(since)
        .hurting(pods.iter().map(|pod| pod.entity()))
        .derived(0.2)
        .advise(
            Advice::new(
                format!(
                    "Delete {}, so that it is made anew from the revision that is wanted",
                    pod.entity()
                ),
                "The controller replaces no pod that is not ready while it waits for it",
            )
            .command(format!("kubectl -n {namespace} delete pod {}", pod.metadata.name)),
        ),
    )
}

/// Whether a pod of a StatefulSet does not start and is of a revision that was changed since: what is wrong with it may be
/// mended already.
pub(super) fn is_given_up(facts: &Facts<'_>, workload: &Workload, pod: &Pod) -> bool {
    let wanted = workload.status.update_revision.as_str();
    let strategy = workload.spec.update_strategy.as_ref();
    let on_delete = strategy.is_some_and(|strategy| strategy.kind == "OnDelete");
    let revision = pod.metadata.labels.get(REVISION);
    let other = revision.is_some_and(|revision| revision != wanted);
    if workload.kind != "StatefulSet" || wanted.is_empty() || on_delete || !other {
        return false;
    }
    // One that was well, and is not for a moment, is replaced in its turn.
    let starts = pod.all_statuses().all(|status| status.state.waiting.is_none());
    let gone = pod.is_ready() || pod.metadata.deletion_timestamp.is_some();
    let changed = facts
        .changes_of(&workload.entity())
        .last()
        .map(|change| change.time);
    let after = changed
        .zip(pod.metadata.creation_timestamp)
        .is_some_and(|(changed, made)| changed >= made);
    !starts && !gone && after
}

fn daemon_set(facts: &Facts<'_>, workload: &Workload) -> Option<Candidate> {
    let wanted = workload.desired()?;
    if workload.ready() >= wanted {
        return None;
    }
    let entity = workload.entity();
    let unready: Vec<&Pod> = facts
        .pods_of(&entity)
        .iter()
        .copied()
        .filter(|pod| !pod.is_ready() && !pod.is_finished())
        .collect();
    let made = workload.status.current_number_scheduled.unwrap_or(wanted);
    let since = unready
        .iter()
        .filter_map(|pod| pod.condition("Ready")?.last_transition_time)
        .min();
    let states = unready.iter().map(|pod| {
        let place = if pod.spec.node_name.is_empty() {
            "no node"
        } else {
            pod.spec.node_name.as_str()
        };
        (*pod, since, format!("is not ready on {place}"))
    });
    let mut seen = witness::of_pods(facts, states, |event| event.is_warning());
    let statement = format!(
        "{} of {wanted} pods are ready, {made} were made",
        workload.ready()
    );
    seen.push(facts.object(workload, since, statement));
    let what = format!("it is ready on {} of {wanted} nodes", workload.ready());
    Some(
        stalled(facts, workload, &what, seen)
            .since(since)
            .hurting(unready.iter().map(|pod| pod.entity())),
    )
}

/// A workload that does not get on, for a reason that is not known.
fn stalled(
    facts: &Facts<'_>,
    workload: &Workload,
    what: &str,
    seen: Vec<claw_core::evidence::Evidence>,
) -> Candidate {
    let entity: EntityRef = workload.entity();
    let namespace = workload.metadata.ns();
    let pods = facts
        .pods_of(&entity)
        .iter()
        .filter(|pod| !pod.is_ready() && !pod.is_finished());
    Candidate::new("rollout_stalled", entity.clone(), format!("{entity} does not get on: {what}"))
        .clue("rollout does not get on", 0.4, seen)
        .hurting(pods.map(|pod| pod.entity()))
        .derived(0.9)
        .general()
        .advise(
            Advice::new(
                format!("Look at the pods of {entity} that are not ready"),
                "The rollout goes on when they are",
            )
            .command(format!(
                "kubectl -n {namespace} describe {}/{}; kubectl -n {namespace} get events --sort-by=.lastTimestamp",
                workload.kind.to_lowercase(),
                workload.metadata.name
            )),
        )
}

fn ordinal(pod: &Pod) -> Option<i32> {
    pod.metadata.name.rsplit_once('-')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::{Value, json};

    use super::RolloutStalled;
    use crate::incident::case::Case;
    use crate::incident::testing::{at, case, deploy, object, of};

    fn workload(case: &mut Case, kind: &str, spec: Value, status: Value) {
        case.objects.workloads.push(object(
            "db",
            json!({"kind": kind, "spec": spec, "status": status}),
        ));
    }

    fn pod(case: &mut Case, name: &str, ready: bool, revision: &str) {
        let state = if ready {
            json!({"running": {}})
        } else {
            json!({"waiting": {"reason": "ImagePullBackOff"}})
        };
        case.objects.pods.push(object(
            name,
            json!({
                "metadata": {
                    "labels": {"controller-revision-hash": revision}, "creationTimestamp": at(-3000),
                    "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}],
                },
                "status": {
                    "phase": "Running",
                    "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }, "lastTransitionTime": at(-900)}],
                    "containerStatuses": [{"name": "app", "ready": ready, "state": state}],
                },
            }),
        ));
    }

    fn ids(case: &Case) -> Vec<&'static str> {
        of(&RolloutStalled, case)
            .iter()
            .map(|candidate| candidate.mechanism)
            .collect()
    }

    #[test]
    fn a_stateful_set_waits_for_the_first_pod_that_is_not_ready() {
        let mut case = case();
        let status = json!({"replicas": 2, "readyReplicas": 1, "updateRevision": "db-2"});
        workload(&mut case, "StatefulSet", json!({"replicas": 3}), status);
        pod(&mut case, "db-0", true, "db-2");
        pod(&mut case, "db-1", false, "db-2");
        let found = of(&RolloutStalled, &case);
        assert!(
            found[0].general && found[0].cause.contains("pod 1"),
            "{}",
            found[0].cause
        );
        case.objects.workloads[0].spec.pod_management_policy = "Parallel".to_owned();
        assert!(ids(&case).is_empty());
    }

    #[test]
    fn a_pod_of_a_revision_that_was_given_up_is_not_replaced() {
        let mut case = case();
        let status = json!({"replicas": 2, "readyReplicas": 1, "updateRevision": "db-1"});
        workload(&mut case, "StatefulSet", json!({"replicas": 2}), status);
        pod(&mut case, "db-0", true, "db-1");
        pod(&mut case, "db-1", false, "db-2");
        assert_eq!(ids(&case), ["rollout_stalled"], "nothing was taken back");
        let set = EntityRef::namespaced("StatefulSet", "shop", "db");
        case.changes = vec![deploy(&set, "back", -600)];
        assert_eq!(ids(&case), ["statefulset_broken_revision"]);
        case.objects.pods[1].metadata.labels.clear();
        assert_eq!(ids(&case), ["rollout_stalled"]);
    }

    #[test]
    fn a_pause_is_a_cause_only_half_way() {
        for (updated, expected) in [(1, Some("rollout_paused")), (3, None)] {
            let mut case = case();
            let status = json!({"replicas": 3, "readyReplicas": 3, "updatedReplicas": updated});
            workload(
                &mut case,
                "Deployment",
                json!({"replicas": 3, "paused": true}),
                status,
            );
            assert_eq!(ids(&case), expected.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_deadline_that_is_over_is_told_for_want_of_more() {
        let mut case = case();
        let condition = json!({
            "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "lastTransitionTime": at(600),
        });
        let status = json!({"replicas": 3, "readyReplicas": 2, "conditions": [condition]});
        workload(&mut case, "Deployment", json!({"replicas": 3}), status);
        let found = of(&RolloutStalled, &case);
        assert_eq!(
            found[0].onset,
            Some(at(0)),
            "ten minutes before the deadline was over"
        );
        assert!(found[0].general);
    }
}
