//! A workload calls a host, or a port of a Service, that does not exist.

mod port;

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_k8s::model::Object;
use claw_metrics::logs::indicators::Indicator;
use jiff::Timestamp;

use super::rollback::roll_back;
use super::service_missing::{missing, wants};
use super::{Area, Mechanism, selector_mismatch};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Complaint, Target, complaints};
use crate::incident::facts::{Facts, needs};

/// A name that nobody bears, or a port that the Service of that name does not have, in an environment variable, an argument or a configuration file.
#[derive(Clone, Copy, Debug)]
pub(super) struct WrongAddress;

impl Mechanism for WrongAddress {
    fn id(&self) -> &'static str {
        "wrong_address"
    }

    fn area(&self) -> Area {
        Area::Dependency
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let all = complaints(facts);
        // When nobody can resolve anything, the resolver is at fault, not the names.
        let unresolved: BTreeSet<_> = all
            .iter()
            .filter(|complaint| complaint.kind == Indicator::UnknownHost)
            .map(|complaint| (&complaint.workload, &complaint.target))
            .collect();
        let workloads: BTreeSet<_> = unresolved.iter().map(|(workload, _)| *workload).collect();
        let missing = missing(facts);
        // The address is right where the Service that bears it is gone.
        let is_right = |complaint: &Complaint<'_>| {
            let service = wants(facts, complaint).and_then(|service| missing.get(&service));
            service.is_some_and(|missing| missing.is_wanted_by(complaint))
        };
        all.iter()
            .filter(|complaint| {
                // An answer, even a refusal, comes from a host that has an address.
                let unanswered = matches!(
                    complaint.kind,
                    Indicator::UnknownHost | Indicator::ResolverFailed | Indicator::Unreachable
                );
                complaint.kind == Indicator::UnknownHost
                    || (unanswered && matches!(complaint.target, Target::Absent(_)))
            })
            .filter(|complaint| !is_right(complaint))
            .filter_map(|complaint| candidate(facts, complaint, workloads.len()))
            .chain(port::candidates(facts))
            .collect()
    }
}

fn candidate(facts: &Facts<'_>, complaint: &Complaint<'_>, complainers: usize) -> Option<Candidate> {
    let host = complaint.host.as_deref()?;
    let name = crate::incident::logs::host_of(host);
    let workload = &complaint.workload;
    let exists = matches!(complaint.target, Target::Known(_));
    let mut candidate = Candidate::new(
        "wrong_address",
        workload.clone(),
        if exists {
            format!("{workload} could not resolve {host}, a name that exists")
        } else {
            format!("{workload} calls {host}, a name that nobody bears")
        },
    )
    .aspect(name)
    .clue(
        "name cannot be resolved",
        if exists { 0.5 } else { 3.2 },
        complaint.evidence(facts),
    )
    .since(complaint.since())
    .derived(0.1);
    if complainers > 2 {
        candidate = candidate.clue("others cannot resolve names either", -1.5, Vec::new());
    }
    let services = &facts.case.objects.services;
    let first = name.split('.').next().unwrap_or(name);
    // What lies outside is not meant to be a Service.
    let inside = matches!(complaint.target, Target::Absent(_));
    let near = services
        .iter()
        .filter(|_| inside)
        .filter(|service| selector_mismatch::near(&service.metadata.name, first))
        .min_by_key(|service| {
            (
                workload.namespace.as_deref() != Some(service.metadata.ns()),
                service.entity(),
            )
        });
    if let Some(service) = near {
        let statement = format!("has a name that is close to {first}");
        candidate = candidate.clue(
            "a service has a similar name",
            0.6,
            vec![facts.object(service, None, statement)],
        );
    }
    candidate = with_change(
        facts,
        candidate,
        complaint.since(),
        "It called the right host before",
    );
    let right = near
        .map(|service| format!(" (is {} meant?)", service.entity()))
        .unwrap_or_default();
    if exists {
        return Some(candidate.advise(Advice::new(
            format!(
                "See why {workload} could not resolve {host}: its resolver, its search domains, its network"
            ),
            "The name exists, so the way to whoever answers for it was cut, or it was not there for a while",
        )));
    }
    Some(candidate.advise(Advice::new(
        format!("Give {workload} the right address instead of {host}{right}"),
        "Every call fails while the name cannot be resolved",
    )))
}

