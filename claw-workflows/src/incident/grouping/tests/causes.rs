//! What calls what.

use super::*;

#[test]
fn callers_belong_to_what_they_call() {
    let alerts = [service(0, "db"), service(12, "orders"), service(15, "web")];
    let calls = ["orders>db", "web>orders"];
    assert_eq!(with_calls(&alerts, &calls), [vec![0, 1, 2]]);
    assert_eq!(
        by_labels(&alerts),
        [vec![0], vec![1, 2]],
        "nothing but the namespace is known"
    );
}

#[test]
fn two_that_feel_a_third_belong_together_though_the_third_says_nothing() {
    let alerts = [service(0, "orders"), service(4, "billing"), service(3, "search")];
    let calls = [
        "orders>db",
        "billing>db",
        "web>orders",
        "web>billing",
        "web>search",
    ];
    assert_eq!(
        with_calls(&alerts, &calls),
        [vec![0, 1], vec![2]],
        "a common caller is no common cause"
    );
}

#[test]
fn what_says_nothing_is_a_common_cause_only_if_most_of_its_callers_suffer() {
    let alerts = [service(0, "orders"), service(2, "billing")];
    let calls = ["orders>flags", "billing>flags"];
    assert_eq!(with_calls(&alerts, &calls), [vec![0, 1]]);
    let more = [&calls[..], &["search>flags", "mail>flags"]].concat();
    assert_eq!(with_calls(&alerts, &more), [vec![0], vec![1]]);
    let third = [&alerts[..], &[service(3, "mail")]].concat();
    assert_eq!(with_calls(&third, &more), [vec![0, 1, 2]], "three of four");
    // A caller in another cluster is another one, and does not suffer here.
    let of = |cluster: &str, alert: Alert| {
        let mut alert = alert;
        alert.labels.insert("cluster".to_owned(), cluster.to_owned());
        alert
    };
    let apart = [
        of("a", service(0, "orders")),
        of("b", service(1, "mail")),
        of("a", service(2, "billing")),
    ];
    assert_eq!(with_calls(&apart, &more), [vec![0], vec![1], vec![2]]);
}

#[test]
fn a_caller_that_has_its_cause_makes_no_incident_of_two() {
    // The budget of `web` is used up late, by what began with `cart`; then `search` fails.
    let budget = Alert {
        fingerprint: "budget".to_owned(),
        ..service(43, "web")
    };
    let calls = ["web>cart", "web>search", "search>index"];
    let alerts = [
        service(0, "cart"),
        service(5, "web"),
        budget,
        service(63, "search"),
        service(65, "index"),
    ];
    assert_eq!(with_calls(&alerts, &calls), [vec![0, 1, 2], vec![3, 4]]);
    // One that nothing explains yet is explained by what it calls, though that comes late.
    let alerts = [service(43, "web"), service(63, "search")];
    assert_eq!(with_calls(&alerts, &calls), [vec![0, 1]]);
    // It is explained by the first thing that it calls, though it was heard of before that.
    let alerts = [service(0, "web"), service(5, "cart"), service(28, "search")];
    assert_eq!(with_calls(&alerts, &calls), [vec![0, 1], vec![2]]);
    // What fails at once with that which explains it may have the same cause.
    let alerts = [service(0, "cart"), service(5, "web"), service(7, "search")];
    assert_eq!(with_calls(&alerts, &calls), [vec![0, 1, 2]]);
}

#[test]
fn what_has_its_cause_elsewhere_has_no_neighbours() {
    let cache = alert(
        0,
        &[("alertname", "Down"), ("namespace", "data"), ("pod", "cache-0")],
    );
    let alerts = [cache, service(2, "feed"), service(3, "export")];
    let calls = ["feed>cache"];
    let mut around = Surroundings::calling(&alerts, &calls);
    around.0.calls[0].callee = EntityRef::namespaced("Service", "data", "cache");
    assert_eq!(positions(&alerts, around), [vec![0, 1], vec![2]]);
    assert_eq!(by_labels(&alerts), [vec![0], vec![1, 2]]);
}

#[test]
fn what_needs_nobody_belongs_to_what_fails_and_makes_no_incident_with_its_like() {
    let quiet = |minute, name: &str| {
        let mut alert = service(minute, name);
        alert.labels.insert("severity".to_owned(), "info".to_owned());
        Alert {
            fingerprint: format!("{name} {minute}"),
            ..alert
        }
    };
    let calls = ["web>cart", "cart>db"];
    let alerts = [
        quiet(0, "db"),
        quiet(3, "cart"),
        quiet(6, "web"),
        quiet(20, "cart"),
    ];
    assert_eq!(with_calls(&alerts, &calls), [vec![0], vec![1, 3], vec![2]]);
    let alerts = [
        service(0, "db"),
        quiet(1, "db"),
        quiet(2, "web"),
        quiet(3, "cart"),
    ];
    assert_eq!(with_calls(&alerts, &calls), [vec![0, 1, 3], vec![2]]);
    assert_eq!(by_labels(&alerts), [vec![0, 1], vec![2], vec![3]]);
}
