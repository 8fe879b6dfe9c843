use claw_core::entity::EntityRef;
use serde_json::{Value, json};

use super::super::fixture;
use super::NetworkPolicyBlocks;
use crate::incident::case::Case;
use crate::incident::testing::{at, of};

/// `web` calls `cart`, whose container declares no port, under these rules for all of the namespace.
fn case(spec: &Value) -> Case {
    fixture::case(json!({
        "workloads": [
            fixture::workload("shop", "web", json!([{"name": "app"}])),
            fixture::workload("shop", "cart", json!([{"name": "app"}])),
        ],
        "pods": [fixture::pod("shop", "web", json!([{"name": "app"}]))],
        "services": [fixture::service("shop", "cart", json!({"port": 80, "targetPort": 8080}))],
        "network_policies": [{"metadata": {"name": "strict", "namespace": "shop"}, "spec": spec}],
    }))
}

fn causes(case: &Case) -> Vec<String> {
    of(&NetworkPolicyBlocks, case)
        .into_iter()
        .map(|found| found.cause)
        .collect()
}

#[test]
fn ports_that_nobody_declares_are_those_of_the_service() {
    let only = |port: i32| json!({"podSelector": {}, "ingress": [{"ports": [{"port": port}]}]});
    let blocked = |port| {
        let mut case = case(&only(port));
        fixture::call(&mut case, "web", "cart");
        causes(&case)
    };
    assert_eq!(
        blocked(9090),
        [
            "NetworkPolicy shop/strict lets nothing in from Deployment shop/web, so Deployment shop/web cannot reach Deployment shop/cart"
        ]
    );
    assert_eq!(blocked(8080), [""; 0]);
}

#[test]
fn a_timeout_in_the_logs_tells_of_a_call() {
    let mut case = case(&json!({"podSelector": {"matchLabels": {"app": "cart"}}}));
    assert_eq!(causes(&case), [""; 0]);
    fixture::log(&mut case, "web-7d9f8b6c5-x1", "dial tcp cart:80: i/o timeout");
    let found = of(&NetworkPolicyBlocks, &case);
    assert_eq!(found.len(), 1);
    assert_eq!(
        fixture::clue(&found[0], "caller logs that it gets no answer"),
        Some(1.5)
    );
}

