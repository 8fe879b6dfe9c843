//! No file descriptors, threads or processes left.

mod watches;

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_k8s::model::Condition;
use claw_metrics::classify::Measure;
use claw_metrics::logs::indicators::Indicator;

use super::said::{Said, said};
use super::wording::wording;
use super::{Area, Mechanism, brought};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::degradation;
use crate::incident::facts::{Facts, clip};
use crate::incident::logs::Pattern;
use watches::Watches;

/// A process may open no more files and sockets, or start no more threads and processes.
///
/// Its candidates carry the id of what is used up: `file_descriptors_exhausted` or `threads_exhausted`.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandlesExhausted;

impl Mechanism for HandlesExhausted {
    fn id(&self) -> &'static str {
        "handles_exhausted"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &["file_descriptors_exhausted", "threads_exhausted"]
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let watches = Watches::of(facts);
        let mut takers = BTreeSet::new();
        let taken: Vec<Candidate> = watches
            .iter()
            .filter_map(|watches| watches.candidate(facts))
            // What runs on several nodes is one cause of all that they lack.
            .filter(|taken| takers.insert(taken.entity.clone()))
            .collect();
        let own = [Handle::File, Handle::Thread].into_iter().flat_map(|handle| {
            let told = said(facts, |pattern| Handle::named_in(pattern) == Some(handle));
            let told = told.into_iter().map(|said| {
                let of_node =
                    handle == Handle::File && watches.iter().any(|watches| watches.have(&said.workload));
                (of_node, candidate(facts, handle, &said, of_node))
            });
            told.collect::<Vec<_>>()
        });
        // Who took them is not its own victim.
        let own = own.filter(|(of_node, own)| !of_node || !takers.contains(&own.entity));
        let mut found: Vec<Candidate> = own.map(|(_, own)| own).collect();
        found.extend(taken);
        found
    }
}

/// What is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handle {
    File,
    Thread,
}

impl Handle {
    fn named_in(pattern: &Pattern) -> Option<Self> {
        if !pattern.indicates(&[Indicator::HandlesExhausted]) {
            return None;
        }
        let has = wording(&pattern.sample);
        if has(&["open files", "emfile", "enfile", "inotify", "file table"]) {
            Some(Self::File)
        } else if has(&[
            "native thread",
            "new thread",
            "os thread",
            "thread limit",
            "pthread_create",
            "fork:",
            "fork()",
            "fork failed",
            "cannot fork",
            "pids limit",
            "pid limit",
        ]) {
            Some(Self::Thread)
        } else {
            // EAGAIN by itself is said of many things.
            None
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::File => "file_descriptors_exhausted",
            Self::Thread => "threads_exhausted",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::File => "may open no more files and sockets",
            Self::Thread => "may start no more threads or processes",
        }
    }
}

fn candidate(facts: &Facts<'_>, handle: Handle, said: &Said<'_>, of_node: bool) -> Candidate {
    let workload = &said.workload;
    let since = said.since(facts);
    let ends = said.ends(facts);
    let mut candidate = Candidate::new(
        handle.id(),
        workload.clone(),
        format!("{workload} {}: {}", handle.words(), clip(said.sample(), 200)),
    )
    .clue("process says that none are left", 3.8, said.evidence(facts))
    .since(since)
    .hurting(said.hurt(facts))
    .derived(0.2);
    if !ends.is_empty() {
        candidate = candidate.clue("its container ends over it", 0.5, ends);
    }
    let held = facts
        .case
        .signals
        .iter()
        .filter(|signal| matches!(signal.measure, Measure::Handles | Measure::Connections) && signal.harmful)
        .filter(|signal| facts.unit_of(&signal.entity) == *workload)
        .max_by(|a, b| a.score.total_cmp(&b.score));
    if let Some(signal) = held {
        candidate = candidate
            .clue("it holds more and more", 1.0, vec![degradation::evidence(signal)])
            .since(signal.onset);
    }
    // On a node without process ids nobody starts anything.
    let pods = said.pods();
    let node = pods
        .iter()
        .filter_map(|pod| facts.node(&facts.pod(pod)?.spec.node_name))
        .find(|node| node.condition("PIDPressure").is_some_and(Condition::is_true));
    if handle == Handle::Thread && node.is_some() {
        candidate = candidate.derived(0.8);
    }
    if of_node {
        // Others of the node are told the same, whatever was changed here.
        return candidate.derived(0.9).advise(restart(workload));
    }
    let spec = pods.iter().find_map(|pod| Some(&facts.pod(pod)?.spec));
    if let Some(change) = brought::newest(facts, workload, spec, since.or(facts.case.began)) {
        candidate = brought::blame(
            facts,
            candidate,
            change,
            ("none left since a change", 1.0),
            "It kept within its limits before",
        );
    }
    candidate.advise(restart(workload))
}

fn restart(workload: &EntityRef) -> Advice {
    Advice::new(
        format!("Restart {workload}, and find what it opens and does not close"),
        "A restart frees what is held; it fills up again until the leak is closed or the limit is raised",
    )
    .command(format!(
        "kubectl -n {} rollout restart {}/{}",
        workload.namespace.as_deref().unwrap_or("default"),
        workload.kind.to_lowercase(),
        workload.name
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::log;
    use super::HandlesExhausted;
    use crate::incident::testing::{case, deployment, of};

    fn ids(text: &str) -> Vec<&'static str> {
        let mut case = case();
        deployment(&mut case, "cart", json!({"containers": [{"name": "app"}]}));
        log(&mut case, "cart-pod", text);
        of(&HandlesExhausted, &case)
            .iter()
            .map(|candidate| candidate.mechanism)
            .collect()
    }

    #[test]
    fn files_and_threads_are_told_apart() {
        for (text, id) in [
            ("accept4: too many open files", "file_descriptors_exhausted"),
            (
                "OSError: [Errno 24] Too many open files: '/tmp/x'",
                "file_descriptors_exhausted",
            ),
            (
                "Error: EMFILE: too many open files, open '/app/a.json'",
                "file_descriptors_exhausted",
            ),
            (
                "User limit of inotify instances reached or too many open files",
                "file_descriptors_exhausted",
            ),
            (
                "java.lang.OutOfMemoryError: unable to create native thread",
                "threads_exhausted",
            ),
            ("RuntimeError: can't start new thread", "threads_exhausted"),
            (
                "runtime: failed to create new OS thread (have 12 already; errno=11) pthread_create failed: Resource temporarily unavailable",
                "threads_exhausted",
            ),
            (
                "sh: fork: retry: Resource temporarily unavailable",
                "threads_exhausted",
            ),
        ] {
            assert_eq!(ids(text), [id], "{text}");
        }
        assert!(ids("recv: Resource temporarily unavailable").is_empty());
        assert!(ids("connection refused").is_empty());
        // Words of other sentences that hold those of this one.
        assert!(
            ids("error processing clone of forked-app: recv: Resource temporarily unavailable").is_empty()
        );
    }
}
