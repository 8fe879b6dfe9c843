//! What workloads log of their own troubles: of those that no other is named for.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{ContainerStatus, Object as _, Pod, Terminated};
use jiff::Timestamp;

use crate::incident::ending::{ending, ends_since};
use crate::incident::facts::Facts;
use crate::incident::logs::{Digest, Pattern};

/// Entries that a clue names at most.
const MAX_ENTRIES: usize = 20;

/// Entries of one workload that say the same.
#[derive(Clone, Debug)]
pub(super) struct Said<'a> {
    /// Whose containers wrote them.
    pub(super) workload: EntityRef,
    /// The entries.
    pub(super) entries: Vec<(&'a Digest, &'a Pattern)>,
}

impl Said<'_> {
    /// When it was first said. `None` where the log began in the middle of it. Of a container that ended several times only
    /// the last words are kept: what counts then is when it began to end.
    pub(super) fn since(&self, facts: &Facts<'_>) -> Option<Timestamp> {
        let runs = self.runs(facts);
        let ended = runs
            .iter()
            .filter_map(|(pod, status, end)| ends_since(facts, pod, status, end))
            .min();
        if runs.iter().any(|(_, status, _)| status.restart_count > 1) {
            return ended;
        }
        let first = self.entries.iter().filter_map(|(_, pattern)| pattern.first);
        first.chain(ended).min()
    }

    /// The entries as evidence.
    pub(super) fn evidence(&self, facts: &Facts<'_>) -> Vec<Evidence> {
        let entries = self.entries.iter().take(MAX_ENTRIES);
        entries
            .map(|(digest, pattern)| facts.log_evidence(digest, pattern))
            .collect()
    }

    /// The entry that was written most often.
    pub(super) fn sample(&self) -> &str {
        let often = self.entries.iter().max_by_key(|(_, pattern)| pattern.count);
        often.map_or("", |(_, pattern)| pattern.sample.as_str())
    }

    /// The pods that wrote them.
    pub(super) fn pods(&self) -> BTreeSet<&EntityRef> {
        self.entries.iter().map(|(digest, _)| &digest.pod).collect()
    }

    /// The states of containers that wrote such an entry and ended with an error.
    pub(super) fn ends(&self, facts: &Facts<'_>) -> Vec<Evidence> {
        let runs = self.runs(facts).into_iter().take(MAX_ENTRIES);
        runs.map(|(pod, status, end)| {
            let statement = format!(
                "container {} ended with exit code {} ({}), {} restarts",
                status.name, end.exit_code, end.reason, status.restart_count
            );
            facts.object(pod, end.finished_at, statement)
        })
        .collect()
    }

    /// The runs of containers that wrote such an entry and ended with an error.
    fn runs<'f>(&self, facts: &Facts<'f>) -> Vec<(&'f Pod, &'f ContainerStatus, &'f Terminated)> {
        let mut seen = BTreeSet::new();
        let digests = self.entries.iter().map(|(digest, _)| digest);
        digests
            .filter(|digest| seen.insert((&digest.pod, &digest.container)))
            .filter_map(|digest| {
                let pod = facts.pod(&digest.pod)?;
                let mut statuses = pod.all_statuses();
                let status = statuses.find(|status| status.name == digest.container)?;
                Some((pod, status, ending(facts, pod, status, |end| end.exit_code != 0)?))
            })
            .collect()
    }

    /// What these entries are about hurts the workload, and the pods that wrote them.
    pub(super) fn hurt(&self, facts: &Facts<'_>) -> Vec<EntityRef> {
        let pods = self.pods().into_iter().filter_map(|pod| facts.pod(pod));
        pods.map(|pod| pod.entity()).collect()
    }
}

/// The entries for which `test` holds, by workload, in the order of their names.
pub(super) fn said<'a>(facts: &Facts<'a>, test: impl Fn(&Pattern) -> bool) -> Vec<Said<'a>> {
    let mut found: BTreeMap<EntityRef, Vec<(&'a Digest, &'a Pattern)>> = BTreeMap::new();
    for digest in &facts.case.logs {
        for pattern in digest.patterns.iter().filter(|pattern| test(pattern)) {
            found
                .entry(facts.unit_of(&digest.pod))
                .or_default()
                .push((digest, pattern));
        }
    }
    found
        .into_iter()
        .map(|(workload, entries)| Said { workload, entries })
        .collect()
}
