//! The cluster's DNS does not answer.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{Object, Workload};
use claw_metrics::logs::indicators::Indicator;
use jiff::Timestamp;

use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Complaint, Target};
use crate::incident::facts::{Facts, needs};
use crate::incident::logs::host_of;

/// Where clusters keep their DNS. <https://kubernetes.io/docs/tasks/administer-cluster/dns-debugging-resolution/>
const NAMESPACE: &str = "kube-system";
/// What the Service is called, whichever server is behind it, so that configuration does not depend on that.
const SERVICE: &str = "kube-dns";
/// Where it is asked (RFC 1035, section 4.2).
const PORT: i32 = 53;

/// Names that exist cannot be resolved, or lookups get no answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct DnsUnavailable;

impl Mechanism for DnsUnavailable {
    fn id(&self) -> &'static str {
        "dns_unavailable"
    }

    fn area(&self) -> Area {
        Area::Platform
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        candidate(facts).into_iter().collect()
    }
}

/// The Service of the cluster's DNS.
pub(super) fn service() -> EntityRef {
    EntityRef::namespaced("Service", NAMESPACE, SERVICE)
}

/// The workload of the cluster's DNS, where its namespace was read: whatever stands behind its Service. Where that was not
/// read, the label tells that CoreDNS took over from kube-dns, or the port what a workload serves. Caches on the nodes serve at
/// their nodes' addresses, and are not it.
pub(super) fn workload<'a>(facts: &Facts<'a>) -> Option<&'a Workload> {
    let behind = facts.service(NAMESPACE, SERVICE);
    let behind = behind.and_then(|service| facts.workload(&facts.unit_of(&service.entity())));
    let here = || {
        let workloads = facts.top_workloads();
        workloads.filter(|workload| workload.metadata.ns() == NAMESPACE)
    };
    let labelled = || {
        here().find(|workload| {
            let labels = &workload.template().metadata.labels;
            labels.get("k8s-app").is_some_and(|app| app == SERVICE)
        })
    };
    let serving = || {
        here().find(|workload| {
            let spec = &workload.template().spec;
            let mut ports = spec.containers.iter().flat_map(|container| &container.ports);
            !spec.host_network && ports.any(|port| port.container_port == PORT)
        })
    };
    behind.or_else(labelled).or_else(serving)
}

/// Whether DNS is to have an answer for what is complained of: a Service or workload that was read. A headless Service
/// has no addresses while none of its pods is ready.
fn exists(facts: &Facts<'_>, complaint: &Complaint<'_>) -> bool {
    let (Target::Known(entity), Some(host)) = (&complaint.target, complaint.host.as_deref()) else {
        return false;
    };
    let name = host_of(host);
    let mut parts = name.split('.');
    let first = parts.next().unwrap_or(name);
    let own = complaint.workload.namespace.as_deref();
    let ns = parts.next().or(own).unwrap_or_default();
    facts.service(ns, first).is_some_and(|service| {
        let ready = facts.pods_of(entity).iter().any(|pod| pod.is_ready());
        service.spec.cluster_ip != "None" || ready
    })
}

