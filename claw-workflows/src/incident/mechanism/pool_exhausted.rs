//! No connection is left.

use claw_core::change::ChangeKind;
use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::Object;
use claw_metrics::classify::Measure;
use claw_metrics::logs::indicators::Indicator;
use claw_metrics::signal::Direction;

use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate, Clue};
use crate::incident::complaint::{Complaint, Target, complaints};
use crate::incident::degradation;
use crate::incident::facts::Facts;

/// A pool, or a server's limit of connections, is used up: by the complaining workload itself, or by another one that
/// was scaled up and took them.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolExhausted;

impl Mechanism for PoolExhausted {
    fn id(&self) -> &'static str {
        "pool_exhausted"
    }

    fn area(&self) -> Area {
        Area::Dependency
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        complaints(facts)
            .iter()
            .filter(|complaint| complaint.kind == Indicator::PoolExhausted)
            .flat_map(|complaint| candidates(facts, complaint))
            .collect()
    }
}

fn candidates(facts: &Facts<'_>, complaint: &Complaint<'_>) -> Vec<Candidate> {
    let workload = &complaint.workload;
    let server = match &complaint.target {
        Target::Known(entity) | Target::External(entity) => Some(entity.clone()),
        _ => facts
            .case
            .calls
            .iter()
            .filter(|call| facts.unit_of(&call.caller) == *workload)
            .map(|call| facts.unit_of(&call.callee))
            .find(|callee| {
                facts
                    .case
                    .calls
                    .iter()
                    .filter(|call| facts.unit_of(&call.callee) == *callee)
                    .count()
                    > 1
            }),
    };
    let since = complaint.since();
    let full = server.as_ref().and_then(|server| connections(facts, server));
    let mut found = Vec::new();
    for (taker, change) in takers(facts, workload, server.as_ref(), since) {
        let shared = server
            .as_ref()
            .map(|server| format!(" of {server}"))
            .unwrap_or_default();
        found.push(
            Candidate::new(
                "pool_exhausted",
                taker.clone(),
                format!("{taker} took the connections{shared} that {workload} needs, since it was scaled up"),
            )
            .clue("connections are used up", 2.0, complaint.evidence(facts))
            .clue("scaled up before", 2.0, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference))
            .since(Some(change.time))
            .hurting([workload.clone()])
            .advise(
                Advice::new(
                    format!("Scale {taker} back, or give it a smaller pool"),
                    "Each replica holds its own pool of connections",
                )
                .command(format!(
                    "kubectl -n {} scale {}/{} --replicas=COUNT",
                    taker.namespace.as_deref().unwrap_or("default"),
                    taker.kind.to_lowercase(),
                    taker.name
                )),
            ),
        );
    }
    let mut own = Candidate::new(
        "pool_exhausted",
        workload.clone(),
        format!("{workload} has no connection left in its pool"),
    )
    .clue("connections are used up", 2.0, complaint.evidence(facts))
    .since(since)
    .derived(0.5)
    .advise(Advice::new(
        format!(
            "Find what holds the connections of {workload}: slow queries, a leak, or a pool that is too small"
        ),
        "Requests wait for a connection that does not come back",
    ));
    if let Some(change) = facts
        .rollout_before(workload, since, &[])
        .filter(|change| since.is_some_and(|since| since.duration_since(change.time).as_hours() < 6))
    {
        own = own
            .clue("since a rollout", 1.0, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference));
    }
    found.push(own);
    if let Some(full) = full {
        for candidate in &mut found {
            candidate.clues.push(Clue {
                name: "the server's connections went up",
                log_odds: 0.8,
                evidence: vec![full.clone()],
            });
        }
    }
    found
}

/// Workloads that were scaled up before, and that use the same server.
fn takers<'a>(
    facts: &Facts<'a>,
    victim: &EntityRef,
    server: Option<&EntityRef>,
    since: Option<jiff::Timestamp>,
) -> Vec<(EntityRef, &'a claw_core::change::Change)> {
    facts
        .top_workloads()
        .map(Object::entity)
        .filter(|taker| taker != victim)
        .filter(|taker| {
            server.is_none_or(|server| {
                facts.case.calls.iter().any(|call| {
                    facts.unit_of(&call.caller) == *taker && facts.unit_of(&call.callee) == *server
                })
            })
        })
        .filter_map(|taker| {
            let change = facts.change_before(&taker, since, |change| {
                change.kind == ChangeKind::Scale || change.detail.iter().any(|line| line.contains("replicas"))
            })?;
            let recent = since.is_none_or(|since| since.duration_since(change.time).as_hours() < 6);
            (recent && scales_up(change)).then_some((taker, change))
        })
        .collect()
}

/// Whether a change raises a number of replicas; one that does not say by how much counts.
fn scales_up(change: &claw_core::change::Change) -> bool {
    let numbers = change
        .detail
        .iter()
        .chain(std::iter::once(&change.summary))
        .find_map(|line| {
            let (old, new) = line
                .split_once('→')
                .or_else(|| line.split_once("->"))
                .or_else(|| line.split_once(" to "))?;
            let number = |text: &str, last: bool| -> Option<i64> {
                let mut parts = text
                    .split(|c: char| !c.is_ascii_digit())
                    .filter(|part| !part.is_empty());
                if last { parts.next_back() } else { parts.next() }?.parse().ok()
            };
            Some((number(old, true)?, number(new, false)?))
        });
    numbers.is_none_or(|(old, new)| new > old)
}

/// The strongest signal that connections went up at a server.
fn connections(facts: &Facts<'_>, server: &EntityRef) -> Option<Evidence> {
    facts
        .case
        .signals
        .iter()
        .filter(|signal| signal.measure == Measure::Connections && signal.direction == Direction::Up)
        .filter(|signal| facts.unit_of(&signal.entity) == *server)
        .max_by(|a, b| a.score.total_cmp(&b.score))
        .map(degradation::evidence)
}
