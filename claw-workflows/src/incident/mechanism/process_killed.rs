//! Processes that a container starts besides its first one are killed.

use claw_k8s::model::Pod;
use claw_metrics::logs::indicators::Indicator;

use super::heap_exhausted::any_killed;
use super::said::{Said, said};
use super::{Area, Mechanism, limits};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};
use crate::incident::logs::Pattern;

/// Workers of a pre-forking server (gunicorn, uWSGI, Celery, PHP-FPM) end by SIGKILL, for want of memory as a rule. The
/// container goes on, so that its state tells nothing: the first process starts others in their place.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProcessKilled;

impl Mechanism for ProcessKilled {
    fn id(&self) -> &'static str {
        "process_killed"
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        said(facts, tells)
            .iter()
            .filter_map(|said| candidate(facts, said))
            .collect()
    }
}

/// Whether an entry says that a worker was killed.
pub(super) fn tells(pattern: &Pattern) -> bool {
    let text = pattern.sample.to_ascii_lowercase();
    ["worker", "child"].iter().any(|process| text.contains(process))
        && ["sigkill", "signal 9"].iter().any(|signal| text.contains(signal))
}

fn candidate(facts: &Facts<'_>, said: &Said<'_>) -> Option<Candidate> {
    let workload = &said.workload;
    let pods: Vec<&Pod> = said.pods().into_iter().filter_map(|pod| facts.pod(pod)).collect();
    if any_killed(facts, &pods) {
        // The state of the container says so with more certainty.
        return None;
    }
    let for_memory = said
        .entries
        .iter()
        .any(|(_, pattern)| pattern.indicates(&[Indicator::OutOfMemory]));
    let limit = pods
        .first()
        .zip(said.entries.first())
        .and_then(|(pod, (digest, _))| limits::limit(pod, &digest.container, "memory"));
    let bound = limit.map_or_else(
        || "the memory limit of its container".to_owned(),
        |limit| format!("its limit of {limit}"),
    );
    let candidate = Candidate::new(
        "process_killed",
        workload.clone(),
        format!(
            "workers of {workload} are killed, probably for reaching {bound}: {}",
            clip(said.sample(), 200)
        ),
    )
    .clue(
        "workers are killed",
        if for_memory { 2.8 } else { 2.2 },
        said.evidence(facts),
    )
    .since(said.since(facts))
    .hurting(said.hurt(facts))
    .derived(0.2)
    .unseen("memory use of its containers, which tells a kill for memory from one for a time-out");
    Some(candidate.advise(Advice::new(
        format!(
            "Compare the memory use of {workload} with {bound}; raise the limit, or run fewer workers in it"
        ),
        "A worker that needs more than is left is killed in the middle of its requests",
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{deployment, log};
    use super::ProcessKilled;
    use crate::incident::testing::{self, at, case, of};

    fn blamed(text: &str, reason: &str) -> Vec<String> {
        let mut case = case();
        let end = json!({"exitCode": 137, "reason": reason, "startedAt": at(-900), "finishedAt": at(-60)});
        let status = json!({
            "phase": "Running",
            "containerStatuses": [{
                "name": "app", "ready": false, "restartCount": 1,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": end},
            }],
        });
        testing::deployment(
            &mut case,
            "cart",
            json!({"containers": [{"name": "app"}], "status": status}),
        );
        log(&mut case, "cart-pod", text);
        let found = of(&ProcessKilled, &case);
        found
            .iter()
            .map(|candidate| candidate.entity.to_string())
            .collect()
    }

    #[test]
    fn servers_tell_of_their_workers() {
        for text in [
            "Worker (pid:135) was sent SIGKILL! Perhaps out of memory?",
            "DAMN ! worker 1 (pid: 12) died, killed by signal 9 :( trying respawn ...",
            "Process 'ForkPoolWorker-1' pid:12 exited with 'signal 9 (SIGKILL)'",
            "[pool www] child 12 exited on signal 9 (SIGKILL) after 31.2 seconds from start",
        ] {
            assert_eq!(blamed(text, "Error"), [deployment("cart").to_string()], "{text}");
            assert!(blamed(text, "OOMKilled").is_empty(), "{text}");
        }
        for text in [
            "Worker (pid:135) was sent SIGTERM!",
            "MemoryError",
            "worker timed out",
        ] {
            assert!(blamed(text, "Error").is_empty(), "{text}");
        }
    }
}
