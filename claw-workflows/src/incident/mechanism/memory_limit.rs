//! Containers are killed because they use more memory than they may.

mod series;

use std::collections::{BTreeMap, BTreeSet};

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_k8s::model::{ContainerStatus, Object, Pod, Terminated};
use claw_metrics::classify::Measure;
use claw_metrics::signal::{Direction, Signal};
use jiff::{SignedDuration, Timestamp};

use super::limits::{about_memory, limit, lowers_memory};
use super::rollback::roll_back;
use super::{Area, Mechanism, brought, node_memory};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::degradation;
use crate::incident::ending::{ends_since, killed_for_memory};
use crate::incident::facts::Facts;
use crate::incident::witness;

/// Killed for memory: a limit that was lowered or too low, a leak, or more work than before.
///
/// A leak has an id of its own, `memory_leak`. That a node has no memory left for anybody is said by
/// [`node_memory`](super::node_memory).
#[derive(Clone, Copy, Debug)]
pub(super) struct MemoryLimit;

impl Mechanism for MemoryLimit {
    fn id(&self) -> &'static str {
        "memory_limit"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &["memory_leak"]
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut killed: BTreeMap<(EntityRef, String), Vec<Kill<'_>>> = BTreeMap::new();
        for pod in facts.pods() {
            for status in pod.all_statuses() {
                if let Some(end) = killed_for_memory(facts, pod, status) {
                    killed
                        .entry((facts.workload_of(pod), status.name.clone()))
                        .or_default()
                        .push((pod, status, end));
                }
            }
        }
        let known: BTreeSet<EntityRef> = killed.keys().map(|(workload, _)| workload.clone()).collect();
        killed
            .into_iter()
            .filter_map(|((workload, container), pods)| candidate(facts, &workload, &container, &pods))
            .chain(series::candidates(facts, &known))
            .collect()
    }
}

/// A signal below this many robust standard deviations is no more work than before.
const NOTABLE: f64 = 5.0;
/// Nor is one that has grown by less than this factor.
const GROWN: f64 = 1.5;

/// So soon a rollout makes its pods.
const MADE_BY: SignedDuration = SignedDuration::from_hours(1);

/// A container that was killed, with the last end that is known.
type Kill<'a> = (&'a Pod, &'a ContainerStatus, &'a Terminated);

