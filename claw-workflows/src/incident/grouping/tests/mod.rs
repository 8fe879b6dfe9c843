mod causes;
mod realms;
mod things;

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
