//! Clusters, environments and regions.

use super::*;

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
    // What else is wrong in the region is not of the crowd, though one of it is said of the whole region.
    let other = [
        slow(0, "north", "n1", "cart"),
        slow(20, "north", "n2", "mail"),
        slow(40, "north", "n3", "wiki"),
        of(50, "Slow", "north", &[]),
        of(
            60,
            "Full",
            "north",
            &[("cluster", "n7"), ("namespace", "x"), ("service", "db")],
        ),
    ];
    assert_eq!(by_labels(&other), [vec![0, 1, 2, 3], vec![4]]);
    // Of which nobody has to do anything, as many as there are make no crowd.
    let quiet = ["n1", "n2", "n3"].map(|cluster| {
        let labels = [
            ("cluster", cluster),
            ("namespace", "shop"),
            ("service", "cart"),
            ("severity", "info"),
        ];
        of(0, "Throttled", "north", &labels)
    });
    assert_eq!(by_labels(&quiet).len(), 3);
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
