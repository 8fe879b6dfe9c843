//! What an alert is about.

use super::*;

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
fn a_claim_belongs_to_the_set_of_its_whole_name() {
    let sets = ["orders", "orders-db"].map(|name| {
        let spec = json!({"volumeClaimTemplates": [{"metadata": {"name": "data"}}]});
        object(name, json!({"kind": "StatefulSet", "spec": spec}))
    });
    let claim = [
        ("alertname", "Full"),
        ("namespace", "shop"),
        ("persistentvolumeclaim", "data-orders-db-0"),
    ];
    let set = |name| {
        [
            ("alertname", "Late"),
            ("namespace", "shop"),
            ("statefulset", name),
        ]
    };
    let meet = |name| {
        let alerts = [alert(0, &claim), alert(40, &set(name))];
        let mut around = Surroundings::unknown(&alerts);
        around.0.objects.workloads.extend(sets.clone());
        positions(&alerts, around).len() == 1
    };
    assert!(meet("orders-db"));
    assert!(!meet("orders"));
}

#[test]
fn two_pages_that_are_probed_are_two_things() {
    let of = |minute, page| {
        alert(
            minute,
            &[
                ("alertname", "ProbeFailed"),
                ("job", "blackbox"),
                ("instance", page),
            ],
        )
    };
    let alerts = [of(0, "https://shop.example"), of(1, "https://wiki.example")];
    assert_eq!(by_labels(&alerts).len(), 2);
}