#[test]
fn who_may_not_ask_for_names_resolves_none() {
    let lookup = "dial tcp: lookup cart on 10.96.0.10:53: read udp 10.1.0.9:5353: i/o timeout";
    let dns = json!({
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
        "ports": [{"port": 53, "protocol": "UDP"}],
    });
    let inside = json!({"to": [{"podSelector": {}}]});
    for (egress, blocked) in [
        (json!([inside]), true),
        (json!([inside, dns]), false),
        (json!([{}]), false),
        // Whether a range of addresses holds the server is not known.
        (json!([{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]), false),
    ] {
        let spec = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": egress});
        let mut case = case(&spec);
        fixture::log(&mut case, "web-7d9f8b6c5-x1", lookup);
        let found = causes(&case);
        assert_eq!(
            found.iter().any(|cause| cause.contains("the cluster's DNS")),
            blocked,
            "{spec}: {found:?}"
        );
    }
}

#[test]
fn a_pod_that_nobody_owns_is_held_to_policies_as_well() {
    let spec = json!({"podSelector": {}, "policyTypes": ["Egress"]});
    let mut case = case(&spec);
    let mut pod = fixture::pod("shop", "client", json!([{"name": "app"}]));
    pod["metadata"]["name"] = json!("client");
    pod["metadata"]["ownerReferences"] = json!([]);
    case.objects.pods.push(serde_json::from_value(pod).unwrap());
    fixture::log(
        &mut case,
        "client",
        "Failed to resolve 'cart' ([Errno -3] Try again)",
    );
    let found = causes(&case);
    assert!(
        found
            .iter()
            .any(|cause| cause.contains("so Pod shop/client cannot reach")),
        "{found:?}"
    );
}

#[test]
fn who_may_not_leave_the_cluster_reaches_no_host_outside() {
    let line = "Post https://api.pay.example.com:443/charge: context deadline exceeded";
    for (egress, blocked) in [
        (json!([{"to": [{"namespaceSelector": {}}]}]), true),
        (json!([{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]), false),
        (json!([{}]), false),
        (json!([{"ports": [{"port": 80}]}]), true),
    ] {
        let spec = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": egress});
        let mut case = case(&spec);
        fixture::log(&mut case, "web-7d9f8b6c5-x1", line);
        let found = causes(&case);
        assert_eq!(!found.is_empty(), blocked, "{spec}: {found:?}");
    }
}

#[test]
fn a_policy_that_stood_for_months_is_doubted() {
    let weight = |made: &str| {
        let mut case = case(&json!({"podSelector": {"matchLabels": {"app": "cart"}}}));
        let policy = &mut case.objects.network_policies[0].metadata;
        policy.creation_timestamp = Some(made.parse().unwrap());
        policy.generation = Some(1);
        fixture::log(&mut case, "web-7d9f8b6c5-x1", "dial tcp cart:80: i/o timeout");
        fixture::clue(&of(&NetworkPolicyBlocks, &case)[0], "was like this long before")
    };
    assert_eq!(weight("2026-05-01T09:30:00Z"), None);
    assert_eq!(weight("2025-12-01T09:30:00Z"), Some(-1.5));
}

#[test]
fn a_port_that_nobody_names_is_not_guessed() {
    let blocked = |line: &str, egress: serde_json::Value| {
        let spec = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": egress});
        let mut case = case(&spec);
        fixture::log(&mut case, "web-7d9f8b6c5-x1", line);
        !causes(&case).is_empty()
    };
    let bare = "connection to api.pay.example.com timed out";
    let mail = json!([{"ports": [{"port": 587}]}]);
    assert!(!blocked(bare, mail.clone()));
    assert!(blocked(bare, json!([])));
    assert!(blocked(
        bare,
        json!([{"to": [{"podSelector": {}}], "ports": [{"port": 587}]}])
    ));
    // The scheme tells.
    let url = "Post \"https://api.pay.example.com/charge\": context deadline exceeded";
    assert!(blocked(url, mail));
    assert!(!blocked(url, json!([{"ports": [{"port": 443}]}])));
}

#[test]
fn calls_that_only_metrics_show_are_made_as_well() {
    let found = |failing: bool| {
        let mut case = case(&json!({"podSelector": {"matchLabels": {"app": "cart"}}}));
        let labels = [
            ("__name__", "istio_requests_total"),
            ("reporter", "source"),
            ("source_workload", "web"),
            ("source_workload_namespace", "shop"),
            ("destination_service", "cart.shop.svc.cluster.local"),
            ("stat", "error_ratio"),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let points = (-60_i64..30).map(|minute| {
            let bad = failing && minute >= 0;
            let wave = 0.0002 * minute.rem_euclid(5) as f64;
            (at(60 * minute), if bad { 0.9 } else { 0.001 } + wave)
        });
        let series = claw_metrics::series::Series::new(labels.into_iter().collect(), points.collect());
        let incident = claw_core::report::Window {
            start: at(0),
            end: at(1800),
        };
        let signal = claw_metrics::signal::detect(&series, &incident, None, &Default::default());
        case.signals.extend(signal);
        case.calls.push(crate::incident::case::Call {
            caller: EntityRef::namespaced(claw_metrics::classify::UNKNOWN_WORKLOAD, "shop", "web"),
            callee: EntityRef::namespaced("Service", "shop", "cart"),
            via: "metrics".to_owned(),
        });
        let found = of(&NetworkPolicyBlocks, &case);
        assert_eq!(found.len(), 1);
        fixture::clue(&found[0], "measured calls to it fail")
    };
    assert_eq!(found(true), Some(1.5));
    assert_eq!(found(false), None);
}
