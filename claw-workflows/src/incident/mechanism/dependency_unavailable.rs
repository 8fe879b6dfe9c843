//! Something that a workload needs does not answer.

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_metrics::classify::Measure;
use claw_metrics::logs::indicators::Indicator;

use super::pool_exhausted::takers;
use super::scaling::scales;
use super::{Area, Mechanism};
use crate::incident::callees::Callees;
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Complaint, Target, complaints, parts};
use crate::incident::degradation;
use crate::incident::facts::Facts;
use crate::incident::logs::host_of;

/// A signal below this many robust standard deviations does not show that calls fail.
const NOTABLE: f64 = 4.0;

/// A service in the cluster or a host outside that refuses connections, answers late, answers with errors or limits the rate
/// of requests, as those who call it log.
#[derive(Clone, Copy, Debug)]
pub(super) struct DependencyUnavailable;

impl Mechanism for DependencyUnavailable {
    fn id(&self) -> &'static str {
        "dependency_unavailable"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &["external_unavailable", "rate_limited"]
    }

    fn area(&self) -> Area {
        Area::Dependency
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let all = complaints(facts);
        let limited = all
            .iter()
            .filter(|complaint| complaint.kind == Indicator::RateLimited);
        let limited: Vec<&Complaint<'_>> = limited.collect();
        let callees = (!limited.is_empty()).then(|| Callees::of(facts));
        let over = callees.iter().flat_map(|callees| {
            let limited = limited.iter();
            limited.flat_map(|complaint| over_the_limit(facts, callees, complaint))
        });
        all.iter()
            .filter_map(|complaint| candidate(facts, complaint, all))
            .chain(over)
            .collect()
    }
}

/// Workloads that were scaled up before, and may have used up what another one may ask for at the same host.
fn over_the_limit(facts: &Facts<'_>, callees: &Callees, complaint: &Complaint<'_>) -> Vec<Candidate> {
    let (Target::Known(host) | Target::External(host)) = &complaint.target else {
        return Vec::new();
    };
    let Some(since) = complaint.since() else {
        return Vec::new();
    };
    let victim = &complaint.workload;
    takers(facts, callees, victim, host, since)
        .into_iter()
        .map(|(taker, change)| {
            Candidate::new(
                "rate_limited",
                taker.clone(),
                format!(
                    "{taker} was scaled up, and may use up what {host} allows: {victim} is refused there"
                ),
            )
            .clue("rate of requests is limited", 1.6, complaint.evidence(facts))
            .clue("scaled up before", 2.0, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference))
            .since(Some(change.time))
            .hurting([victim.clone()])
            .advise(Advice::new(
                format!("Scale {taker} back, or have the limit at {host} raised"),
                "All callers share one limit there",
            ))
        })
        .collect()
}

fn words(kind: Indicator) -> Option<&'static str> {
    Some(match kind {
        Indicator::ConnectionRefused => "refuses connections",
        Indicator::ConnectionReset => "drops connections",
        Indicator::Timeout => "does not answer in time",
        Indicator::Unreachable => "cannot be reached",
        Indicator::UpstreamError => "answers with errors",
        Indicator::RateLimited => "limits the rate of requests",
        _ => return None,
    })
}

/// Whether somebody was reached, so that the name stands for somebody although no Service has it: an alias, an entry in the
/// hosts file, or what people call it. What cannot be resolved or reached is for `wrong_address`.
fn was_reached(kind: Indicator) -> bool {
    !matches!(
        kind,
        Indicator::Timeout | Indicator::Unreachable | Indicator::UnknownHost | Indicator::ResolverFailed
    )
}

/// Who is called by a name that no Service has.
fn called(complaint: &Complaint<'_>, name: &str) -> Option<EntityRef> {
    let own = complaint.workload.namespace.as_deref()?;
    let (name, namespace, _) = parts(own, host_of(name))?;
    Some(EntityRef::namespaced("Service", namespace, name))
}

