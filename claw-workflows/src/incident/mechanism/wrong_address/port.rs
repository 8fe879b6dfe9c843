//! A workload calls a Service at a port that the Service does not have.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_k8s::address::Address;
use claw_k8s::model::{Object, Service};
use claw_metrics::logs::indicators::Indicator;

use super::with_change;
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Complaint, service_called};
use crate::incident::facts::Facts;
use crate::incident::mechanism::named_hosts::named;

/// A Service, and the port at which it is called in vain.
struct Wrong<'a> {
    workload: EntityRef,
    service: &'a Service,
    port: i32,
}

/// Callers whose connections to a port of a Service come to nothing, and there is no such port; and callers whose
/// environment names such a port.
pub(super) fn candidates(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for complaint in facts.complaints() {
        let unanswered = matches!(
            complaint.kind,
            Indicator::ConnectionRefused | Indicator::Timeout | Indicator::Unreachable
        );
        if let Some(wrong) = unanswered.then(|| complained(facts, complaint)).flatten()
            && seen.insert((wrong.workload.clone(), wrong.service.entity(), wrong.port))
        {
            found.push(candidate(facts, &wrong, Some(complaint)));
        }
    }
    for workload in facts.top_workloads() {
        let this = workload.entity();
        for address in named(&workload.template().spec) {
            if let Some(wrong) = wrong(facts, &this, &address)
                && seen.insert((this.clone(), wrong.service.entity(), wrong.port))
            {
                found.push(candidate(facts, &wrong, None));
            }
        }
    }
    found
}

fn complained<'a>(facts: &Facts<'a>, complaint: &Complaint<'_>) -> Option<Wrong<'a>> {
    let address = Address::parse(complaint.host.as_deref()?)?;
    wrong(facts, &complaint.workload, &address)
}

/// The Service that an address means, if it has no such port. The pods of a headless Service are called at any port.
fn wrong<'a>(facts: &Facts<'a>, workload: &EntityRef, address: &Address) -> Option<Wrong<'a>> {
    let port = i32::from(address.port?);
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let service = service_called(facts, namespace, &address.host)?;
    let open = service.spec.ports.is_empty()
        || service.spec.ports.iter().any(|known| known.port == port)
        || service.spec.cluster_ip == "None"
        || service.is_external_name();
    (!open && facts.unit_of(&service.entity()) != *workload).then(|| Wrong {
        workload: workload.clone(),
        service,
        port,
    })
}

fn candidate(facts: &Facts<'_>, wrong: &Wrong<'_>, complaint: Option<&Complaint<'_>>) -> Candidate {
    let Wrong {
        workload,
        service,
        port,
    } = wrong;
    let entity = service.entity();
    let ports: Vec<String> = service
        .spec
        .ports
        .iter()
        .map(|port| port.port.to_string())
        .collect();
    let ports = ports.join(", ");
    let since = complaint.and_then(Complaint::since);
    let seen = vec![facts.object(*service, None, format!("has the ports {ports}"))];
    let mut found = Candidate::new(
        "wrong_address",
        workload.clone(),
        format!("{workload} calls {entity} at port {port}, and it has {ports}"),
    )
    .aspect(format!("{entity}:{port}"))
    .clue("service has no such port", 1.5, seen)
    .since(since)
    .derived(0.1);
    found = match complaint {
        Some(complaint) => found.clue("its calls come to nothing", 1.8, complaint.evidence(facts)),
        None => found.unseen(format!("whether calls from {workload} to {entity} fail")),
    };
    // The Service may have lost the port, too.
    if let Some(change) = facts.change_before(&entity, since, |change| change.time >= facts.case.window.start)
    {
        found = found.clue(
            "the service was changed, not its caller",
            -1.2,
            vec![facts.change_evidence(change)],
        );
    }
    with_change(facts, found, since, "It called the right port before").advise(Advice::new(
        format!("Have {workload} call {entity} at a port that it has: {ports}"),
        "Nobody answers at a port that a Service does not have",
    ))
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::{Value, json};

    use super::candidates;
    use crate::incident::candidate::Candidate;
    use crate::incident::case::Case;
    use crate::incident::facts::Facts;
    use crate::incident::mechanism::fixture;

    fn case(env: &Value) -> Case {
        fixture::case(json!({
            "workloads": [fixture::workload("shop", "web", json!([{"name": "app", "env": env}]))],
            "pods": [fixture::pod("shop", "web", json!([{"name": "app"}]))],
            "services": [fixture::service("shop", "cart", json!({"port": 8080}))],
        }))
    }

    fn found(case: &Case) -> Vec<Candidate> {
        candidates(&Facts::new(case))
    }

    #[test]
    fn a_port_that_the_service_does_not_have_is_wrong() {
        let with = |name: &str, value: &str| found(&case(&json!([{"name": name, "value": value}]))).len();
        assert_eq!(with("CART_URL", "http://cart:8081/v1"), 1);
        assert_eq!(with("CART_URL", "http://cart.shop.svc.cluster.local:8080"), 0);
        assert_eq!(with("CART_URL", "http://cart"), 0);
        assert_eq!(with("PAY_URL", "http://pay:9000"), 0);
        let split = json!([{"name": "CART_HOST", "value": "cart"}, {"name": "CART_PORT", "value": "80"}]);
        assert_eq!(found(&case(&split)).len(), 1);
    }

    #[test]
    fn an_edit_of_what_the_caller_reads_brought_the_wrong_port() {
        let found = |edited: &str| {
            let volumes = json!([{"name": "conf", "configMap": {"name": "web-nginx"}}]);
            let mut workload = fixture::workload("shop", "web", json!([{"name": "app"}]));
            workload["spec"]["template"]["spec"]["volumes"] = volumes;
            let mut case = fixture::case(json!({
                "workloads": [workload],
                "pods": [fixture::pod("shop", "web", json!([{"name": "app"}]))],
                "services": [fixture::service("shop", "cart", json!({"port": 8080}))],
            }));
            let text = "dial tcp: connect to cart:8081: connection refused";
            fixture::log(&mut case, "web-7d9f8b6c5-x1", text);
            let map = EntityRef::namespaced("ConfigMap", "shop", edited);
            case.changes
                .push(fixture::change("2026-05-01T09:55:00Z", &map, &[]));
            let found = found(&case);
            assert_eq!(found.len(), 1);
            fixture::clue(&found[0], "its configuration was edited")
        };
        assert_eq!(found("web-nginx"), Some(1.0));
        assert_eq!(found("cart-nginx"), None);
    }

    #[test]
    fn who_complains_is_surer_than_who_is_configured() {
        let mut case = case(&json!([]));
        fixture::log(
            &mut case,
            "web-7d9f8b6c5-x1",
            "dial tcp: connect to cart:8080: connection refused",
        );
        assert!(found(&case).is_empty());
        fixture::log(
            &mut case,
            "web-7d9f8b6c5-x1",
            "Post \"http://cart:80/add\": dial tcp 10.96.0.77:80: i/o timeout",
        );
        let found = found(&case);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(fixture::clue(&found[0], "its calls come to nothing"), Some(1.8));
    }
}
