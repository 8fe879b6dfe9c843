use serde_json::{Value, json};

use super::super::fixture;
use super::PortMismatch;
use crate::incident::candidate::Candidate;
use crate::incident::case::Case;

const REFUSED: &str = "GET http://cart:80/items failed: connect ECONNREFUSED cart:80";

/// A ready pod of these containers behind a Service whose port 80 leads to `target`, called by `web`.
fn case(target: Value, containers: &Value) -> Case {
    let mut case = fixture::case(json!({
        "workloads": [
            fixture::workload("shop", "cart", containers.clone()),
            fixture::workload("shop", "web", json!([])),
        ],
        "pods": [
            fixture::pod("shop", "cart", containers.clone()),
            fixture::pod("shop", "web", json!([{"name": "web"}])),
        ],
        "services": [fixture::service("shop", "cart", json!({"port": 80, "targetPort": target}))],
    }));
    fixture::call(&mut case, "web", "cart");
    case
}

fn found(case: &Case) -> Vec<Candidate> {
    crate::incident::testing::of(&PortMismatch, case)
}

fn app() -> Value {
    json!([{
        "name": "app", "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
    }])
}

#[test]
fn an_undeclared_number_needs_a_failure() {
    let mut case = case(json!(8800), &app());
    assert!(found(&case).is_empty(), "declaring ports is not required");
    fixture::log(&mut case, "web-7d9f8b6c5-x1", REFUSED);
    let found = found(&case);
    assert_eq!(found.len(), 1);
    assert_eq!(
        fixture::clue(&found[0], "connections to it are refused"),
        Some(1.5)
    );
    assert_eq!(
        fixture::clue(&found[0], "its probe passes on another port"),
        Some(0.7)
    );
    assert!(found[0].advice[0].command.as_deref().unwrap().contains("8080"));
}

#[test]
fn an_unready_endpoint_is_a_failure_too() {
    let mut case = case(json!(8800), &app());
    case.objects.endpoint_slices = serde_json::from_value(json!([{
        "metadata": {"name": "cart-a", "namespace": "shop", "labels": {"kubernetes.io/service-name": "cart"}},
        "endpoints": [{"addresses": ["10.1.0.9"], "conditions": {"ready": false}}],
    }]))
    .unwrap();
    let found = found(&case);
    assert_eq!(found.len(), 1);
    assert_eq!(fixture::clue(&found[0], "target port is not declared"), Some(1.2));
}

#[test]
fn refusals_at_another_port_say_nothing_of_this_one() {
    let mut case = case(json!(8800), &app());
    fixture::log(&mut case, "web-7d9f8b6c5-x1", "connect ECONNREFUSED cart:9000");
    assert!(found(&case).is_empty());
}

#[test]
fn names_are_resolved_to_numbers() {
    // The probe asks `http`, the Service 8080: they are one.
    let mut case = case(json!(8080), &app());
    fixture::log(&mut case, "web-7d9f8b6c5-x1", REFUSED);
    assert!(found(&case).is_empty());
}

#[test]
fn a_name_that_nobody_declares_needs_no_failure() {
    let found = found(&case(json!("web"), &app()));
    assert_eq!(found.len(), 1);
    assert_eq!(fixture::clue(&found[0], "target port is not declared"), Some(3.5));
}

#[test]
fn a_sidecar_that_declares_a_port_does_not_speak_for_the_app() {
    let containers = json!([
        {"name": "app"},
        {"name": "proxy", "ports": [{"name": "metrics", "containerPort": 15090}]},
    ]);
    let mut case = case(json!(8080), &containers);
    assert!(found(&case).is_empty());
    fixture::log(&mut case, "web-7d9f8b6c5-x1", REFUSED);
    assert_eq!(found(&case).len(), 1);
}

#[test]
fn pods_that_declare_nothing_are_judged_by_their_probe() {
    let with = |probe: i32| {
        let containers = json!([{"name": "app", "readinessProbe": {"tcpSocket": {"port": probe}}}]);
        let mut case = case(json!(8800), &containers);
        fixture::log(&mut case, "web-7d9f8b6c5-x1", REFUSED);
        found(&case).len()
    };
    assert_eq!(with(8080), 1);
    assert_eq!(with(8800), 0);
}

#[test]
fn only_an_edit_shortly_before_the_trouble_counts() {
    let with = |time: &str| {
        let mut case = case(json!("web"), &app());
        let entity = claw_core::entity::EntityRef::namespaced("Service", "shop", "cart");
        case.changes.push(fixture::change(time, &entity, &[]));
        fixture::clue(&found(&case)[0], "ports were changed")
    };
    assert_eq!(with("2026-05-01T09:30:00Z"), Some(1.0));
    assert_eq!(with("2022-05-01T09:30:00Z"), None);
    assert_eq!(with("2026-05-01T10:20:00Z"), None);
}

#[test]
fn an_edit_right_before_the_trouble_is_enough_of_a_sign() {
    let edited = |time: &str| {
        let mut case = case(json!(8800), &app());
        let service = claw_core::entity::EntityRef::namespaced("Service", "shop", "cart");
        let change = fixture::change(time, &service, &[]);
        case.changes.push(change);
        found(&case)
    };
    let found = edited("2026-05-01T09:50:00Z");
    assert_eq!(found.len(), 1);
    assert!(!found[0].unseen.is_empty());
    assert!(edited("2026-05-01T09:10:00Z").is_empty(), "it worked for long");
}
