use claw_core::entity::EntityRef;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::incident::facts::built;
use crate::incident::testing::{at, object};

/// An alert of these labels, which begins at a minute.
fn alert(minute: i64, labels: &[(&str, &str)]) -> Alert {
    let pairs = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)));
    serde_json::from_value(json!({
        "fingerprint": format!("{labels:?}"),
        "labels": pairs.collect::<serde_json::Map<_, _>>(),
        "starts_at": at(60 * minute),
    }))
    .unwrap()
}

fn service(minute: i64, name: &str) -> Alert {
    alert(
        minute,
        &[("alertname", "Slow"), ("namespace", "shop"), ("service", name)],
    )
}

/// Another alert about a service than `Slow`.
fn named(minute: i64, name: &str, service: &str) -> Alert {
    alert(
        minute,
        &[("alertname", name), ("namespace", "shop"), ("service", service)],
    )
}

/// The same, with what calls what: `caller>callee`.
fn with_calls(alerts: &[Alert], calls: &[&str]) -> Vec<Vec<usize>> {
    positions(alerts, Surroundings::calling(alerts, calls))
}

fn by_labels(alerts: &[Alert]) -> Vec<Vec<usize>> {
    positions(alerts, Surroundings::unknown(alerts))
}

fn positions(alerts: &[Alert], around: Surroundings) -> Vec<Vec<usize>> {
    group(alerts, around)
        .into_iter()
        .map(|group| group.alerts)
        .collect()
}

#[test]
fn a_pod_its_workload_and_its_service_are_one_thing() {
    let pods = [
        "cart-7d9c5b6f4-x8k2p",
        "cart-5f7d8a9b1c-abc12",
        "cart-0",
        "cart-x8k2p",
    ];
    for pod in pods {
        let alerts = [
            alert(0, &[("alertname", "Crash"), ("namespace", "shop"), ("pod", pod)]),
            alert(
                40,
                &[
                    ("alertname", "Short"),
                    ("namespace", "shop"),
                    ("deployment", "cart"),
                ],
            ),
            alert(
                50,
                &[("alertname", "Slow"), ("namespace", "shop"), ("service", "cart")],
            ),
            alert(
                50,
                &[("alertname", "Slow"), ("namespace", "post"), ("service", "cart")],
            ),
        ];
        assert_eq!(by_labels(&alerts), [vec![0, 1, 2], vec![3]], "{pod}");
    }
}