fn candidate(
    facts: &Facts<'_>,
    workload: &EntityRef,
    container: &str,
    pods: &[Kill<'_>],
) -> Option<Candidate> {
    let (pod, _, _) = pods.first()?;
    let since = pods
        .iter()
        .filter_map(|(pod, status, end)| ends_since(facts, pod, status, end))
        .min();
    // Where the first kill is not known, a change has to be older than the last one at least.
    let until = since.or_else(|| pods.iter().filter_map(|(_, _, end)| end.finished_at).max());
    let limit = limit(pod, container, "memory");
    let bound = limit.as_ref().map_or_else(
        || "the node's memory (it has no limit)".to_owned(),
        |limit| format!("its limit of {limit}"),
    );
    let killed = pods.iter().map(|(pod, status, end)| {
        let statement = format!(
            "container {container} was killed for memory at {bound}, exit code {}, {} restarts",
            end.exit_code, status.restart_count
        );
        (*pod, end.finished_at, statement)
    });
    let seen = witness::of_pods(facts, killed, |event| event.reason == "OOMKilling");
    let memory = memory_signal(facts, workload, pods);
    let change = sets_limit(facts, workload, container, pods, since, until)
        .filter(|change| lowers_memory(&change.detail, container));
    let rollout = facts
        .rollout_before(workload, until, &[])
        .filter(|_| change.is_none());
    let mut blamed = change;
    let mut candidate = Candidate::new("memory_limit", workload.clone(), String::new())
        .aspect(container)
        .clue("killed for memory", 3.5, seen)
        .since(since)
        .hurting(pods.iter().map(|(pod, _, _)| pod.entity()));
    let why;
    let work = more_work(facts, workload);
    if let Some(change) = change {
        why = format!("its memory limit was lowered ({})", change.reference);
        candidate = candidate
            .clue(
                "rollout lowered the limit",
                2.0,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
    } else if let Some((seen, grows)) = series::grows(facts, workload, memory) {
        why = "its memory grows steadily, as with a leak".to_owned();
        candidate.mechanism = "memory_leak";
        candidate = candidate
            .clue("memory grows steadily", 1.5, vec![seen])
            .since(grows);
        if let Some(rollout) = rollout {
            blamed = Some(rollout);
            candidate = candidate
                .clue(
                    brought::since_rollout(facts, rollout, "grows since a rollout"),
                    0.7,
                    vec![facts.change_evidence(rollout)],
                )
                .brought_by(Some(&rollout.reference));
        }
    } else if let Some(rollout) = rollout
        .filter(|rollout| until.is_some_and(|until| until.duration_since(rollout.time).as_hours() < 24))
    {
        blamed = Some(rollout);
        why = if facts.is_creation(rollout) {
            format!("it needs more than {bound}, and has since it was created")
        } else {
            format!("it needs more than {bound} since {}", rollout.reference)
        };
        candidate = candidate
            .clue(
                brought::since_rollout(facts, rollout, "killed since a rollout"),
                0.8,
                vec![facts.change_evidence(rollout)],
            )
            .brought_by(Some(&rollout.reference))
            .since(Some(rollout.time));
    } else if let Some(signal) = work {
        why = format!("it needs more than {bound} for the work that it has now");
        candidate = candidate
            .clue("more work than before", 0.7, vec![degradation::evidence(signal)])
            .derived(0.3);
    } else {
        why = format!("it needs more than {bound}");
        candidate = candidate.derived(0.2);
        if memory.is_none()
            && !facts
                .case
                .signals
                .iter()
                .any(|signal| signal.measure == Measure::Memory)
        {
            candidate =
                candidate.unseen("memory use over time, which tells a leak from a limit that is too low");
        }
    }
    candidate.cause = format!("container {container} of {workload} is killed for memory: {why}");
    if limit.is_none()
        && pods
            .iter()
            .any(|(pod, _, _)| node_memory::told(facts, &pod.spec.node_name))
    {
        // Whoever has no limit is killed for what all on the node use.
        candidate = candidate.derived(0.8);
    }
    if let Some(change) = blamed {
        let back = roll_back(facts, workload, change, "It ran within its memory before");
        candidate.advice.extend(back);
    }
    let namespace = workload.namespace.as_deref().unwrap_or("default");
    Some(
        candidate.advise(
            Advice::new(
                format!("Raise the memory limit of container {container}"),
                "It is killed whenever it reaches the limit",
            )
            .command(format!(
                "kubectl -n {namespace} set resources {}/{} -c {container} --limits=memory=SIZE",
                workload.kind.to_lowercase(),
                workload.name
            )),
        ),
    )
}

/// The last rollout before the kills that set another limit. Where the first kill is not known, it may lie as far back as the
/// pods that have been killed since.
fn sets_limit<'a>(
    facts: &Facts<'a>,
    workload: &EntityRef,
    container: &str,
    pods: &[Kill<'_>],
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Option<&'a Change> {
    let sets = |change: &Change| change.kind == ChangeKind::Deploy && about_memory(&change.detail, container);
    if since.is_some() {
        return facts.change_before(workload, since, sets);
    }
    let made = pods
        .iter()
        .filter_map(|(pod, _, _)| pod.metadata.creation_timestamp)
        .min();
    facts.any_change_before(workload, until, |change| {
        sets(change) && made.is_none_or(|made| made.duration_since(change.time) <= MADE_BY)
    })
}

/// Work that has grown: what a workload of the same needs takes more memory for.
fn more_work<'a>(facts: &Facts<'a>, workload: &EntityRef) -> Option<&'a Signal> {
    facts
        .case
        .signals
        .iter()
        .filter(|signal| signal.measure == Measure::Traffic && signal.direction == Direction::Up)
        .filter(|signal| signal.score >= NOTABLE && signal.ratio >= GROWN)
        .filter(|signal| signal.peer.is_none() && facts.unit_of(&signal.entity) == *workload)
        .max_by(|a, b| a.score.total_cmp(&b.score))
}

