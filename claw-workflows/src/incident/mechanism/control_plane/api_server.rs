//! The API server, or the store behind it, does not answer.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_metrics::logs::indicators::Indicator;

use super::{entity, with_state};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::Complaint;
use crate::incident::facts::Facts;
use crate::incident::mechanism::{Area, Mechanism};

/// Programs that talk to the API server get no answer, and lose their leases.
#[derive(Clone, Copy, Debug)]
pub(in crate::incident::mechanism) struct ApiServerUnavailable;

impl Mechanism for ApiServerUnavailable {
    fn id(&self) -> &'static str {
        "api_server_unavailable"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &["etcd_unavailable"]
    }

    fn area(&self) -> Area {
        Area::Platform
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        candidate(facts).into_iter().collect()
    }
}

/// Whether it is the store that fails: the API server hands its words on. Others bear its name in theirs.
fn of_store(complaint: &Complaint<'_>) -> bool {
    complaint
        .entries
        .iter()
        .any(|(_, pattern)| pattern.sample.to_lowercase().contains("etcdserver:"))
}

fn candidate(facts: &Facts<'_>) -> Option<Candidate> {
    let told: Vec<&Complaint<'_>> = facts
        .complaints()
        .iter()
        .filter(|complaint| complaint.kind == Indicator::ControlPlaneTrouble)
        .collect();
    if told.is_empty() {
        return None;
    }
    let workloads: BTreeSet<EntityRef> = told.iter().map(|complaint| complaint.workload.clone()).collect();
    let since = told.iter().filter_map(|complaint| complaint.since()).min();
    let store = told.iter().any(|complaint| of_store(complaint));
    let (mechanism, component, what) = if store {
        (
            "etcd_unavailable",
            "etcd",
            "etcd, the store of the API server, does not answer in time",
        )
    } else {
        (
            "api_server_unavailable",
            "kube-apiserver",
            "the API server does not answer",
        )
    };
    let first = told
        .iter()
        .take(4)
        .flat_map(|complaint| complaint.evidence(facts))
        .collect();
    let names: Vec<String> = workloads.iter().take(3).map(ToString::to_string).collect();
    let mut found = Candidate::new(
        mechanism,
        entity(facts, component),
        format!("{what}, say {}", names.join(", ")),
    )
    .clue(
        "requests to the API server fail",
        if store { 2.4 } else { 1.8 },
        first,
    )
    .since(since)
    .hurting(workloads.iter().cloned())
    .derived(0.3);
    if workloads.len() > 1 {
        found = found.clue("several programs say so", 1.2, Vec::new());
    } else if !store {
        found = found.unseen("whether others reach the API server");
    }
    let advice = if store {
        Advice::new(
            "Look at etcd: its leader, the latency of its disks, and the size of its data",
            "The API server answers no faster than etcd commits",
        )
        .command("kubectl -n kube-system logs -l component=etcd --tail=50")
    } else {
        Advice::new(
            "Look at the API server: whether it is up, overloaded, or cut off from these pods",
            "Controllers do nothing, and lose their leases, while it does not answer",
        )
        .command("kubectl get --raw '/readyz?verbose'")
    };
    Some(with_state(facts, component, found).advise(advice))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ApiServerUnavailable;
    use crate::incident::candidate::Candidate;
    use crate::incident::mechanism::fixture;
    use crate::incident::testing::of;

    fn found(lines: &[(&str, &str)]) -> Option<Candidate> {
        let pods: Vec<_> = ["operator", "ingress"]
            .iter()
            .map(|name| fixture::pod("shop", name, json!([{"name": "app"}])))
            .collect();
        let mut case = fixture::case(json!({"pods": pods}));
        for (pod, line) in lines {
            fixture::log(&mut case, &format!("{pod}-7d9f8b6c5-x1"), line);
        }
        of(&ApiServerUnavailable, &case).pop()
    }

    const LEASE: &str = "error retrieving resource lock infra/op: Get \"https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/infra/leases/op\": context deadline exceeded";

    #[test]
    fn several_that_lose_their_leases_make_it_sure() {
        let one = found(&[("operator", LEASE)]).unwrap();
        assert_eq!((one.mechanism, one.clues.len()), ("api_server_unavailable", 1));
        let two = found(&[("operator", LEASE), ("ingress", LEASE)]).unwrap();
        assert_eq!(fixture::clue(&two, "several programs say so"), Some(1.2));
    }

    #[test]
    fn the_words_of_the_store_come_through() {
        let store = found(&[("operator", "Failed to update lock: etcdserver: request timed out")]).unwrap();
        assert_eq!(store.mechanism, "etcd_unavailable");
        assert_eq!(store.entity.to_string(), "Pod kube-system/etcd");
        let other = format!("backup of etcd-main: {LEASE}");
        assert_eq!(
            found(&[("operator", &other)]).unwrap().mechanism,
            "api_server_unavailable"
        );
        assert!(found(&[("operator", "dial tcp cart:80: connect: connection refused")]).is_none());
    }
}
