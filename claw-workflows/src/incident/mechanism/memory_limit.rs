//! Containers are killed because they use more memory than they may.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_k8s::model::{ContainerStatus, Object, Pod, Terminated};
use claw_metrics::classify::Measure;
use claw_metrics::signal::{Shape, Signal};

use super::{Area, Mechanism, can_undo, undo};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::degradation;
use crate::incident::facts::Facts;
use crate::incident::witness;

/// Killed for memory: a limit that was lowered or too low, a leak, or more work than before.
#[derive(Clone, Copy, Debug)]
pub(super) struct MemoryLimit;

impl Mechanism for MemoryLimit {
    fn id(&self) -> &'static str {
        "memory_limit"
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut killed: BTreeMap<(EntityRef, String), Vec<(&Pod, &ContainerStatus)>> = BTreeMap::new();
        for pod in facts.pods() {
            for status in pod
                .all_statuses()
                .filter(|status| killed_for_memory(status).is_some())
            {
                killed
                    .entry((facts.workload_of(pod), status.name.clone()))
                    .or_default()
                    .push((pod, status));
            }
        }
        killed
            .into_iter()
            .filter_map(|((workload, container), pods)| candidate(facts, &workload, &container, &pods))
            .collect()
    }
}

/// The termination of a container that was killed for memory.
pub(in crate::incident) fn killed_for_memory(status: &ContainerStatus) -> Option<&Terminated> {
    [&status.state, &status.last_state]
        .into_iter()
        .filter_map(|state| state.terminated.as_ref())
        .find(|end| end.reason == "OOMKilled")
}

fn candidate(
    facts: &Facts<'_>,
    workload: &EntityRef,
    container: &str,
    pods: &[(&Pod, &ContainerStatus)],
) -> Option<Candidate> {
    let (pod, _) = pods.first()?;
    let since = pods
        .iter()
        .filter_map(|(_, status)| killed_for_memory(status)?.finished_at)
        .min();
    let limit = pod
        .container(container)
        .and_then(|c| c.resources.limits.get("memory"))
        .map(|limit| limit.to_string());
    let bound = limit.as_ref().map_or_else(
        || "the node's memory (it has no limit)".to_owned(),
        |limit| format!("its limit of {limit}"),
    );
    let killed = pods.iter().filter_map(|(pod, status)| {
        let end = killed_for_memory(status)?;
        let statement = format!(
            "container {container} was killed for memory at {bound}, exit code {}, {} restarts",
            end.exit_code, status.restart_count
        );
        Some((*pod, end.finished_at, statement))
    });
    let seen = witness::of_pods(facts, killed, |event| event.reason == "OOMKilling");
    let memory = memory_signal(facts, workload, pods);
    let change = facts
        .rollout_before(workload, since, &["resources"])
        .filter(|change| lowers_memory(&change.detail));
    let rollout = facts
        .rollout_before(workload, since, &[])
        .filter(|_| change.is_none());
    let mut candidate = Candidate::new("memory_limit", workload.clone(), String::new())
        .clue("killed for memory", 3.5, seen)
        .since(since)
        .hurting(pods.iter().map(|(pod, _)| pod.entity()));
    let why;
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
    } else if let Some(signal) = memory.filter(|signal| signal.shape == Shape::Trend) {
        why = "its memory grows steadily, as with a leak".to_owned();
        candidate = candidate
            .clue("memory grows steadily", 1.5, vec![degradation::evidence(signal)])
            .since(signal.onset);
        if let Some(rollout) = rollout {
            candidate = candidate
                .clue("grows since a rollout", 0.7, vec![facts.change_evidence(rollout)])
                .brought_by(Some(&rollout.reference));
        }
    } else if let Some(rollout) = rollout
        .filter(|rollout| since.is_some_and(|since| since.duration_since(rollout.time).as_hours() < 24))
    {
        why = format!("it needs more than {bound} since {}", rollout.reference);
        candidate = candidate
            .clue(
                "killed since a rollout",
                0.8,
                vec![facts.change_evidence(rollout)],
            )
            .brought_by(Some(&rollout.reference))
            .since(Some(rollout.time));
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
    if candidate.change.is_some() && can_undo(workload) {
        candidate = candidate.advise(
            Advice::new(format!("Roll {workload} back"), "It ran within its memory before")
                .command(undo(workload)),
        );
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

fn memory_signal<'a>(
    facts: &Facts<'a>,
    workload: &EntityRef,
    pods: &[(&Pod, &ContainerStatus)],
) -> Option<&'a Signal> {
    facts
        .case
        .signals
        .iter()
        .filter(|signal| signal.measure == Measure::Memory && signal.harmful)
        .filter(|signal| {
            signal.entity == *workload || pods.iter().any(|(pod, _)| signal.entity == pod.entity())
        })
        .max_by(|a, b| a.score.total_cmp(&b.score))
}

/// Whether a difference (`path: old → new`, one field a line) lowers a memory limit.
fn lowers_memory(detail: &[String]) -> bool {
    detail
        .iter()
        .filter(|line| line.contains("limits") && line.contains("memory"))
        .any(|line| {
            let Some((_, values)) = line.rsplit_once(": ") else {
                return false;
            };
            let Some((old, new)) = values.split_once('→') else {
                return false;
            };
            let size = |text: &str| {
                text.trim()
                    .trim_matches('"')
                    .parse::<claw_k8s::quantity::Memory>()
                    .ok()
            };
            matches!((size(old), size(new)), (Some(old), Some(new)) if new < old)
        })
}

#[cfg(test)]
mod tests {
    use super::lowers_memory;

    #[test]
    fn sees_that_a_limit_was_lowered() {
        let line = |text: &str| vec![text.to_owned()];
        assert!(lowers_memory(&line(
            "containers[app].resources.limits.memory: 1Gi → 256Mi"
        )));
        assert!(!lowers_memory(&line(
            "containers[app].resources.limits.memory: 256Mi → 1Gi"
        )));
        assert!(!lowers_memory(&line(
            "containers[app].resources.requests.cpu: 1 → 500m"
        )));
        assert!(!lowers_memory(&line(
            "containers[app].resources.limits.memory: nonsense"
        )));
    }
}
