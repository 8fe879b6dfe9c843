//! An init container does not end, and nothing else of the pod starts.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{Object, Pod};

use super::rollback::roll_back;
use super::{Area, Mechanism, brought};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::Target;
use crate::incident::facts::Facts;
use crate::incident::init::{Blocked, blocked};
use crate::incident::witness;

/// An init container that waits for something, or hangs. What it waits for is the cause where that is in trouble, and the
/// graph says so; a name that nobody has is a cause of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct InitContainerBlocked;

impl Mechanism for InitContainerBlocked {
    fn id(&self) -> &'static str {
        "init_container_blocked"
    }

    fn area(&self) -> Area {
        Area::PodStart
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut held: BTreeMap<(EntityRef, &str), Vec<(&Pod, Blocked<'_>)>> = BTreeMap::new();
        for pod in facts.pods() {
            if let Some(blocked) = blocked(facts, pod) {
                held.entry((facts.workload_of(pod), blocked.status.name.as_str()))
                    .or_default()
                    .push((pod, blocked));
            }
        }
        held.into_iter()
            .filter_map(|((workload, container), pods)| candidate(facts, &workload, container, &pods))
            .collect()
    }
}

fn candidate(
    facts: &Facts<'_>,
    workload: &EntityRef,
    container: &str,
    pods: &[(&Pod, Blocked<'_>)],
) -> Option<Candidate> {
    let (pod, first) = pods.first()?;
    let since = pods.iter().map(|(_, blocked)| blocked.since).min();
    let absent: Vec<&str> = first
        .waits_for
        .values()
        .filter_map(|target| match target {
            Target::Absent(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let waits_for: Vec<&str> = first.waits_for.keys().map(String::as_str).collect();
    let what = match (absent.as_slice(), waits_for.as_slice()) {
        ([name, ..], _) => format!("waits for {name}, which does not exist"),
        ([], []) => "does not end".to_owned(),
        ([], names) => format!("waits for {}", names.join(", ")),
    };
    let witnesses = pods.iter().map(|(pod, blocked)| {
        let statement = format!(
            "init container {container} runs since {}, and the others wait",
            blocked.since
        );
        (*pod, Some(blocked.since), statement)
    });
    let seen = witness::of_pods(facts, witnesses, |_| false);
    let mut candidate = Candidate::new(
        "init_container_blocked",
        workload.clone(),
        format!("init container {container} of {workload} {what}, so its pods do not start"),
    )
    .aspect(container)
    .clue("an init container does not end", 2.2, seen)
    .since(since)
    .hurting(pods.iter().map(|(pod, _)| pod.entity()))
    .derived(if absent.is_empty() { 0.9 } else { 0.2 });
    if !absent.is_empty() {
        let statement = format!("init container {container} asks for {}", absent.join(", "));
        let seen = vec![facts.object(*pod, since, statement)];
        candidate = candidate.clue("no Service has the name that it waits for", 2.2, seen);
    }
    let said = log(facts, pods, container);
    if !said.is_empty() {
        candidate = candidate.clue("it says that it waits", 0.7, said);
    }
    if let Some(change) = facts.rollout_before(workload, since, &[]) {
        candidate = candidate
            .clue(
                brought::since_rollout(facts, change, "does not end since a rollout"),
                0.8,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference));
        let back = roll_back(facts, workload, change, "The revision before started");
        candidate.advice.extend(back);
    }
    let namespace = pod.metadata.ns();
    let advice = match (absent.first(), waits_for.first()) {
        (Some(name), _) => Advice::new(
            format!(
                "Correct the host that init container {container} waits for, or create the Service {name}"
            ),
            "It ends when it can reach it",
        )
        .command(format!("kubectl -n {namespace} get services")),
        (None, Some(host)) => Advice::new(
            format!("Look at {host}, which init container {container} waits for"),
            "The pod goes on starting as soon as it answers",
        )
        .command(format!(
            "kubectl -n {namespace} logs {} -c {container}",
            pod.metadata.name
        )),
        (None, None) => Advice::new(
            format!("Read what init container {container} does, and why it does not end"),
            "The pod's other containers start only after it has ended well",
        )
        .command(format!(
            "kubectl -n {namespace} logs {} -c {container}",
            pod.metadata.name
        )),
    };
    Some(candidate.advise(advice))
}

fn log(facts: &Facts<'_>, pods: &[(&Pod, Blocked<'_>)], container: &str) -> Vec<Evidence> {
    pods.iter()
        .flat_map(|(pod, _)| facts.logs_of(&pod.entity()))
        .filter(|digest| digest.container == container)
        .flat_map(|digest| {
            digest
                .patterns
                .iter()
                .map(|pattern| facts.log_evidence(digest, pattern))
        })
        .take(2)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::InitContainerBlocked;
    use crate::incident::candidate::Candidate;
    use crate::incident::testing::{at, case, deployment, object, of};

    fn found(host: &str, started: i64, sidecar: bool) -> Vec<Candidate> {
        let mut case = case();
        case.objects.services.push(object(
            "orders-db",
            json!({"spec": {"selector": {"app": "orders-db"}}}),
        ));
        let status = json!({
            "phase": "Pending",
            "initContainerStatuses": [{"name": "wait", "state": {"running": {"startedAt": at(started)}}}],
            "containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "PodInitializing"}}}],
        });
        deployment(
            &mut case,
            "orders",
            json!({"containers": [{"name": "app"}], "status": status}),
        );
        let policy = if sidecar { "Always" } else { "" };
        let command = format!("until nc -z {host} 5432; do sleep 2; done");
        case.objects.pods[0].spec.init_containers = serde_json::from_value(
            json!([{"name": "wait", "restartPolicy": policy, "command": ["sh", "-c", command]}]),
        )
        .unwrap();
        of(&InitContainerBlocked, &case)
    }

    #[test]
    fn a_name_that_nobody_has_is_the_cause() {
        let absent = found("order-db", 0, false);
        assert!(
            absent[0].cause.contains("order-db, which does not exist"),
            "{}",
            absent[0].cause
        );
        let known = found("orders-db", 0, false);
        assert!(known[0].derived > absent[0].derived && known[0].own_score() < absent[0].own_score());
    }

    #[test]
    fn a_short_wait_and_a_sidecar_hold_nothing_up() {
        assert!(found("orders-db", 1700, false).is_empty());
        assert!(found("orders-db", 0, true).is_empty());
    }
}