fn memory_signal<'a>(facts: &Facts<'a>, workload: &EntityRef, pods: &[Kill<'_>]) -> Option<&'a Signal> {
    facts
        .case
        .signals
        .iter()
        .filter(|signal| signal.measure == Measure::Memory && signal.harmful)
        .filter(|signal| {
            signal.entity == *workload || pods.iter().any(|(pod, _, _)| signal.entity == pod.entity())
        })
        .max_by(|a, b| a.score.total_cmp(&b.score))
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::{Value, json};

    use super::MemoryLimit;
    use crate::incident::candidate::Candidate;
    use crate::incident::testing::{at, case, deploy, deployment, event, of};

    fn kill(second: i64) -> Value {
        json!({"reason": "OOMKilled", "exitCode": 137, "startedAt": at(second - 60), "finishedAt": at(second)})
    }

    fn killed(
        state: Value,
        last: Value,
        restarts: i64,
        ready: bool,
        first_back_off: Option<i64>,
    ) -> Vec<Candidate> {
        let mut case = case();
        let status = json!({
            "phase": "Running",
            "startTime": at(-1_000_000),
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }, "lastTransitionTime": last["finishedAt"]}],
            "containerStatuses": [{
                "name": "app", "ready": ready, "restartCount": restarts,
                "state": state, "lastState": {"terminated": last},
            }],
        });
        let containers = json!([{"name": "app", "resources": {"limits": {"memory": "256Mi"}}}]);
        deployment(
            &mut case,
            "cart",
            json!({"containers": containers, "status": status}),
        );
        if let Some(second) = first_back_off {
            event(
                &mut case,
                "Pod",
                "cart-pod",
                "BackOff",
                "Back-off restarting failed container app",
                second,
            );
        }
        of(&MemoryLimit, &case)
    }

    #[test]
    fn a_kill_of_long_ago_on_a_ready_pod_is_over() {
        let running = |second| json!({"running": {"startedAt": at(second)}});
        let backing_off = || json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let old = -40 * 86_400;
        for (state, last, restarts, ready, fires) in [
            (running(old + 5), kill(old), 3, true, false),
            // Unready for another reason, the container has been running ever since.
            (running(old + 5), kill(old), 3, false, false),
            (running(-295), kill(-300), 1, true, true),
            (backing_off(), kill(60), 9, false, true),
            (backing_off(), kill(old), 9, false, true),
            (json!({"terminated": kill(60)}), Value::Null, 0, false, true),
        ] {
            let found = killed(state.clone(), last.clone(), restarts, ready, None);
            assert_eq!(!found.is_empty(), fires, "{state} after {last}");
        }
    }

    #[test]
    fn the_first_kill_of_a_loop_is_not_the_last_one() {
        let onset = |restarts, back_off| {
            let state = json!({"waiting": {"reason": "CrashLoopBackOff"}});
            killed(state, kill(1200), restarts, false, back_off)[0].onset
        };
        assert_eq!(onset(1, None), Some(at(1200)));
        assert_eq!(onset(20, Some(-10_000)), Some(at(-10_000)));
        // Nothing tells when it began, so nothing is said.
        assert_eq!(onset(20, None), None);
        // The run that ended had begun long before: the restarts are those of other days.
        let end =
            json!({"reason": "OOMKilled", "exitCode": 137, "startedAt": at(-90_000), "finishedAt": at(600)});
        let found = killed(
            json!({"waiting": {"reason": "CrashLoopBackOff"}}),
            end,
            20,
            false,
            None,
        );
        assert_eq!(found[0].onset, Some(at(600)));
    }

    #[test]
    fn a_lowered_limit_is_found_before_the_last_kill_where_the_first_is_unknown() {
        let mut case = case();
        let status = json!({
            "phase": "Running",
            "containerStatuses": [{
                "name": "app", "ready": false, "restartCount": 20,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": kill(1200)},
            }],
        });
        deployment(
            &mut case,
            "cart",
            json!({"containers": [{"name": "app"}], "status": status}),
        );
        let cart = EntityRef::namespaced("Deployment", "shop", "cart");
        let mut change = deploy(&cart, "Deployment/shop/cart@14", -3600);
        change.detail = vec!["containers[app].resources.limits.memory: 1Gi → 256Mi".to_owned()];
        case.changes = vec![change];
        let found = of(&MemoryLimit, &case);
        assert_eq!(found[0].change.as_deref(), Some("Deployment/shop/cart@14"));
        assert_eq!(found[0].onset, Some(at(-3600)));
        // The limit of its neighbour was lowered.
        case.changes[0].detail = vec!["containers[proxy].resources.limits.memory: 1Gi → 256Mi".to_owned()];
        assert!(
            found_clue(&case).is_none(),
            "another container's limit is not to blame"
        );
        // It ran for months with the limit that it has, and began to be killed today.
        case.changes[0].detail = vec!["containers[app].resources.limits.memory: 1Gi → 256Mi".to_owned()];
        case.changes[0].time = at(-150 * 86_400);
        assert!(found_clue(&case).is_none());
    }

    fn found_clue(case: &crate::incident::case::Case) -> Option<f64> {
        super::super::fixture::clue(&of(&MemoryLimit, case)[0], "rollout lowered the limit")
    }
}
