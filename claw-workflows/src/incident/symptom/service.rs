//! What is wrong with services.

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
    let slices: Vec<_> = facts
        .case
        .objects
        .endpoint_slices
        .iter()
        .filter(|slice| slice.metadata.ns() == ns && slice.service() == Some(service.metadata.name.as_str()))
        .collect();
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
    let slices = facts.case.objects.endpoint_slices.iter().filter(|slice| {
        slice.metadata.namespace == service.metadata.namespace
            && slice.service() == Some(service.metadata.name.as_str())
    });
    let (ready, unready): (Vec<&Endpoint>, Vec<&Endpoint>) = slices
        .flat_map(|slice| &slice.endpoints)
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
