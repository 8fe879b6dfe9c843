use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use serde_json::json;

use super::super::fixture;
use super::ChangedSetting;
use crate::incident::candidate::Candidate;
use crate::incident::case::Case;
use crate::incident::testing::of;

/// `web` calls `stock`, and `mail` has nothing to do with them.
fn shop() -> Case {
    let names = ["web", "stock", "mail"];
    let mut case = fixture::case(json!({
        "workloads": names.map(|name| fixture::workload("shop", name, json!([{"name": "app"}]))),
        "pods": names.map(|name| fixture::pod("shop", name, json!([{"name": "app"}]))),
        "services": names.map(|name| fixture::service("shop", name, json!({"port": 80}))),
    }));
    fixture::call(&mut case, "web", "stock");
    case
}

fn rollout(name: &str, line: &str) -> Change {
    let mut change = fixture::change("2026-05-01T09:52:00Z", &fixture::deployment(name), &[line]);
    change.kind = ChangeKind::Deploy;
    change
}

/// What is put forward where `writer` logs `text` from five minutes to ten on, after `change`.
fn linked(change: Change, writer: &str, text: &str) -> Vec<Candidate> {
    let mut case = shop();
    case.changes.push(change);
    fixture::log(
        &mut case,
        &format!("{writer}-7d9f8b6c5-x1"),
        &format!("ERROR {text}"),
    );
    of(&ChangedSetting, &case)
}

fn named(found: &[Candidate]) -> Vec<(String, f64)> {
    found
        .iter()
        .map(|found| (found.entity.to_string(), found.clues[0].log_odds))
        .collect()
}

const POLL: &str = "containers[app].env[MAX_POLL_RECORDS]: 100 → 2000";
const POLLED: &str = "the consumer left: reduce max.poll.records";

#[test]
fn errors_that_name_what_was_changed_are_the_changes() {
    let found = linked(rollout("stock", POLL), "stock", POLLED);
    assert_eq!(named(&found), [("Deployment shop/stock".to_owned(), 3.0)]);
    assert!(found[0].change.is_some());
    assert!(found[0].cause.contains("100 → 2000"), "{}", found[0].cause);
    let database = "containers[app].env[MYSQL_DATABASE]: socksdb → socksdb_eu";
    let text = "Error 1049 (42000): Unknown database 'socksdb_eu'";
    assert_eq!(
        named(&linked(rollout("stock", database), "stock", text))[0].1,
        3.0
    );
    // Those who call it say it less surely, and others do not say it of this change.
    assert_eq!(named(&linked(rollout("stock", POLL), "web", POLLED))[0].1, 2.5);
    assert!(linked(rollout("stock", POLL), "mail", POLLED).is_empty());
    assert!(linked(rollout("mail", POLL), "stock", POLLED).is_empty());
}

#[test]
fn a_change_of_long_before_or_after_is_not_linked() {
    for time in [
        "2026-05-01T07:50:00Z",
        "2026-05-01T09:57:00Z",
        "2026-04-29T09:50:00Z",
    ] {
        let mut change = rollout("stock", POLL);
        change.time = time.parse().unwrap();
        assert!(linked(change, "stock", POLLED).is_empty(), "{time}");
    }
}

#[test]
fn words_that_were_there_before_say_nothing() {
    let mut case = shop();
    case.changes.push(rollout("stock", POLL));
    fixture::log(&mut case, "stock-7d9f8b6c5-x1", &format!("ERROR {POLLED}"));
    let usual = |time: &str| {
        ["poll", "records"]
            .map(|word| (word.to_owned(), Some(time.parse().unwrap())))
            .into_iter()
            .collect()
    };
    case.logs[0].usual = usual("2026-05-01T09:30:00Z");
    assert!(of(&ChangedSetting, &case).is_empty());
    // A program that tells its settings when it starts tells the new ones.
    case.logs[0].usual = usual("2026-05-01T09:53:00Z");
    assert_eq!(of(&ChangedSetting, &case).len(), 1);
}