fn candidate(facts: &Facts<'_>) -> Option<Candidate> {
    let of = |kind: Indicator| {
        let complaints = facts.complaints().iter();
        complaints.filter(move |complaint| complaint.kind == kind)
    };
    let silent: Vec<&Complaint<'_>> = of(Indicator::ResolverFailed).collect();
    let unknown: Vec<&Complaint<'_>> = of(Indicator::UnknownHost).collect();
    let known: Vec<&Complaint<'_>> = unknown
        .iter()
        .copied()
        .filter(|complaint| exists(facts, complaint))
        .collect();
    let all = || silent.iter().chain(&unknown).copied();
    let workloads: BTreeSet<&EntityRef> = all().map(|complaint| &complaint.workload).collect();
    let hosts: BTreeSet<&str> = all()
        .filter_map(|complaint| complaint.host.as_deref().map(host_of))
        .collect();
    // One workload that asks for one name has the name wrong.
    let widespread = workloads.len() > 1 && hosts.len() > 2;
    if silent.is_empty() && known.is_empty() && !widespread {
        return None;
    }
    let server = workload(facts);
    let entity = server.map_or_else(service, Object::entity);
    // Names that are cached go on being known for a while after it is gone.
    let gone = server.and_then(|server| without_ready(facts, &server.entity()));
    let since = all().filter_map(Complaint::since).chain(gone).min();
    let mut candidate = Candidate::new(
        "dns_unavailable",
        entity.clone(),
        format!("{entity} does not resolve names for {}", listed(&workloads)),
    )
    .since(since)
    .hurting(workloads.iter().map(|workload| (*workload).clone()))
    .derived(0.4);
    if !silent.is_empty() {
        candidate = candidate.clue("lookups get no answer", 2.2, first_evidence(facts, &silent));
    }
    if !known.is_empty() {
        candidate = candidate.clue(
            "names that exist cannot be resolved",
            2.0,
            first_evidence(facts, &known),
        );
    }
    if workloads.len() > 1 {
        let unknown: Vec<_> = all().collect();
        candidate = candidate.clue(
            "several workloads cannot resolve names",
            1.0,
            first_evidence(facts, &unknown),
        );
    }
    if let Some(server) = server {
        candidate = state(facts, server, since, candidate);
    } else {
        candidate = candidate.unseen("how the pods of the cluster's DNS are");
    }
    let advice = Advice::new(
        "Look at the pods and the configuration of the cluster's DNS",
        "Whoever needs a name that is not cached fails until it answers",
    );
    Some(candidate.advise(advice.command(format!(
        "kubectl -n {NAMESPACE} get pods,endpointslices -l k8s-app={SERVICE}; kubectl -n {NAMESPACE} logs -l k8s-app={SERVICE} --tail=50"
    ))))
}

/// Since when none of the pods of a workload is ready, where that is so and known.
fn without_ready(facts: &Facts<'_>, unit: &EntityRef) -> Option<Timestamp> {
    let pods = facts.pods_of(unit);
    if pods.iter().any(|pod| pod.is_ready()) {
        return None;
    }
    let lost = pods
        .iter()
        .filter_map(|pod| pod.condition("Ready")?.last_transition_time);
    lost.max()
}

/// How the server's pods are, and what was changed at it.
fn state(
    facts: &Facts<'_>,
    server: &Workload,
    since: Option<Timestamp>,
    mut candidate: Candidate,
) -> Candidate {
    let entity = server.entity();
    let pods = facts.pods_of(&entity);
    let ready = pods.iter().filter(|pod| pod.is_ready()).count();
    let seen = |statement: String| vec![facts.object(server, None, statement)];
    candidate = if ready == 0 {
        let statement = format!("has no pod that is ready (of {})", pods.len());
        candidate.clue("none of its pods is ready", 2.5, seen(statement))
    } else if ready < pods.len() {
        let statement = format!("has {ready} of {} pods ready", pods.len());
        candidate.clue("some of its pods are not ready", 1.0, seen(statement))
    } else {
        candidate.clue("its pods are ready", -0.7, Vec::new())
    };
    let ns = entity.namespace.clone().unwrap_or_default();
    let configured = needs(&server.template().spec)
        .into_iter()
        .map(|(kind, name)| EntityRef::namespaced(kind, ns.clone(), name));
    let change = std::iter::once(entity)
        .chain(configured)
        .filter_map(|entity| recent_change::before_trouble(facts, &entity, since, |_| true))
        .max_by_key(|change| change.time);
    match change {
        Some(change) => candidate
            .clue("changed before", 1.2, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference)),
        None => candidate,
    }
}

/// The first entries of the first complaints.
fn first_evidence(facts: &Facts<'_>, complaints: &[&Complaint<'_>]) -> Vec<Evidence> {
    complaints
        .iter()
        .take(3)
        .flat_map(|complaint| complaint.evidence(facts).into_iter().take(1))
        .collect()
}

