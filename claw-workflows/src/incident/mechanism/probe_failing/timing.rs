//! What the lengths of runs say of the probes that ended them.

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{ContainerStatus, Event, Object as _, Pod, Terminated};

use super::super::{brought, probe_kill};
use super::Kind;
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::difference::is_about;
use crate::incident::ending::{ending, ends_since};
use crate::incident::facts::Facts;
use crate::incident::witness;

/// Pods of which each run ended when the probe ran out of patience, and that were never ready: what is started needs
/// longer. Only a liveness probe without a startup probe beside it, or a startup probe, cuts starts short.
pub(super) fn never_had_time(
    facts: &Facts<'_>,
    kind: Kind,
    pods: &[(&Pod, &Event)],
) -> Option<Vec<Evidence>> {
    if kind == Kind::Readiness {
        return None;
    }
    let mut short = Vec::new();
    for (pod, _) in pods {
        for (status, end) in runs(facts, pod) {
            if probe_kill::ran_out_of_time(pod, status, end) {
                short.push((*pod, end.finished_at, statement(status, end)));
            }
        }
    }
    (!short.is_empty()).then(|| witness::of_pods(facts, short, |_| false))
}

/// A workload whose runs end as those do whose probe never passes, where no event says why any more.
pub(super) fn without_events(facts: &Facts<'_>, workload: &EntityRef, pods: &[&Pod]) -> Option<Candidate> {
    let mut ended = Vec::new();
    let mut first = None;
    for pod in pods.iter().filter(|pod| !pod.is_finished()) {
        for (status, end) in runs(facts, pod) {
            if probe_kill::ran_out_of_time(pod, status, end) {
                let since = ends_since(facts, pod, status, end);
                first = first.into_iter().chain(since).min();
                ended.push((*pod, end.finished_at, statement(status, end)));
            }
        }
    }
    let (pod, last, _) = ended.first().cloned()?;
    let hurt: Vec<EntityRef> = ended.iter().map(|(pod, ..)| pod.entity()).collect();
    let mut candidate = Candidate::new(
        "probe_failing",
        workload.clone(),
        format!(
            "the containers of {workload} are ended as often as their probe has them ended, and never pass it"
        ),
    )
    .aspect("runs")
    .clue(
        "its runs last as long as its probe allows",
        2.2,
        witness::of_pods(facts, ended, |event| event.reason == "BackOff"),
    )
    .since(first)
    .hurting(hurt)
    .derived(0.6)
    .unseen("what the probe was answered: its events are gone");
    let change = brought::newest(facts, workload, Some(&pod.spec), first.or(last)).filter(|change| {
        change
            .detail
            .iter()
            .any(|line| is_about(line, "Probe") || is_about(line, "containerPort"))
    });
    if let Some(change) = change {
        candidate = brought::blame(
            facts,
            candidate,
            change,
            ("rollout changed the probe", 2.0),
            "The probe before passed",
        )
        .derived(0.1);
    }
    Some(candidate.advise(Advice::new(
        format!("Give {workload} a startup probe with the time that it needs, and see what its probes are answered"),
        "The kubelet restarts the container whenever the probe fails",
    )))
}

fn runs<'p>(facts: &Facts<'_>, pod: &'p Pod) -> Vec<(&'p ContainerStatus, &'p Terminated)> {
    pod.status
        .container_statuses
        .iter()
        .filter_map(|status| Some((status, ending(facts, pod, status, |_| true)?)))
        .collect()
}

fn statement(status: &ContainerStatus, end: &Terminated) -> String {
    format!(
        "container {} ran for {} s and was ended with exit code {}, {} restarts",
        status.name,
        probe_kill::lasted(end).unwrap_or_default(),
        end.exit_code,
        status.restart_count
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::Mechanism as _;
    use super::super::ProbeFailing;
    use crate::incident::facts::Facts;
    use crate::incident::testing::{at, case, deployment};

    fn found(seconds: i64, code: i64) -> usize {
        let mut case = case();
        let end = json!({
            "exitCode": code, "reason": "Error", "startedAt": at(600 - seconds), "finishedAt": at(600),
        });
        let status = json!({
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": at(-1200)}],
            "containerStatuses": [{
                "name": "app", "ready": false, "restartCount": 12,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": end},
            }],
        });
        let probe = json!({"httpGet": {"path": "/", "port": 80}, "periodSeconds": 10, "failureThreshold": 3});
        let containers = json!([{"name": "app", "livenessProbe": probe}]);
        deployment(
            &mut case,
            "cart",
            json!({"containers": containers, "status": status}),
        );
        ProbeFailing.candidates(&Facts::new(&case)).len()
    }

    #[test]
    fn runs_that_end_with_the_patience_of_the_probe_speak_for_it_without_events() {
        assert_eq!(found(33, 137), 1);
        assert_eq!(found(2, 137), 0);
        assert_eq!(found(33, 1), 0);
    }
}
