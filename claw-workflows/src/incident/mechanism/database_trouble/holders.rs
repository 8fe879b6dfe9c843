//! Jobs that hold locks for which the users of a database wait.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{Object, Pod, PodSpec, Workload};
use jiff::{SignedDuration, Timestamp};

use super::super::databases::Databases;
use super::super::named_hosts::called;
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::Complaint;
use crate::incident::facts::{Facts, SKEW};

/// How long before the first complaint a job may have started to be the one that holds the locks.
const BEFORE: SignedDuration = SignedDuration::from_hours(2);

/// Who waits for a database.
pub(super) struct Waiting<'w, 'a> {
    /// What is said of it.
    pub(super) complaint: &'w Complaint<'a>,
    /// Who says it.
    pub(super) users: &'w BTreeSet<EntityRef>,
    /// Since when.
    pub(super) since: Timestamp,
    /// Whether it is locks that they name, and not only that statements take too long.
    pub(super) named: bool,
}

/// One run of a Job.
struct Run<'a> {
    job: EntityRef,
    spec: &'a PodSpec,
    began: Timestamp,
    ended: Option<Timestamp>,
    /// Its pod, or the Job where that is gone.
    seen: Seen<'a>,
}

enum Seen<'a> {
    Pod(&'a Pod),
    Job(&'a Workload),
}

impl Run<'_> {
    fn evidence(&self, facts: &Facts<'_>, statement: String) -> Evidence {
        match self.seen {
            Seen::Pod(pod) => facts.object(pod, Some(self.began), statement),
            Seen::Job(job) => facts.object(job, Some(self.began), statement),
        }
    }
}

/// Jobs that use the database and began shortly before the others had to wait.
pub(super) fn holders(
    facts: &Facts<'_>,
    databases: &Databases,
    database: &EntityRef,
    waiting: &Waiting<'_, '_>,
) -> Vec<Candidate> {
    runs(facts)
        .iter()
        .filter(|run| {
            let age = waiting.since.duration_since(run.began);
            age <= BEFORE && age >= -SKEW && run.ended.is_none_or(|ended| ended >= waiting.since)
        })
        .filter_map(|run| candidate(facts, databases, database, waiting, run))
        .collect()
}

/// The runs that are known, by their pods, or by the Job where those are gone.
fn runs<'a>(facts: &Facts<'a>) -> Vec<Run<'a>> {
    let by_pod = facts.pods().filter_map(|pod| {
        let owner = pod.metadata.controller().filter(|owner| owner.kind == "Job")?;
        let ended = pod
            .all_statuses()
            .filter_map(|status| status.state.terminated.as_ref()?.finished_at)
            .max();
        Some(Run {
            job: EntityRef::namespaced("Job", pod.metadata.ns(), &owner.name),
            spec: &pod.spec,
            began: pod.status.start_time.or(pod.metadata.creation_timestamp)?,
            ended,
            seen: Seen::Pod(pod),
        })
    });
    let mut found: Vec<Run<'a>> = by_pod.collect();
    let with_pods: BTreeSet<EntityRef> = found.iter().map(|run| run.job.clone()).collect();
    let workloads = facts.case.objects.workloads.iter();
    let rest = workloads.filter(|job| job.kind == "Job" && !with_pods.contains(&job.entity()));
    found.extend(rest.filter_map(|job| {
        let failed = job.condition("Failed").filter(|failed| failed.is_true());
        Some(Run {
            job: job.entity(),
            spec: &job.template().spec,
            began: job.status.start_time.or(job.metadata.creation_timestamp)?,
            ended: job
                .status
                .completion_time
                .or_else(|| failed?.last_transition_time),
            seen: Seen::Job(job),
        })
    }));
    found
}

fn candidate(
    facts: &Facts<'_>,
    databases: &Databases,
    database: &EntityRef,
    waiting: &Waiting<'_, '_>,
    run: &Run<'_>,
) -> Option<Candidate> {
    let namespace = run.job.namespace.as_deref().unwrap_or_default();
    let top = facts.top_of(&run.job);
    let calls = called(facts, namespace, run.spec);
    let uses = calls.contains(database)
        || databases.callees.calls(&top, database)
        || databases.callees.calls(&run.job, database);
    // Where the address lies in a Secret, that it is one of the users' namespace is all that is known.
    let near = waiting.named
        && calls.is_empty()
        && waiting
            .users
            .iter()
            .any(|user| user.namespace == run.job.namespace);
    if !uses && !near {
        return None;
    }
    let began = run.began;
    let beside = if uses {
        format!("uses {database}")
    } else {
        "names no address: whom it uses is not known".to_owned()
    };
    let seen = vec![run.evidence(facts, format!("runs since {began}, and {beside}"))];
    let what = match (uses, waiting.named) {
        (true, true) => "holds locks in",
        (true, false) => "probably holds locks in",
        (false, _) => "may hold locks in",
    };
    let weight = match (uses, waiting.named) {
        (true, true) => 2.2,
        (true, false) => 1.8,
        (false, _) => 0.8,
    };
    let mut found = Candidate::new(
        "database_locked",
        top.clone(),
        format!("{} {what} {database} for which others wait", run.job),
    )
    .aspect(run.job.name.as_str())
    .clue(
        "database is in trouble",
        if waiting.named { 2.4 } else { 1.4 },
        waiting.complaint.evidence(facts),
    )
    .clue(
        if uses {
            "a job that uses the database began before"
        } else {
            "a job beside those who wait began before"
        },
        weight,
        seen,
    )
    .since(Some(began))
    .hurting(waiting.users.iter().cloned())
    .hurting([database.clone()])
    .derived(0.1);
    if let Some(start) = facts.start_of(&run.job) {
        found = found.brought_by(Some(&start.reference));
    }
    if !waiting.named {
        found = found.unseen(format!(
            "who holds which locks in {database}: its log does not say who waits for whom"
        ));
    }
    Some(
        found.advise(
            Advice::new(
                format!(
                    "Stop {}, or let it finish; run it in small steps, or with a lock timeout",
                    run.job
                ),
                "Whoever needs the same rows or tables waits until its transaction ends",
            )
            .command(format!("kubectl -n {namespace} logs job/{}", run.job.name)),
        ),
    )
}