/// Adds the change that told the caller the address: a rollout that set its environment, or an edit of configuration that its
/// pods read, whichever was later.
fn with_change(facts: &Facts<'_>, found: Candidate, since: Option<Timestamp>, reason: &str) -> Candidate {
    let workload = found.entity.clone();
    let needed = facts
        .workload(&workload)
        .map(|known| needs(&known.template().spec))
        .unwrap_or_default();
    let edit = needed
        .into_iter()
        .filter_map(|(kind, name)| {
            let entity = EntityRef::namespaced(kind, workload.namespace.clone()?, name);
            facts.change_before(&entity, since, |_| true)
        })
        .max_by_key(|change| change.time);
    let rollout = facts.rollout_before(&workload, since, &["env", "environment", "args", "command"]);
    let rollout = rollout.filter(|rollout| edit.is_none_or(|edit| edit.time <= rollout.time));
    let Some(change) = rollout.or(edit) else {
        return found;
    };
    let (clue, weight) = match rollout {
        Some(_) => ("rollout changed its environment", 1.2),
        None => ("its configuration was edited", 1.0),
    };
    let mut found = found
        .clue(clue, weight, vec![facts.change_evidence(change)])
        .brought_by(Some(&change.reference))
        .since(Some(change.time));
    if rollout.is_some() {
        found.advice.extend(roll_back(facts, &workload, change, reason));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture;
    use super::WrongAddress;
    use crate::incident::candidate::Candidate;
    use crate::incident::testing::of;

    /// `web` cannot resolve a name, beside Services `cart` and `pay`.
    fn found(host: &str) -> Candidate {
        let mut case = fixture::case(json!({
            "workloads": [
                fixture::workload("shop", "web", json!([{"name": "app"}])),
                fixture::workload("shop", "cart", json!([{"name": "app"}])),
            ],
            "pods": [fixture::pod("shop", "web", json!([{"name": "app"}]))],
            "services": [
                fixture::service("shop", "cart", json!({"port": 80})), fixture::service("shop", "pay", json!({"port": 80})),
            ],
        }));
        fixture::know_all(&mut case, &["Service"]);
        let line = format!("dial tcp: lookup {host}: no such host");
        fixture::log(&mut case, "web-7d9f8b6c5-x1", &line);
        of(&WrongAddress, &case).remove(0)
    }

    #[test]
    fn a_name_that_is_like_one_of_a_service_may_be_meant_for_it() {
        let near = |host: &str| fixture::clue(&found(host), "a service has a similar name");
        assert_eq!(near("kart"), Some(0.6));
        // A host outside that happens to be called alike.
        assert_eq!(near("pay.example.com"), None);
    }

    #[test]
    fn a_name_that_exists_is_not_called_wrong() {
        let absent = found("kart").cause;
        assert!(absent.contains("a name that nobody bears"), "{absent}");
        let known = found("cart").cause;
        assert!(known.contains("a name that exists"), "{known}");
    }

    #[test]
    fn nobody_bears_a_name_of_a_namespace_that_does_not_exist() {
        let found = |namespaces: &[&str]| {
            let names: Vec<_> = namespaces
                .iter()
                .map(|name| json!({"metadata": {"name": name}}))
                .collect();
            let mut case = fixture::case(json!({
                "workloads": [fixture::workload("shop", "web", json!([{"name": "app"}]))],
                "pods": [fixture::pod("shop", "web", json!([{"name": "app"}]))],
                "namespaces": names,
            }));
            case.listed
                .entry("Namespace".to_owned())
                .or_default()
                .insert("shop".to_owned());
            let line = "dial tcp: lookup db.data.svc.cluster.local: no such host";
            fixture::log(&mut case, "web-7d9f8b6c5-x1", line);
            of(&WrongAddress, &case)[0].cause.clone()
        };
        assert!(found(&["shop"]).contains("a name that nobody bears"));
        // Of a namespace that was not read it is not known.
        assert!(!found(&["shop", "data"]).contains("a name that nobody bears"));
    }
}