fn listed(workloads: &BTreeSet<&EntityRef>) -> String {
    let names: Vec<String> = workloads.iter().take(3).map(ToString::to_string).collect();
    match workloads.len().saturating_sub(names.len()) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::DnsUnavailable;
    use crate::incident::candidate::Candidate;
    use crate::incident::case::Case;
    use crate::incident::testing::of;

    const WEB: &str = "web-7d9f8b6c5-x1";
    const API: &str = "api-7d9f8b6c5-x1";

    /// Two callers, a Service `cart`, and what more there is.
    fn case(more: &[(Value, Value)]) -> Case {
        let mut workloads = vec![];
        let mut pods = vec![];
        for name in ["web", "api", "cart"] {
            workloads.push(fixture::workload("shop", name, json!([{"name": "app"}])));
            pods.push(fixture::pod("shop", name, json!([{"name": "app"}])));
        }
        for (workload, pod) in more {
            workloads.push(workload.clone());
            pods.push(pod.clone());
        }
        let mut case = fixture::case(json!({
            "workloads": workloads,
            "pods": pods,
            "services": [fixture::service("shop", "cart", json!({"port": 80}))],
        }));
        fixture::know_all(&mut case, &["Service"]);
        case
    }

    fn found(case: &Case) -> Option<Candidate> {
        of(&DnsUnavailable, case).pop()
    }

    #[test]
    fn one_wrong_name_is_not_the_fault_of_dns() {
        let mut case = case(&[]);
        fixture::log(&mut case, WEB, "getaddrinfo ENOTFOUND chart");
        fixture::log(&mut case, API, "getaddrinfo ENOTFOUND chart");
        assert!(found(&case).is_none());
    }

    #[test]
    fn a_name_that_exists_or_a_server_that_is_silent_is() {
        for line in [
            "getaddrinfo ENOTFOUND cart",
            "dial tcp: lookup chart on 10.96.0.10:53: server misbehaving",
        ] {
            let mut case = case(&[]);
            fixture::log(&mut case, WEB, line);
            let found = found(&case).unwrap();
            assert_eq!(found.entity.to_string(), "Service kube-system/kube-dns", "{line}");
            assert!(!found.unseen.is_empty());
        }
    }

    #[test]
    fn many_names_from_several_workloads_are() {
        let mut case = case(&[]);
        fixture::log(&mut case, WEB, "getaddrinfo ENOTFOUND api.pay.example.com");
        fixture::log(&mut case, WEB, "getaddrinfo ENOTFOUND mail.example.com");
        assert!(found(&case).is_none());
        fixture::log(&mut case, API, "getaddrinfo ENOTFOUND files.example.org");
        let found = found(&case).unwrap();
        assert_eq!(
            fixture::clue(&found, "several workloads cannot resolve names"),
            Some(1.0)
        );
    }

    /// What is found where a silent server has pods of these labels.
    fn server_of(ready: &str, labels: &Value) -> Candidate {
        let mut workload = fixture::workload("kube-system", "coredns", json!([{"name": "coredns"}]));
        workload["spec"]["template"]["metadata"]["labels"] = labels.clone();
        let mut pod = fixture::pod("kube-system", "coredns", json!([{"name": "coredns"}]));
        pod["metadata"]["labels"] = labels.clone();
        pod["status"]["conditions"][0]["status"] = json!(ready);
        pod["status"]["conditions"][0]["lastTransitionTime"] = json!("2026-05-01T09:20:00Z");
        let mut case = case(&[(workload, pod)]);
        let mut service = fixture::service("kube-system", "kube-dns", json!({"port": 53}));
        service["spec"]["selector"] = labels.clone();
        case.objects
            .services
            .push(serde_json::from_value(service).unwrap());
        fixture::log(&mut case, WEB, "getaddrinfo EAI_AGAIN cart");
        found(&case).unwrap()
    }

    #[test]
    fn its_server_is_whoever_stands_behind_its_service_or_serves_at_its_port() {
        let found = server_of("False", &json!({"app.kubernetes.io/name": "names"}));
        assert_eq!(found.entity.to_string(), "Deployment kube-system/coredns");
        let serving = |port: i32| {
            let containers = json!([{"name": "dns", "ports": [{"containerPort": port, "protocol": "UDP"}]}]);
            let workload = fixture::workload("kube-system", "names", containers.clone());
            let pod = fixture::pod("kube-system", "names", containers);
            let mut case = case(&[(workload, pod)]);
            fixture::log(&mut case, WEB, "getaddrinfo EAI_AGAIN cart");
            self::found(&case).unwrap().entity.to_string()
        };
        assert_eq!(serving(53), "Deployment kube-system/names");
        assert_eq!(serving(9153), "Service kube-system/kube-dns");
    }

    #[test]
    fn its_pods_are_looked_at_where_they_were_read() {
        let server = |ready: &str| server_of(ready, &json!({"k8s-app": "kube-dns"}));
        let down = server("False");
        assert_eq!(down.entity.to_string(), "Deployment kube-system/coredns");
        assert_eq!(fixture::clue(&down, "none of its pods is ready"), Some(2.5));
        // Its clients knew the name for a while.
        assert_eq!(down.onset, "2026-05-01T09:20:00Z".parse().ok());
        assert_eq!(fixture::clue(&server("True"), "its pods are ready"), Some(-0.7));
    }
}