#[test]
fn a_change_is_linked_to_what_it_is_known_to_bring_about() {
    let limited = "GET https://fares.example/v2: 429 Too Many Requests";
    let more = "containers[app].env[PREFETCH_CONCURRENCY]: 4 → 64";
    assert_eq!(named(&linked(rollout("stock", more), "stock", limited))[0].1, 2.4);
    let less = "containers[app].env[PREFETCH_CONCURRENCY]: 64 → 4";
    assert!(linked(rollout("stock", less), "stock", limited).is_empty());

    let mount = "containers[app].securityContext.readOnlyRootFilesystem: false → true";
    let refused = "EROFS: read-only file system, open '/tmp/a'";
    assert!(named(&linked(rollout("stock", mount), "stock", refused))[0].1 > 3.0);
    assert!(linked(rollout("stock", mount), "web", refused).is_empty());

    let command = "containers[app].command: ./stock → ./fares";
    let unknown = "rpc error: code = Unimplemented desc = unknown service stock.Stock";
    assert!(!linked(rollout("stock", command), "web", unknown).is_empty());
    let other = "rpc error: code = Unimplemented desc = unknown service rates.Rates";
    assert!(linked(rollout("stock", command), "web", other).is_empty());

    let load = "containers[app].env[LOCUST_USERS]: 10 → 800";
    let overflow = "GET / 503 upstream_reset_before_response_started{overflow}";
    let found = linked(rollout("web", load), "stock", overflow);
    assert_eq!(named(&found)[0].0, "Deployment shop/web");
    assert!(found[0].hurts.contains(&fixture::deployment("stock")));
}

#[test]
fn an_edit_of_a_service_that_its_callers_cannot_reach_since_is_linked() {
    let service = EntityRef::namespaced("Service", "shop", "stock");
    let refused = "dial tcp: stock:80: connect: connection refused";
    let edit = || fixture::change("2026-05-01T09:52:00Z", &service, &[]);
    let found = linked(edit(), "web", refused);
    assert_eq!(named(&found), [("Service shop/stock".to_owned(), 2.4)]);
    // Of another, or rolled out with it.
    assert!(linked(edit(), "web", "dial tcp: mail:80: connect: connection refused").is_empty());
    let mut case = shop();
    case.changes = vec![edit(), rollout("stock", "containers[app].image: a:1 → a:2")];
    fixture::log(&mut case, "web-7d9f8b6c5-x1", refused);
    assert!(of(&ChangedSetting, &case).is_empty());
}

#[test]
fn an_edit_of_a_file_that_its_reader_cannot_read_since_is_linked() {
    let mut case = shop();
    let volumes = json!([{"name": "rates", "configMap": {"name": "rates"}}]);
    let mut workload = fixture::workload("shop", "stock", json!([{"name": "app"}]));
    workload["spec"]["template"]["spec"]["volumes"] = volumes;
    case.objects.workloads[1] = serde_json::from_value(workload).unwrap();
    case.objects.config_maps.push(crate::incident::testing::object(
        "rates",
        json!({"data": {"rates-eu.yaml": "a: 1", "other.yaml": "b: 2"}}),
    ));
    let map = EntityRef::namespaced("ConfigMap", "shop", "rates");
    case.changes
        .push(fixture::change("2026-05-01T09:52:00Z", &map, &[]));
    fixture::log(
        &mut case,
        "stock-7d9f8b6c5-x1",
        "ERROR cannot parse /etc/rates-eu.yaml: invalid yaml",
    );
    let found = of(&ChangedSetting, &case);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].entity, map);
}

#[test]
fn who_lost_an_address_calls_nobody() {
    let lost = "containers[app].env[CART_ADDR]: cart:8080 → (none)";
    for text in [
        "14 UNAVAILABLE: Name resolution failed for target dns:undefined",
        "connect ECONNREFUSED 127.0.0.1:8080",
    ] {
        let found = linked(rollout("stock", lost), "stock", text);
        assert_eq!(
            named(&found),
            [("Deployment shop/stock".to_owned(), 2.8)],
            "{text}"
        );
    }
    // Somebody is called, of whom this setting says nothing.
    let other = "dial tcp: lookup pay on 10.96.0.10:53: no such host";
    assert!(linked(rollout("stock", lost), "stock", other).is_empty());
}
