use claw_core::change::ChangeKind;
use serde_json::json;

use super::super::fixture;
use super::super::wrong_address::WrongAddress;
use super::ServiceMissing;
use crate::incident::case::Case;
use crate::incident::mechanism::Mechanism;
use crate::incident::testing::of;

const LOST: &str = "dial tcp: lookup store on 10.96.0.10:53: no such host";

/// `web` and `api` run beside these workloads; `callers` of them cannot resolve `store`.
fn case(others: &[&str], callers: &[&str]) -> Case {
    let port = json!([{"name": "app", "ports": [{"containerPort": 5432}]}]);
    let names = ["web", "api"].iter().chain(others);
    let workloads: Vec<_> = names
        .map(|name| fixture::workload("shop", name, port.clone()))
        .collect();
    let mut case = fixture::case(json!({
        "workloads": workloads,
        "pods": callers.iter().map(|name| fixture::pod("shop", name, port.clone())).collect::<Vec<_>>(),
        "services": [fixture::service("shop", "web", json!({"port": 80}))],
    }));
    fixture::know_all(&mut case, &["Service"]);
    for caller in callers {
        fixture::log(&mut case, &format!("{caller}-7d9f8b6c5-x1"), LOST);
    }
    case
}

/// Whom both mechanisms that speak of names blame.
fn blamed(case: &Case) -> Vec<String> {
    let both: [&dyn Mechanism; 2] = [&ServiceMissing, &WrongAddress];
    both.into_iter()
        .flat_map(|mechanism| of(mechanism, case))
        .map(|found| format!("{} {}", found.mechanism, found.entity.name))
        .collect()
}

#[test]
fn a_service_is_missing_whose_workload_is_there_or_that_several_rely_on() {
    assert_eq!(blamed(&case(&["store"], &["web"])), ["service_missing store"]);
    assert_eq!(blamed(&case(&[], &["web", "api"])), ["service_missing store"]);
    // One caller alone may have made the name up.
    assert_eq!(blamed(&case(&[], &["web"])), ["wrong_address web"]);
    let mut recorded = case(&[], &["web"]);
    let store = claw_core::entity::EntityRef::namespaced("Service", "shop", "store");
    recorded
        .changes
        .push(fixture::change("2026-05-01T09:50:00Z", &store, &[]));
    assert_eq!(blamed(&recorded), ["service_missing store"]);
}

#[test]
fn what_was_not_listed_in_full_may_be_there() {
    let mut case = case(&["store"], &["web"]);
    case.listed_everywhere.clear();
    assert!(of(&ServiceMissing, &case).is_empty());
}

#[test]
fn a_caller_that_was_just_told_the_name_has_a_wrong_address() {
    let changed = |others: &[&str], detail: &[&str]| {
        let mut case = case(others, &["web"]);
        let mut change = fixture::change("2026-05-01T09:50:00Z", &fixture::deployment("web"), detail);
        change.kind = ChangeKind::Deploy;
        case.changes.push(change);
        blamed(&case)
    };
    let told = "containers[app].env[STORE]: shop-store:5432 → store:5432";
    assert_eq!(changed(&["store"], &[told]), ["wrong_address web"]);
    let other = "containers[app].image: web:1 → web:2";
    assert_eq!(changed(&["store"], &[other]), ["service_missing store"]);
    assert_eq!(changed(&["store"], &[]), ["service_missing store"]);
    // Another Service leads to the workload: the caller may have been told the wrong one of two names.
    let mut renamed = case(&["store"], &["web"]);
    let mut service = fixture::service("shop", "database", json!({"port": 5432}));
    service["spec"]["selector"] = json!({"app": "store"});
    renamed
        .objects
        .services
        .push(serde_json::from_value(service).unwrap());
    assert_eq!(blamed(&renamed), ["service_missing store"]);
    let mut change = fixture::change("2026-05-01T09:50:00Z", &fixture::deployment("web"), &[]);
    change.kind = ChangeKind::Deploy;
    renamed.changes.push(change);
    assert_eq!(blamed(&renamed), ["wrong_address web"]);
}

#[test]
fn the_command_makes_it_again_for_the_port_that_is_called() {
    let command = |line: &str| {
        let mut case = case(&["store"], &["web"]);
        case.logs.clear();
        fixture::log(&mut case, "web-7d9f8b6c5-x1", line);
        let found = of(&ServiceMissing, &case);
        found[0].advice[0].command.clone().unwrap()
    };
    let expose = "kubectl -n shop expose deployment/store --name=store";
    assert_eq!(command(LOST), format!("{expose} --port=5432 --target-port=5432"));
    assert_eq!(
        command("Post \"http://store:8080/a\": dial tcp: lookup store: no such host"),
        format!("{expose} --port=8080 --target-port=5432")
    );
    // Nothing exposes a StatefulSet.
    let mut case = case(&["store"], &["web"]);
    case.objects.workloads[2].kind = "StatefulSet".to_owned();
    case.objects.workloads[2].spec.service_name = "store".to_owned();
    let command = of(&ServiceMissing, &case)[0].advice[0].command.clone().unwrap();
    assert_eq!(
        command,
        "kubectl -n shop create service clusterip store --tcp=5432:5432 --clusterip=None && kubectl -n shop set selector service store app=store"
    );
}

#[test]
fn of_several_ports_none_is_guessed() {
    let command = |line: &str| {
        let mut case = case(&["store"], &["web"]);
        let container = &mut case.objects.workloads[2].spec.template.spec.containers[0];
        let mut second = container.ports[0].clone();
        second.container_port = 9090;
        container.ports.push(second);
        case.logs.clear();
        fixture::log(&mut case, "web-7d9f8b6c5-x1", line);
        of(&ServiceMissing, &case)[0].advice[0].command.clone()
    };
    let called = |port: u16| format!("Post \"http://store:{port}/a\": dial tcp: lookup store: no such host");
    assert_eq!(command(&called(80)), None);
    assert!(
        command(&called(9090))
            .unwrap()
            .ends_with("--port=9090 --target-port=9090")
    );
}

#[test]
fn what_programs_make_of_an_address_that_is_not_set_is_no_service() {
    let mut case = case(&[], &["web", "api"]);
    case.logs.clear();
    for caller in ["web", "api"] {
        fixture::log(
            &mut case,
            &format!("{caller}-7d9f8b6c5-x1"),
            "getaddrinfo ENOTFOUND undefined",
        );
    }
    assert!(of(&ServiceMissing, &case).is_empty());
}
