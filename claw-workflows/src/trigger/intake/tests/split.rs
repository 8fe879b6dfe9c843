//! Whichever notifications bring them, the same alerts are the same incidents.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::plan::MOST_OPENED;
use super::*;
use crate::incident::grouping::group;

const NAMES: [&str; 7] = ["web", "cart", "orders", "db", "mail", "wiki", "intranet"];
const CALLS: [&str; 6] = [
    "web>cart",
    "web>orders",
    "cart>db",
    "orders>db",
    "intranet>wiki",
    "orders>mail",
];

/// Alerts in the order in which they begin.
fn drawn() -> impl Strategy<Value = Vec<Alert>> {
    let one = (0..180_i64, 0..NAMES.len(), any::<bool>());
    prop::collection::vec(one, 1..=MOST_OPENED).prop_map(|mut drawn| {
        drawn.sort_unstable();
        let alert = |(number, (at, name, again)): (usize, (i64, usize, bool))| {
            if again {
                Alert {
                    fingerprint: format!("{number:02}"),
                    ..fires(at, NAMES[name])
                }
            } else {
                distinct(number, at, NAMES[name])
            }
        };
        drawn.into_iter().enumerate().map(alert).collect()
    })
}

/// Another alert about a service: one that says the same again stays with what it said before.
fn distinct(number: usize, at: i64, service: &str) -> Alert {
    let name = format!("Rule{number}");
    let labels = [
        ("alertname", name.as_str()),
        ("namespace", "shop"),
        ("service", service),
    ];
    with_labels(at, &format!("{number:02}"), &labels)
}

/// Which alerts were found to be one incident where they came in these notifications, and which are of all together.
async fn grouped(sent: &[Vec<Alert>]) -> [BTreeSet<BTreeSet<String>>; 2] {
    let world = World::new(Known {
        calls: CALLS.to_vec(),
        ..Known::all()
    });
    let alerts = sent.concat();
    let mut bridged: Vec<Vec<RunId>> = Vec::new();
    for notification in sent.iter().filter(|alerts| !alerts.is_empty()) {
        world.at(notification.last().unwrap().starts_at);
        bridged.extend(world.accept(notification).await.bridged);
    }
    let mut by_run: BTreeMap<RunId, BTreeSet<String>> = BTreeMap::new();
    for alert in &alerts {
        let run = world
            .intake
            .runner()
            .journal()
            .run_of_alert(&alert.fingerprint)
            .await
            .unwrap();
        by_run
            .entry(run.unwrap())
            .or_default()
            .insert(alert.fingerprint.clone());
    }
    // Runs that were opened before an alert showed that they are one stay two, and that is said.
    for runs in bridged {
        let all = runs
            .iter()
            .filter_map(|run| by_run.remove(run))
            .flatten()
            .collect();
        by_run.insert(runs[0].clone(), all);
    }
    let around = Surroundings::calling(&alerts, &CALLS);
    let name = |position: usize| alerts[position].fingerprint.clone();
    let together = group(&alerts, around)
        .into_iter()
        .map(|group| group.alerts.into_iter().map(name).collect())
        .collect();
    [by_run.into_values().collect(), together]
}

/// An incident that began as two lasts no longer than one that began as one.
#[tokio::test]
async fn a_run_that_belongs_to_an_earlier_one_ends_with_it() {
    let drawn = [
        (0, "web"),
        (0, "db"),
        (33, "db"),
        (89, "mail"),
        (90, "web"),
        (90, "db"),
        (125, "mail"),
    ];
    let alerts: Vec<Alert> = drawn
        .iter()
        .enumerate()
        .map(|(number, (at, name))| distinct(number, *at, name))
        .collect();
    let sent = [&alerts[..4], &alerts[4..6], &alerts[6..]].map(<[Alert]>::to_vec);
    let [found, together] = grouped(&sent).await;
    assert_eq!(found, together);
    assert_eq!(found.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_into_notifications_gives_the_incidents_of_all_alerts_together(
        alerts in drawn(),
        cuts in prop::collection::vec(any::<bool>(), MOST_OPENED),
    ) {
        let mut sent: Vec<Vec<Alert>> = vec![Vec::new()];
        for (alert, cut) in alerts.iter().zip(cuts) {
            if cut {
                sent.push(Vec::new());
            }
            sent.last_mut().unwrap().push(alert.clone());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let [found, together] = runtime.block_on(grouped(&sent));
        prop_assert_eq!(found, together, "{:?}", sent);
    }
}