fn candidate(facts: &Facts<'_>, complaint: &Complaint<'_>, all: &[Complaint<'_>]) -> Option<Candidate> {
    let what = words(complaint.kind)?;
    let host = complaint.host.as_deref()?;
    let (entity, outside) = match &complaint.target {
        Target::Known(entity) => (entity.clone(), false),
        Target::External(entity) => (entity.clone(), true),
        Target::Absent(name) if was_reached(complaint.kind) => (called(complaint, name)?, false),
        Target::Absent(_) | Target::Unnamed => return None,
    };
    let mut callers: Vec<&EntityRef> = all
        .iter()
        .filter(|other| other.target == complaint.target && words(other.kind).is_some())
        .map(|other| &other.workload)
        .collect();
    callers.sort();
    callers.dedup();
    let mut candidate = Candidate::new(
        match complaint.kind {
            Indicator::RateLimited => "rate_limited",
            _ if outside => "external_unavailable",
            _ => "dependency_unavailable",
        },
        entity.clone(),
        format!("{entity} {what} ({host}), says {}", complaint.workload),
    )
    .clue(
        "callers complain of it",
        if outside { 2.5 } else { 1.6 },
        complaint.evidence(facts),
    )
    .since(complaint.since())
    .hurting(callers.iter().map(|caller| (*caller).clone()))
    .derived(if outside { 0.0 } else { 0.7 });
    if callers.len() > 1 {
        candidate = candidate.clue("several callers complain", 0.8, Vec::new());
    } else if outside && !facts.case.everywhere {
        candidate = candidate.unseen(format!("whether {host} fails workloads of other namespaces, too"));
    }
    let nameless = matches!(complaint.target, Target::Absent(_));
    if nameless {
        candidate = candidate
            .clue("no Service is called so", -0.4, Vec::new())
            .unseen(format!("who {} is: no Service has that name", host_of(host)));
    }
    let unknown = complaint.is_of_unknown_address();
    if unknown {
        candidate = candidate
            .clue("address may be one of the cluster", -1.0, Vec::new())
            .unseen(format!("whose address {} is", host_of(host)));
    }
    let measured = measured_calls(facts, host);
    if outside && !measured.is_empty() {
        candidate = candidate.clue("measured calls to it fail", 1.5, measured);
    }
    if !outside {
        let pods = facts.pods_of(&entity);
        let ready = pods.iter().filter(|pod| pod.is_ready()).count();
        if !pods.is_empty() && ready == pods.len() && complaint.kind == Indicator::ConnectionRefused {
            candidate = candidate.clue("its pods are ready", -1.0, Vec::new());
        } else if !pods.is_empty() && ready == 0 {
            candidate = candidate.clue("none of its pods is ready", 0.8, Vec::new());
        } else if pods.is_empty()
            && facts
                .workload(&entity)
                .is_some_and(|workload| workload.desired() == Some(0))
        {
            let workload = facts.workload(&entity)?;
            candidate = candidate
                .clue(
                    "it is scaled to zero",
                    2.5,
                    vec![facts.object(workload, None, "is scaled to zero")],
                )
                .derived(0.1);
            if let Some(change) = facts.change_before(&entity, complaint.since(), scales) {
                candidate = candidate
                    .clue("scaled before", 1.0, vec![facts.change_evidence(change)])
                    .brought_by(Some(&change.reference));
            }
        }
    }
    let advice = if complaint.kind == Indicator::RateLimited {
        Advice::new(
            format!("Call {host} less often, or have its limit raised; wait longer before each try again"),
            "Requests beyond the limit are refused",
        )
    } else if unknown {
        Advice::new(
            format!("Find out whose address {host} is, and look there"),
            "It is of a private network, and nothing that was read has it",
        )
        .command(format!(
            "kubectl get services,pods -A -o wide | grep -F {}",
            host_of(host)
        ))
    } else if nameless {
        Advice::new(
            format!("Find out who answers to {host}, and look there"),
            "Somebody does, and no Service has that name",
        )
        .command(format!(
            "kubectl get services,pods -A -o wide | grep -F {}",
            host_of(host)
        ))
    } else if outside {
        Advice::new(
            format!("Ask whoever runs {host}; fall back or fail fast meanwhile"),
            "The host is outside the cluster",
        )
    } else {
        Advice::new(
            format!("Look at {entity}: {} waits for it", complaint.workload),
            "Its callers work again when it does",
        )
        .command(format!(
            "kubectl -n {} get pods,endpointslices; kubectl -n {0} logs {}/{}",
            entity.namespace.as_deref().unwrap_or("default"),
            entity.kind.to_lowercase(),
            entity.name
        ))
    };
    Some(candidate.advise(advice))
}

/// Metrics of its callers, split by host, that say that calls to `host` fail or are slow.
fn measured_calls(facts: &Facts<'_>, host: &str) -> Vec<Evidence> {
    let name = format!("=\"{}\"", host_of(host));
    let with_port = format!("=\"{host}\"");
    facts
        .case
        .signals
        .iter()
        .filter(|signal| signal.harmful && signal.score >= NOTABLE)
        .filter(|signal| {
            matches!(
                signal.measure,
                Measure::Errors | Measure::Availability | Measure::Latency
            )
        })
        .filter(|signal| signal.source.contains(&name) || signal.source.contains(&with_port))
        .map(degradation::evidence)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture;
    use super::DependencyUnavailable;
    use crate::incident::testing::of;

    #[test]
    fn who_refuses_under_a_name_that_no_service_has_is_named_with_less_certainty() {
        let found = |host: &str| {
            let mut case = fixture::case(json!({
                "workloads": [fixture::workload("shop", "cart", json!([{"name": "app"}]))],
                "pods": [fixture::pod("shop", "cart", json!([{"name": "app"}]))],
                "services": [fixture::service("shop", "redis", json!({"port": 6379}))],
            }));
            fixture::know_all(&mut case, &["Service"]);
            let text = format!("ERROR dial tcp {host}:6379: connect: connection refused");
            fixture::log(&mut case, "cart-7d9f8b6c5-x1", &text);
            of(&DependencyUnavailable, &case)
        };
        let (known, unknown) = (found("redis"), found("redis-master"));
        assert_eq!(unknown[0].entity.name, "redis-master");
        assert_eq!(unknown[0].entity.namespace.as_deref(), Some("shop"));
        assert!(unknown[0].own_score() < known[0].own_score());
        let elsewhere = found("redis-master.shop.svc.cluster.local");
        assert_eq!(elsewhere[0].entity, unknown[0].entity);
        assert!(!unknown[0].unseen.is_empty());
    }
}
