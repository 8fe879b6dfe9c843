//! A language runtime has no memory left within what it was given.

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use claw_k8s::model::Pod;
use claw_metrics::classify::Measure;
use claw_metrics::logs::indicators::{Indicator, collects_in_vain};
use claw_metrics::signal::{Shape, Signal};

use super::said::{Said, said};
use super::{Area, Mechanism, brought, limits, process_killed};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::degradation;
use crate::incident::ending::killed_for_memory;
use crate::incident::facts::{Facts, clip};

/// Collections that leave a heap full happen now and then. Fewer say nothing.
const FEW: u64 = 3;

/// The heap of a virtual machine, or what a runtime may allocate, is used up: `OutOfMemoryError`, `heap out of memory`,
/// `MemoryError`. The kernel kills nobody; who goes on collects garbage and answers late until then.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeapExhausted;

impl Mechanism for HeapExhausted {
    fn id(&self) -> &'static str {
        "heap_exhausted"
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        said(facts, |pattern| {
            // A thread that cannot be made is told as a want of memory, too.
            pattern.indicates(&[Indicator::OutOfMemory])
                && !pattern.indicates(&[Indicator::HandlesExhausted])
                && !process_killed::tells(pattern)
                && (pattern.count >= FEW || !collects_in_vain(&pattern.sample))
        })
        .iter()
        .filter_map(|said| candidate(facts, said))
        .collect()
    }
}

fn candidate(facts: &Facts<'_>, said: &Said<'_>) -> Option<Candidate> {
    let workload = &said.workload;
    let pods: Vec<&Pod> = said.pods().into_iter().filter_map(|pod| facts.pod(pod)).collect();
    if any_killed(facts, &pods) {
        // The limit of the container was reached first: that is what is to be told.
        return None;
    }
    let since = said.since(facts);
    let ends = said.ends(facts);
    let mut candidate = Candidate::new(
        "heap_exhausted",
        workload.clone(),
        format!(
            "{workload} has no memory left within its own heap: {}",
            clip(said.sample(), 200)
        ),
    )
    .clue("runtime is out of memory", 3.0, said.evidence(facts))
    .since(since)
    .hurting(said.hurt(facts))
    .derived(0.2);
    if !ends.is_empty() {
        candidate = candidate.clue("its container ends over it", 0.8, ends);
    }
    if let Some(signal) = of(facts, workload, Measure::Pauses) {
        candidate = candidate.clue(
            "collects garbage for longer",
            0.8,
            vec![degradation::evidence(signal)],
        );
    }
    if let Some(signal) = of(facts, workload, Measure::Memory).filter(|signal| signal.shape == Shape::Trend) {
        candidate = candidate
            .clue("memory grows steadily", 0.8, vec![degradation::evidence(signal)])
            .since(signal.onset);
    }
    let spec = pods.first().map(|pod| &pod.spec);
    let change = brought::newest(facts, workload, spec, since.or(facts.case.began));
    candidate = match change {
        Some(change) if sets_memory(change) => brought::blame(
            facts,
            candidate,
            change,
            ("a change of its memory settings came before", 1.8),
            "It ran within its memory with the settings before",
        ),
        Some(change) => brought::blame(
            facts,
            candidate,
            change,
            ("out of memory since a change", 1.0),
            "It ran within its memory before",
        ),
        None => candidate,
    };
    let limit = pods
        .first()
        .zip(said.entries.first())
        .and_then(|(pod, (digest, _))| limits::limit(pod, &digest.container, "memory"));
    let within = limit.map_or_else(String::new, |limit| {
        format!(", within the container's limit of {limit}")
    });
    Some(candidate.advise(Advice::new(
        format!("Give the runtime of {workload} more heap{within}, or find what fills it (take a heap dump)"),
        "It fails when its heap is full, whatever memory the container has left",
    )))
}

