//! What is wrong with services.

use std::collections::BTreeSet;

use claw_core::evidence::Severity;
use claw_k8s::model::{Endpoint, Object, Service};

use super::finding::finding;
use crate::incident::candidate::Symptom;
use crate::incident::facts::{Facts, clip};

/// A service that should have endpoints and has none that is ready.
pub(super) fn no_endpoints(facts: &Facts<'_>, service: &Service) -> Option<Symptom> {
    let ns = service.metadata.ns();
    if service.is_external_name() || service.spec.selector.is_empty() {
        return None;
    }
    let slices = facts.slices_of(service);
    let ready = if slices.is_empty() {
        // Pods that were not read may be there all the same.
        if !facts.case.knows_all("Pod", ns) {
            return None;
        }
        facts
            .pods()
            .any(|pod| pod.metadata.ns() == ns && service.selects(&pod.metadata.labels) && pod.is_ready())
    } else {
        slices
            .iter()
            .flat_map(|slice| &slice.endpoints)
            .any(Endpoint::is_ready)
    };
    // A workload that is scaled to zero on purpose leaves its service without endpoints on purpose.
    let asleep = facts.top_workloads().any(|workload| {
        workload.metadata.ns() == ns
            && workload.desired() == Some(0)
            && service.selects(&workload.template().metadata.labels)
    });
    if ready || asleep {
        return None;
    }
    let statement = "has no ready endpoints".to_owned();
    let mut evidence = vec![facts.object(service, None, statement.clone())];
    evidence.extend(
        slices
            .iter()
            .take(2)
            .map(|slice| facts.object(*slice, None, "holds no ready endpoint")),
    );
    Some(Symptom {
        id: "service.no_endpoints",
        entity: service.entity(),
        severity: Severity::Critical,
        since: None,
        statement,
        evidence,
    })
}

/// Endpoints of a service that are not ready while others are, and what Kubernetes complains of about it.
pub(super) fn endpoints(facts: &Facts<'_>, service: &Service) -> Vec<Symptom> {
    let mut found = Vec::new();
    // A pod stands in a slice for each family of addresses; one that goes away was ready for as long as it was to be.
    let mut counted: BTreeSet<(String, String)> = BTreeSet::new();
    let (ready, unready): (Vec<&Endpoint>, Vec<&Endpoint>) = facts
        .slices_of(service)
        .iter()
        .flat_map(|slice| &slice.endpoints)
        .filter(|endpoint| endpoint.conditions.terminating != Some(true))
        .filter(|endpoint| {
            let target = endpoint.target_ref.as_ref();
            target.is_none_or(|target| counted.insert((target.kind.clone(), target.name.clone())))
        })
        .partition(|endpoint| endpoint.is_ready());
    if !ready.is_empty() && !unready.is_empty() {
        let statement = format!(
            "{} of {} endpoints are not ready",
            unready.len(),
            ready.len() + unready.len()
        );
        found.push(finding(
            facts,
            service,
            "service.unready_endpoints",
            Severity::Info,
            None,
            statement,
        ));
    }
    let told = facts.event(&service.entity(), |event| {
        event.is_warning()
            && event
                .last_seen()
                .is_none_or(|time| time >= facts.case.window.start)
    });
    if let Some(event) = told {
        found.push(Symptom {
            id: "service.warning",
            entity: service.entity(),
            severity: Severity::Info,
            since: event.first_seen(),
            statement: format!("{}: {}", event.reason, clip(&event.message, 160)),
            evidence: vec![facts.event_evidence(event)],
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::endpoints;
    use crate::incident::facts::Facts;
    use crate::incident::testing::{case, object};

    fn statements(ends: &[Value]) -> Vec<String> {
        let mut case = case();
        case.objects
            .services
            .push(object("cart", json!({"spec": {"selector": {"app": "cart"}}})));
        for family in ["IPv4", "IPv6"] {
            case.objects.endpoint_slices.push(object(
                &format!("cart-{family}"),
                json!({
                    "metadata": {"labels": {"kubernetes.io/service-name": "cart"}},
                    "addressType": family, "endpoints": ends,
                }),
            ));
        }
        let facts = Facts::new(&case);
        let found = endpoints(&facts, &case.objects.services[0]);
        found.into_iter().map(|symptom| symptom.statement).collect()
    }

    #[test]
    fn each_pod_counts_once_and_one_that_goes_away_does_not() {
        let end = |name: &str, ready: bool, terminating: bool| json!({"conditions": {"ready": ready, "terminating": terminating}, "targetRef": {"kind": "Pod", "name": name}});
        assert_eq!(
            statements(&[end("a", true, false), end("b", false, false)]),
            ["1 of 2 endpoints are not ready"]
        );
        assert_eq!(
            statements(&[end("a", true, false), end("b", false, true)]),
            [""; 0]
        );
    }
}
