//! No connection is left.

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::Object;
use claw_metrics::classify::Measure;
use claw_metrics::logs::indicators::Indicator;
use claw_metrics::signal::Direction;
use jiff::{SignedDuration, Timestamp};

use super::databases::Databases;
use super::scaling::{about_replicas, counts};
use super::{Area, Mechanism, brought, recent_change};
use crate::incident::callees::Callees;
use crate::incident::candidate::{Advice, Candidate, Clue};
use crate::incident::complaint::{Complaint, complaints};
use crate::incident::degradation;
use crate::incident::facts::Facts;

/// How long before the first complaint a change may lie that used the connections up.
const RECENT: SignedDuration = SignedDuration::from_hours(6);

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
        let told: Vec<&Complaint<'_>> = complaints(facts)
            .iter()
            .filter(|complaint| complaint.kind == Indicator::PoolExhausted)
            .collect();
        if told.is_empty() {
            return Vec::new();
        }
        let databases = Databases::of(facts);
        told.into_iter()
            .flat_map(|complaint| candidates(facts, &databases, complaint))
            .collect()
    }
}

fn candidates(facts: &Facts<'_>, databases: &Databases, complaint: &Complaint<'_>) -> Vec<Candidate> {
    let workload = &complaint.workload;
    let server = databases.meant(facts, complaint);
    let since = complaint.since();
    let full = server.as_ref().and_then(|server| connections(facts, server));
    let mut found = Vec::new();
    // Whose connections are used up, and since when, has to be known: otherwise whoever was scaled up would be suspect.
    let shared = server.as_ref().zip(since);
    let takers = shared.map(|(server, since)| takers(facts, &databases.callees, workload, server, since));
    for (taker, change) in takers.into_iter().flatten() {
        let server = server.as_ref().map_or_else(String::new, ToString::to_string);
        found.push(
            Candidate::new(
                "pool_exhausted",
                taker.clone(),
                format!(
                    "{taker} was scaled up, and may hold the connections to {server} that {workload} needs"
                ),
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
    let rollout = facts
        .rollout_before(workload, since, &[])
        .filter(|change| since.is_some_and(|since| since.duration_since(change.time) < RECENT));
    let named_otherwise = || {
        recent_change::of_unit(facts, workload, since)
            .map(|(change, _)| change)
            .filter(|change| change.kind == ChangeKind::Deploy)
    };
    if let Some(change) = rollout.or_else(named_otherwise) {
        own = own
            .clue(
                brought::since_rollout(facts, change, "since a rollout"),
                1.0,
                vec![facts.change_evidence(change)],
            )
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

/// Workloads that were scaled up shortly before `since`, and that use the same server.
pub(super) fn takers<'a>(
    facts: &Facts<'a>,
    callees: &Callees,
    victim: &EntityRef,
    server: &EntityRef,
    since: Timestamp,
) -> Vec<(EntityRef, &'a Change)> {
    facts
        .top_workloads()
        .map(Object::entity)
        .filter(|taker| taker != victim)
        .filter_map(|taker| {
            let change = facts.change_before(&taker, Some(since), |change| {
                change.kind == ChangeKind::Scale || change.detail.iter().any(|line| about_replicas(line))
            })?;
            let recent = since.duration_since(change.time) < RECENT;
            (recent && scales_up(change)).then_some((taker, change))
        })
        .filter(|(taker, _)| callees.calls(taker, server))
        .collect()
}

/// Whether a change raises a number of replicas; one that does not say by how much counts.
fn scales_up(change: &Change) -> bool {
    counts(change, about_replicas).is_none_or(|(old, new)| new > old)
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

#[cfg(test)]
mod tests {
    use claw_core::change::{Change, ChangeKind};
    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::super::fixture;
    use super::{PoolExhausted, scales_up};

    fn scaled(kind: ChangeKind, summary: &str, detail: &[&str]) -> Change {
        let entity = EntityRef::namespaced("Deployment", "shop", "worker");
        Change {
            kind,
            summary: summary.to_owned(),
            ..fixture::change("2026-05-01T09:40:00Z", &entity, detail)
        }
    }

    #[test]
    fn only_lines_about_replicas_tell_how_far_it_was_scaled() {
        let up = |kind, summary, detail: &[&str]| scales_up(&scaled(kind, summary, detail));
        let image = "containers[app].image: app:1.9 → app:1.10";
        assert!(up(
            ChangeKind::Deploy,
            "revision 10",
            &[image, "replicas: 2 → 10"]
        ));
        assert!(!up(
            ChangeKind::Deploy,
            "revision 10",
            &["a.b: 1 → 9", "spec.replicas: 10 → 2"]
        ));
        assert!(up(ChangeKind::Scale, "worker 2 → 10 for month end", &[]));
        assert!(!up(ChangeKind::Scale, "scaled from 10 to 2", &[]));
        // How far is not said.
        assert!(up(ChangeKind::Scale, "scaled up", &[]));
        // The summary of a rollout speaks of versions.
        assert!(up(ChangeKind::Deploy, "1.10 → 1.9", &["replicas: 2 → 10"]));
    }

    #[test]
    fn a_neighbour_that_was_scaled_up_took_the_connections() {
        let blamed = |detail: &[&str]| {
            let mut case = fixture::case(json!({
                "workloads": [
                    fixture::workload("shop", "api", json!([])),
                    fixture::workload("shop", "worker", json!([])),
                    fixture::workload("shop", "db", json!([])),
                ],
                "pods": [fixture::pod("shop", "api", json!([]))],
                "services": [fixture::service("shop", "db", json!({"port": 5432}))],
            }));
            fixture::call(&mut case, "api", "db");
            fixture::call(&mut case, "worker", "db");
            fixture::log(
                &mut case,
                "api-7d9f8b6c5-x1",
                "FATAL: sorry, too many clients already",
            );
            case.changes
                .push(scaled(ChangeKind::Deploy, "revision 10", detail));
            crate::incident::testing::of(&PoolExhausted, &case)
                .iter()
                .any(|candidate| candidate.entity == fixture::deployment("worker"))
        };
        let image = "containers[app].image: app:1.9 → app:1.10";
        assert!(blamed(&[image, "replicas: 2 → 10"]));
        assert!(!blamed(&[image, "replicas: 10 → 2"]));
        assert!(!blamed(&[image]));
    }

    #[test]
    fn nobody_took_connections_of_a_server_that_is_not_known() {
        let blamed = |calls: &[(&str, &str)], line: &str| {
            let mut case = fixture::case(json!({
                "workloads": [
                    fixture::workload("shop", "api", json!([])),
                    fixture::workload("shop", "worker", json!([])),
                    fixture::workload("shop", "db", json!([])),
                    fixture::workload("shop", "web", json!([])),
                ],
                "pods": [fixture::pod("shop", "api", json!([]))],
                "services": [
                    fixture::service("shop", "db", json!({"port": 5432})),
                    fixture::service("shop", "web", json!({"port": 80})),
                ],
            }));
            for (caller, callee) in calls {
                fixture::call(&mut case, caller, callee);
            }
            fixture::log(&mut case, "api-7d9f8b6c5-x1", line);
            case.changes
                .push(scaled(ChangeKind::Scale, "scaled from 2 to 10", &[]));
            let found = crate::incident::testing::of(&PoolExhausted, &case);
            let own = fixture::deployment("api");
            assert!(found.iter().any(|candidate| candidate.entity == own), "{line}");
            found.iter().any(|candidate| candidate.entity != own)
        };
        let unnamed = "TimeoutError: QueuePool limit of size 5 overflow 10 reached";
        assert!(!blamed(&[], unnamed));
        // Both call it, and it is no database: whose connections these are, the line does not say.
        assert!(!blamed(&[("api", "web"), ("worker", "web")], unnamed));
        assert!(!blamed(&[("api", "db"), ("worker", "web")], unnamed));
        assert!(blamed(&[("api", "db"), ("worker", "db")], unnamed));
        let named = "connection to db:5432 failed: FATAL: sorry, too many clients already";
        assert!(blamed(&[("worker", "db")], named));
        assert!(!blamed(&[("worker", "web")], named));
    }
}