/// Whether the kernel killed a container of these pods for its memory.
pub(super) fn any_killed(facts: &Facts<'_>, pods: &[&Pod]) -> bool {
    pods.iter().any(|pod| {
        let mut statuses = pod.all_statuses();
        statuses.any(|status| killed_for_memory(facts, pod, status).is_some())
    })
}

fn of<'a>(facts: &Facts<'a>, workload: &EntityRef, measure: Measure) -> Option<&'a Signal> {
    facts
        .case
        .signals
        .iter()
        .filter(|signal| signal.measure == measure && signal.harmful)
        .filter(|signal| facts.unit_of(&signal.entity) == *workload)
        .max_by(|a, b| a.score.total_cmp(&b.score))
}

/// Whether a change is about how much memory a runtime takes.
fn sets_memory(change: &Change) -> bool {
    const SETTINGS: [&str; 8] = [
        "xmx",
        "maxram",
        "heap",
        "old-space",
        "memory",
        "java_opts",
        "java_tool_options",
        "gomemlimit",
    ];
    change.detail.iter().any(|line| {
        let line = line.to_ascii_lowercase();
        SETTINGS.iter().any(|setting| line.contains(setting))
    })
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::super::fixture::{clue, log};
    use super::HeapExhausted;
    use crate::incident::case::Case;
    use crate::incident::testing::{at, case, deploy, deployment, of};

    fn world(text: &str, reason: &str, code: i64) -> Case {
        let mut case = case();
        let end = json!({"exitCode": code, "reason": reason, "startedAt": at(-900), "finishedAt": at(-60)});
        let status = json!({
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": at(-60)}],
            "containerStatuses": [{
                "name": "app", "ready": false, "restartCount": 1,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": end},
            }],
        });
        deployment(
            &mut case,
            "cart",
            json!({"containers": [{"name": "app"}], "status": status}),
        );
        log(&mut case, "cart-pod", text);
        case
    }

    #[test]
    fn runtimes_of_several_languages_say_so() {
        for text in [
            "java.lang.OutOfMemoryError: Java heap space",
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            "MemoryError",
            "fatal error: runtime: out of memory",
            "System.OutOfMemoryException: Exception of type 'System.OutOfMemoryException' was thrown.",
            "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 8192 bytes)",
        ] {
            let found = of(&HeapExhausted, &world(text, "Error", 1));
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(clue(&found[0], "its container ends over it"), Some(0.8));
        }
    }

    #[test]
    fn who_is_killed_by_the_kernel_or_lacks_threads_has_another_trouble() {
        let heap = "java.lang.OutOfMemoryError: Java heap space";
        assert!(of(&HeapExhausted, &world(heap, "OOMKilled", 137)).is_empty());
        let worker = "Worker (pid:135) was sent SIGKILL! Perhaps out of memory?";
        assert!(of(&HeapExhausted, &world(worker, "Error", 1)).is_empty());
        let threads = "java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory";
        assert!(of(&HeapExhausted, &world(threads, "Error", 1)).is_empty());
        assert!(of(&HeapExhausted, &world("connection refused", "Error", 1)).is_empty());
    }

    #[test]
    fn a_change_of_the_heap_weighs_more_than_another() {
        let cart = EntityRef::namespaced("Deployment", "shop", "cart");
        for (detail, weight) in [
            ("containers[app].env[JAVA_OPTS]: -Xmx1g → -Xmx256m", 1.8),
            ("containers[app].image: cart:1 → cart:2", 1.0),
        ] {
            let mut case = world("java.lang.OutOfMemoryError: Java heap space", "Error", 1);
            let mut change = deploy(&cart, "Deployment/shop/cart@4", -1200);
            change.detail = vec![detail.to_owned()];
            case.changes = vec![change];
            let found = of(&HeapExhausted, &case);
            assert_eq!(found[0].change.as_deref(), Some("Deployment/shop/cart@4"));
            assert!(
                found[0].clues.iter().any(|clue| clue.log_odds == weight),
                "{detail}"
            );
        }
    }
}