#[test]
fn a_claim_and_an_autoscaler_tell_of_what_uses_them() {
    let of = |minute, label: &str, name: &str| {
        alert(
            minute,
            &[("alertname", label), ("namespace", "shop"), (label, name)],
        )
    };
    let alerts = [
        of(0, "persistentvolumeclaim", "wal-ledger-0"),
        of(20, "persistentvolumeclaim", "wal-ledger-2"),
        of(30, "pod", "ledger-1"),
        of(36, "horizontalpodautoscaler", "quotes"),
        of(50, "deployment", "quotes"),
        of(60, "app", "quotes"),
        of(70, "hpa", "keda-hpa-quotes"),
    ];
    let expected = [vec![0, 1, 2], vec![3, 4, 5, 6]];
    assert_eq!(by_labels(&alerts), expected);
    // What is read tells the same, whatever the autoscaler is called; and who is known to call neither is no neighbour.
    let mut around = Surroundings::running(
        &alerts,
        &["ledger", "quotes", "web"],
        1,
        &["web>quotes", "batch>ledger"],
    );
    let owner = json!([{"kind": "Deployment", "name": "ledger", "controller": true}]);
    let volumes = json!([{"name": "wal", "persistentVolumeClaim": {"claimName": "wal-ledger-0"}}]);
    let pod = json!({"metadata": {"ownerReferences": owner}, "spec": {"volumes": volumes}});
    around.0.objects.pods.push(object("ledger-x", pod));
    let target = json!({"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "quotes"}}});
    around.0.objects.autoscalers.push(object("busy", target));
    let mut alerts = vec![
        of(0, "persistentvolumeclaim", "wal-ledger-0"),
        of(1, "horizontalpodautoscaler", "busy"),
        of(2, "deployment", "ledger"),
        of(3, "deployment", "quotes"),
    ];
    assert_eq!(positions(&alerts, around.clone()), [vec![0, 2], vec![1, 3]]);
    alerts[1] = of(1, "horizontalpodautoscaler", "quotes");
    assert_eq!(positions(&alerts, around), [vec![0, 2], vec![1, 3]]);
}

#[test]
fn what_is_scraped_at_one_host_is_one_thing() {
    let of = |minute, name: &str, job: &str, instance: &str| {
        let address = if instance.contains(':') {
            "instance"
        } else {
            "host"
        };
        alert(minute, &[("alertname", name), ("job", job), (address, instance)])
    };
    let alerts = [
        of(0, "Down", "node", "pg7.example:9100"),
        of(9, "PostgresDown", "postgres", "pg7.example:9187"),
        of(15, "Down", "node", "pg8.example:9100"),
        of(20, "Busy", "agent", "pg7.example"),
        of(24, "PostgresLag", "postgres", "pg9.example:9187"),
    ];
    assert_eq!(by_labels(&alerts), [vec![0, 1, 3, 4], vec![2]]);
    let local = [
        of(0, "Down", "node", "localhost:9100"),
        of(1, "Slow", "app", "localhost:8080"),
    ];
    assert_eq!(by_labels(&local), [vec![0], vec![1]], "each scraper has its own");
}

#[test]
fn a_node_is_known_by_the_address_in_its_name() {
    let node = "ip-10-4-0-17.eu-west-1.compute.internal";
    let alerts = [
        alert(0, &[("alertname", "KubeNodeNotReady"), ("node", node)]),
        alert(
            4,
            &[
                ("alertname", "ExporterDown"),
                ("namespace", "watch"),
                ("pod", "exporter-x8k2p"),
                ("instance", "10.4.0.17:9100"),
            ],
        ),
        alert(
            5,
            &[
                ("alertname", "Disk"),
                ("job", "node"),
                ("instance", "10.4.0.17:9100"),
            ],
        ),
        alert(
            5,
            &[
                ("alertname", "Disk"),
                ("job", "node"),
                ("instance", "10.4.0.18:9100"),
            ],
        ),
    ];
    let groups = by_labels(&alerts);
    assert_eq!(groups, [vec![0, 1, 2, 3]], "two disks at once are one incident");
    let alone = [alerts[0].clone(), alerts[1].clone(), alerts[3].clone()];
    assert_eq!(by_labels(&alone), [vec![0, 1], vec![2]]);
}

#[test]
fn queues_and_databases_are_things_and_their_exporter_is_not() {
    let of = |minute, name: &str, labels: &[(&str, &str)]| {
        let about = [
            ("alertname", name),
            ("namespace", "shop"),
            ("job", "lag-exporter"),
        ];
        alert(minute, &[&about[..], labels].concat())
    };
    let alerts = [
        of(0, "Lag", &[("consumergroup", "invoices"), ("topic", "orders")]),
        of(8, "Lag", &[("consumergroup", "mailer"), ("topic", "letters")]),
        of(16, "Growing", &[("topic", "orders")]),
        alert(
            24,
            &[
                ("alertname", "Late"),
                ("namespace", "shop"),
                ("service", "mailer"),
            ],
        ),
    ];
    assert_eq!(by_labels(&alerts), [vec![0, 2], vec![1, 3]]);
    for label in [
        "queue",
        "database",
        "dbinstance_identifier",
        "domain",
        "url",
        "certificate",
    ] {
        let of = |minute, name: &str, value: &str| alert(minute, &[("alertname", name), (label, value)]);
        let alerts = [of(0, "A", "x"), of(1, "B", "y"), of(2, "C", "x")];
        assert_eq!(by_labels(&alerts), [vec![0, 2], vec![1]], "{label}");
    }
}

#[test]
fn an_operator_is_where_it_operates() {
    let of = |minute, namespace: &str, labels: &[(&str, &str)]| {
        let about = [("alertname", "Bad"), ("namespace", namespace)];
        alert(minute, &[&about[..], labels].concat())
    };
    let alerts = [
        of(0, "openshift-dns", &[("pod", "dns-default-x8k2p")]),
        of(2, "openshift-cluster-version", &[("name", "dns")]),
        of(3, "openshift-cluster-version", &[("name", "ingress")]),
    ];
    assert_eq!(by_labels(&alerts), [vec![0, 1], vec![2]]);
}

#[test]
fn tags_of_datadog_are_read() {
    let of = |minute, labels: &[(&str, &str)]| {
        alert(
            minute,
            &[&[("alertname", "Bad"), ("kube_namespace", "shop")], labels].concat(),
        )
    };
    let alerts = [
        of(0, &[("kube_deployment", "cart")]),
        of(40, &[("pod_name", "cart-7d9c5b6f4-x8k2p")]),
        of(41, &[("kube_stateful_set", "ledger")]),
        of(44, &[("kube_daemon_set", "proxy")]),
        of(60, &[("kube_service", "cart")]),
    ];
    assert_eq!(
        by_labels(&alerts),
        [vec![0, 1, 2, 3, 4]],
        "they share a namespace"
    );
    let later = [
        of(0, &[("kube_deployment", "cart")]),
        of(10, &[("kube_stateful_set", "ledger")]),
        of(20, &[("kube_service", "cart")]),
    ];
    assert_eq!(by_labels(&later), [vec![0, 2], vec![1]]);
}

#[test]
fn what_is_called_alike_in_two_clusters_or_environments_is_two_things() {
    let of = |minute, fingerprint: &str, labels: &[(&str, &str)]| {
        let about = [("alertname", "Slow"), ("namespace", "shop"), ("service", "cart")];
        Alert {
            fingerprint: fingerprint.to_owned(),
            ..alert(minute, &[&about[..], labels].concat())
        }
    };
    for label in ["cluster", "kube_cluster_name", "region", "env", "environment"] {
        let alerts = [
            of(0, "a", &[(label, "a")]),
            of(1, "b", &[(label, "b")]),
            of(2, "a again", &[(label, "a"), ("reason", "other")]),
        ];
        assert_eq!(by_labels(&alerts), [vec![0, 2], vec![1]], "{label}");
        assert_eq!(
            with_calls(&alerts, &["web>cart"]),
            [vec![0, 2], vec![1]],
            "{label}"
        );
    }
    // What does not say of which cluster it is does not make one incident of two.
    let open = [
        of(0, "a", &[("cluster", "a")]),
        of(1, "b", &[("cluster", "b")]),
        of(2, "open", &[]),
    ];
    assert_eq!(by_labels(&open), [vec![0, 2], vec![1]]);
    // One service of many tenants is one service; two services in namespaces of two tenants are not even neighbours.
    let tenants = [of(0, "a", &[("tenant", "a")]), of(1, "b", &[("tenant", "b")])];
    assert_eq!(by_labels(&tenants), [vec![0, 1]]);
    let mut apart = tenants;
    apart[1].labels.insert("service".to_owned(), "mail".to_owned());
    assert_eq!(by_labels(&apart), [vec![0], vec![1]]);
}

#[test]
fn what_begins_in_many_clusters_of_a_region_at_once_is_one_incident() {
    let of = |seconds: i64, name: &str, region: &str, labels: &[(&str, &str)]| {
        let about = [("alertname", name), ("region", region)];
        Alert {
            starts_at: at(seconds),
            ..alert(0, &[&about[..], labels].concat())
        }
    };
    let slow = |seconds, region, cluster, service| {
        let labels = [("cluster", cluster), ("namespace", "shop"), ("service", service)];
        of(seconds, "Slow", region, &labels)
    };
    let alerts = [
        slow(0, "north", "n1", "cart"),
        slow(30, "north", "n2", "mail"),
        slow(60, "south", "s1", "cart"),
        slow(90, "north", "n3", "wiki"),
        of(100, "LinkDown", "north", &[("provider", "x")]),
        of(110, "LinkDown", "south", &[("provider", "x")]),
    ];
    assert_eq!(by_labels(&alerts), [vec![0, 1, 3, 4], vec![2], vec![5]]);
    // Two clusters are not many, and other alerts in a third are not the same.
    let few = [
        slow(0, "north", "n1", "cart"),
        slow(30, "north", "n2", "mail"),
        of(
            50,
            "Full",
            "north",
            &[("cluster", "n3"), ("namespace", "shop"), ("service", "db")],
        ),
    ];
    assert_eq!(by_labels(&few).len(), 3);
    let slowly = [
        slow(0, "north", "n1", "cart"),
        slow(200, "north", "n2", "mail"),
        slow(400, "north", "n3", "wiki"),
    ];
    assert_eq!(by_labels(&slowly).len(), 3);
}

#[test]
fn of_what_names_nothing_three_of_a_name_that_share_a_telling_label_are_one_incident() {
    let of = |seconds: i64, name: &str, labels: &[(&str, &str)]| {
        let own = seconds.to_string();
        let about = [
            ("alertname", name),
            ("rule_uid", own.as_str()),
            ("severity", "page"),
        ];
        Alert {
            starts_at: at(seconds),
            ..alert(0, &[&about[..], labels].concat())
        }
    };
    let source = |seconds, uid| of(seconds, "NoData", &[("feed_uid", uid), ("team", "web")]);
    let alerts = [
        source(0, "f1"),
        source(10, "f2"),
        source(20, "f1"),
        of(25, "Budget", &[("feed_uid", "f1")]),
        source(40, "f1"),
        source(60, "f2"),
        of(70, "Failed", &[("feed_uid", "f1")]),
        of(71, "Failed", &[("feed_uid", "f1")]),
        of(72, "Failed", &[("feed_uid", "f1")]),
    ];
    let groups = by_labels(&alerts);
    assert_eq!(groups, [vec![0, 2, 4, 6, 7, 8], vec![1], vec![3], vec![5]]);
}

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

#[test]
fn what_has_nothing_to_do_with_each_other_stays_apart_in_the_same_minute() {
    let alerts = [service(0, "cart"), service(0, "wiki")];
    assert_eq!(
        with_calls(&alerts, &["web>cart", "intranet>wiki"]),
        [vec![0], vec![1]]
    );
}

#[test]
fn what_comes_much_later_or_after_the_end_is_another_incident() {
    let mut over = service(0, "cart");
    over.ends_at = Some(at(60 * 10));
    let again = |minute| named(minute, "Errors", "cart");
    assert_eq!(by_labels(&[over.clone(), again(12)]), [vec![0, 1]]);
    assert_eq!(by_labels(&[over, again(30)]), [vec![0], vec![1]]);
    assert_eq!(by_labels(&[service(0, "cart"), again(30)]), [vec![0, 1]]);
    assert_eq!(by_labels(&[service(0, "cart"), again(90)]), [vec![0], vec![1]]);
}

#[test]
fn nodes_that_fail_at_once_are_one_incident_with_what_ran_on_them() {
    let node = |minute, name: &str| alert(minute, &[("alertname", "KubeNodeNotReady"), ("node", name)]);
    let pod = |name: &str, node: &str| {
        alert(
            6,
            &[
                ("alertname", "KubePodNotReady"),
                ("namespace", name),
                ("pod", name),
                ("node", node),
            ],
        )
    };
    let alerts = [
        node(0, "n1"),
        node(1, "n2"),
        pod("cart", "n1"),
        pod("mail", "n2"),
        pod("wiki", "n3"),
        node(20, "n4"),
    ];
    assert_eq!(by_labels(&alerts), [vec![0, 1, 2, 3], vec![4], vec![5]]);
}

#[test]
fn a_chain_of_alerts_is_no_incident_without_end() {
    let alerts: Vec<Alert> = (0..12)
        .map(|number| named(25 * number, &format!("Rule{number}"), "cart"))
        .collect();
    let groups = by_labels(&alerts);
    assert_eq!(groups.len(), 3, "{groups:?}");
}

#[test]
fn an_alert_that_comes_and_goes_is_one_incident_for_half_a_day() {
    let period = |minute: i64, ends: Option<i64>| Alert {
        fingerprint: minute.to_string(),
        ends_at: ends.map(|minute| at(60 * minute)),
        ..service(minute, "cart")
    };
    for (step, lasts) in [
        (20, Some(6)),
        (45, Some(2)),
        (60, Some(10)),
        (25, None),
        (60, None),
    ] {
        let alerts: Vec<Alert> = (0..10)
            .map(|number| period(step * number, lasts.map(|lasts| step * number + lasts)))
            .collect();
        assert_eq!(by_labels(&alerts).len(), 1, "{step} {lasts:?}");
    }
    let apart = [period(0, Some(5)), period(66, None)];
    assert_eq!(by_labels(&apart), [vec![0], vec![1]]);
    let days: Vec<Alert> = (0..30).map(|number| period(50 * number, None)).collect();
    assert_eq!(by_labels(&days).len(), 2, "not for ever");
    // It goes on with what it belongs to now, if there is that.
    let now = [
        period(0, Some(5)),
        period(40, Some(45)),
        service(90, "db"),
        period(92, None),
    ];
    assert_eq!(with_calls(&now, &["cart>db"]), [vec![0, 1], vec![2, 3]]);
}

#[test]
fn an_incident_is_called_like_the_run_that_it_opens() {
    let alerts = [service(0, "cart"), service(1, "cart")];
    let groups = group(&alerts, Surroundings::unknown(&alerts));
    let run = Incident::of_alerts("", alerts.to_vec(), at(0)).id;
    assert_eq!(groups[0].incident, run);
}

#[test]
fn a_large_cluster_is_indexed_as_often_for_many_alerts_as_for_one() {
    let names: Vec<String> = (0..500).map(|number| format!("s{number:03}")).collect();
    let calls: Vec<String> = (1..500)
        .map(|number| format!("s{number:03}>s{:03}", number / 2))
        .collect();
    let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
    let alerts: Vec<Alert> = names.iter().map(|name| service(0, name)).collect();
    let built = |alerts: &[Alert]| {
        let around = Surroundings::running(alerts, &names, 20, &calls);
        let before = built::so_far();
        let groups = group(alerts, around);
        (groups.len(), built::so_far() - before)
    };
    let (one, for_one) = built(&alerts[..1]);
    let (many, for_many) = built(&alerts);
    assert_eq!((one, many), (1, 1), "each feels the trouble of the one before");
    assert_eq!(for_many, for_one);
}

#[test]
fn each_alert_is_linked_to_the_one_that_it_has_most_to_do_with() {
    let alerts = [
        service(0, "db"),
        service(1, "orders"),
        service(2, "web"),
        service(3, "wiki"),
    ];
    let around = Surroundings::calling(&alerts, &["orders>db", "web>orders", "intranet>wiki"]);
    let groups = group(&alerts, around);
    let links: Vec<_> = groups.iter().map(|group| group.links.as_slice()).collect();
    let link = |earlier, later| Link {
        earlier,
        later,
        tie: Tie::Feels(1),
    };
    assert_eq!(links, [&[link(0, 1), link(1, 2)][..], &[]]);
}

#[test]
fn of_many_that_say_the_same_the_first_and_the_last_suffice() {
    let named = |fingerprint: &str, minute, ends: Option<i64>| Alert {
        fingerprint: fingerprint.to_owned(),
        ends_at: ends.map(|minute| at(60 * minute)),
        ..service(minute, "cart")
    };
    let alerts = [
        named("middle", 2, Some(4)),
        named("first", 0, Some(5)),
        named("lasts", 3, None),
        named("last", 9, Some(10)),
        service(4, "web"),
    ];
    let kept: Vec<String> = distinct(&alerts)
        .into_iter()
        .map(|alert| alert.fingerprint)
        .collect();
    let web = alerts[4].fingerprint.as_str();
    assert_eq!(kept, ["first", "lasts", "last", web]);
    // Pods of one making are one thing, and nodes are several.
    let of = |label: &str, names: &[&str]| {
        let alert = |name: &&str| alert(0, &[("alertname", "Bad"), (label, name), ("namespace", "shop")]);
        distinct(&names.iter().map(alert).collect::<Vec<_>>()).len()
    };
    assert_eq!(
        of(
            "pod",
            &[
                "cart-7d9c5b6f4-x8k2p",
                "cart-7d9c5b6f4-abc12",
                "cart-7d9c5b6f4-kqw7m"
            ]
        ),
        2
    );
    assert_eq!(of("node", &["n1", "n2", "n3"]), 3);
}

#[test]
fn grouping_stops_when_nobody_waits_for_it() {
    let alerts = [service(0, "cart"), service(1, "web")];
    let asked = std::cell::Cell::new(0);
    let wanted = || {
        asked.set(asked.get() + 1);
        asked.get() < 2
    };
    assert_eq!(group_while(&alerts, Surroundings::unknown(&alerts), wanted), None);
}

#[test]
fn that_something_runs_on_a_node_does_not_tell_what_it_calls() {
    let alerts = [
        alert(
            0,
            &[
                ("alertname", "KubePodCrashLooping"),
                ("namespace", "shop"),
                ("pod", "db-0"),
            ],
        ),
        alert(
            2,
            &[
                ("alertname", "HighErrorRate"),
                ("namespace", "shop"),
                ("service", "cart"),
            ],
        ),
    ];
    let names = ["db", "cart", "web", "backup"];
    let with = |calls: &[&str]| positions(&alerts, Surroundings::running(&alerts, &names, 2, calls));
    assert_eq!(with(&[]), [vec![0, 1]], "nothing speaks against it");
    assert_eq!(with(&["web>cart"]), [vec![0, 1]], "nothing is known of db");
    assert_eq!(with(&["web>cart", "backup>db"]), [vec![0], vec![1]]);
    assert_eq!(with(&["cart>db"]), [vec![0, 1]]);
}

proptest! {
    #[test]
    fn every_alert_is_in_one_incident_whatever_their_order(
        drawn in prop::collection::vec((0..600_i64, 0..6_usize, 0..6_usize), 0..40),
        seed in any::<u64>(),
    ) {
        const NAMES: [&str; 6] = ["web", "cart", "orders", "db", "mail", "wiki"];
        let alerts: Vec<Alert> = drawn
            .iter()
            .enumerate()
            .map(|(number, (minute, name, sort))| {
                let mut alert = Alert {
                    fingerprint: number.to_string(),
                    ..service(*minute, NAMES[*name])
                };
                let more: [&[(&str, &str)]; 6] = [
                    &[],
                    &[("cluster", "a"), ("region", "r")],
                    &[("cluster", "b"), ("region", "r")],
                    &[("cluster", "c"), ("region", "r"), ("severity", "info")],
                    &[("namespace", ""), ("service", ""), ("feed", "f")],
                    &[("namespace", ""), ("service", ""), ("region", "r")],
                ];
                let more = more[*sort].iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned()));
                alert.labels.extend(more);
                alert
            })
            .collect();
        let calls = ["web>cart", "web>orders", "cart>db", "orders>db"];
        let groups = with_calls(&alerts, &calls);
        let mut all: Vec<usize> = groups.concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..alerts.len()).collect::<Vec<_>>());

        let mut order: Vec<usize> = (0..alerts.len()).collect();
        order.sort_by_key(|position| seed.rotate_left(u32::try_from(*position).unwrap() * 7) ^ (*position as u64));
        let shuffled: Vec<Alert> = order.iter().map(|position| alerts[*position].clone()).collect();
        let mut again: Vec<Vec<usize>> = with_calls(&shuffled, &calls)
            .into_iter()
            .map(|group| {
                let mut members: Vec<usize> = group.into_iter().map(|position| order[position]).collect();
                members.sort_unstable();
                members
            })
            .collect();
        let mut groups = groups;
        groups.sort();
        again.sort();
        prop_assert_eq!(groups, again);
    }
}
