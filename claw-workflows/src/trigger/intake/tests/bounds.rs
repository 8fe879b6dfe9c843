//! What one alert shows of several runs, and how much one notification may ask for.

use super::super::plan::MOST_OPENED;
use super::super::planning::Compared;
use super::*;
use crate::incident::facts::built;

#[tokio::test]
async fn an_alert_that_two_runs_could_claim_joins_the_older_and_says_so() {
    let world = World::new(Known::all());
    // What lies between them has not spoken yet, and 25 minutes are too long for a relation over two calls.
    let older = world.accept(&[fires(0, "db")]).await.opened.remove(0);
    let newer = world.accept(&[fires(25, "web")]).await.opened.remove(0);
    let between = world.accept(&[fires(26, "orders")]).await;
    assert_eq!(between.joined, std::slice::from_ref(&older));
    assert_eq!(between.bridged, [vec![older.clone(), newer.clone()]]);
    // From now on the two are known to be one.
    let next = world
        .accept(&[Alert {
            fingerprint: "web-2".into(),
            ..fires(27, "web")
        }])
        .await;
    assert_eq!(
        (&next.joined, &next.bridged),
        (&vec![older.clone()], &between.bridged)
    );
    assert_eq!(world.ids().await, [older, newer]);
}

#[tokio::test]
async fn alerts_that_name_nothing_stay_together() {
    let world = World::new(Known::all());
    let bare = |name: &'static str| with_labels(0, name, &[("alertname", name)]);
    let receipt = world
        .accept(&[bare("Backup"), bare("Certificate"), fires(0, "db")])
        .await;
    assert_eq!(receipt.opened.len(), 2);
    let mut told = Vec::new();
    for run in &receipt.opened {
        told.push(world.told(run).await);
    }
    told.sort();
    assert_eq!(told, ["Backup Certificate", "db"]);
}

#[tokio::test]
async fn one_notification_opens_so_many_runs_and_no_more() {
    let world = World::new(Known::all());
    let services: Vec<String> = (0..MOST_OPENED + 5).map(|number| format!("s{number}")).collect();
    let alone = |name: &String| with_labels(0, name, &[("namespace", name), ("service", name)]);
    let alerts: Vec<Alert> = services.iter().map(alone).collect();
    let receipt = world.accept(&alerts).await;
    assert_eq!(receipt.opened.len(), MOST_OPENED);
    let mut told = Vec::new();
    for run in &receipt.opened {
        told.push(world.told(run).await);
    }
    let known: usize = told.iter().map(|told| told.split(' ').count()).sum();
    assert_eq!(known, alerts.len(), "no alert is left out: {told:?}");
}

#[tokio::test]
async fn a_notification_with_too_many_alerts_to_compare_is_one_run() {
    let world = World::new(Known::all());
    let alerts: Vec<Alert> = (0..501).map(|number| fires(0, &format!("s{number}"))).collect();
    let receipt = world.accept(&alerts).await;
    assert_eq!(
        (receipt.opened.len(), receipt.grouped_by),
        (1, Some(Basis::Notification))
    );
    assert_eq!(world.looks(), 0);
    let next = world.accept(&[fires(1, "db")]).await;
    assert_eq!(
        (next.opened.len(), next.grouped_by),
        (1, Some(Basis::Surroundings)),
        "that run is left out"
    );
    assert_eq!(next.left_out, receipt.opened);
}

#[tokio::test]
async fn an_intake_without_grouping_makes_each_notification_a_run() {
    let mut world = World::new(Known::all());
    world.intake.grouping = None;
    for alerts in [
        [fires(0, "db"), fires(0, "wiki")],
        [fires(1, "orders"), fires(1, "web")],
    ] {
        let receipt = world.accept(&alerts).await;
        assert_eq!((receipt.opened.len(), receipt.grouped_by), (1, None));
    }
    assert_eq!((world.ids().await.len(), world.looks()), (2, 0));
}

#[tokio::test]
async fn alerts_are_compared_on_a_thread_of_its_own_and_only_as_long_as_somebody_waits() {
    let world = World::new(Known::all());
    world.accept(&[fires(0, "db")]).await;
    let here = built::so_far();
    let joined = world.accept(&[fires(1, "orders"), fires(1, "wiki")]).await;
    assert_eq!((joined.joined.len(), joined.opened.len()), (1, 1));
    assert_eq!(built::so_far(), here, "not on this one");

    let fresh: Vec<Alert> = (0..500).map(|number| fires(0, &format!("s{number}"))).collect();
    let around = Surroundings::unknown(&fresh);
    let compared = Arc::new(Compared {
        recent: Vec::new(),
        fresh,
    });
    let planned = tokio::time::timeout(Duration::ZERO, compared.clone().plan(around.clone(), true)).await;
    assert!(planned.is_err());
    assert_eq!(compared.plan(around, false).await.unwrap().opens.len(), 1);
}

#[tokio::test]
async fn a_run_with_many_alerts_about_one_thing_is_compared() {
    let world = World::new(Known::all());
    let flood = |number: i64| Alert {
        fingerprint: number.to_string(),
        ..fires(number % 20, "db")
    };
    let alerts: Vec<Alert> = (0..600).map(flood).collect();
    let run = world.accept(&alerts).await.opened.remove(0);
    let next = world.accept(&[fires(45, "orders")]).await;
    assert_eq!(
        (&next.joined, next.left_out.len()),
        (&vec![run.clone()], 0),
        "26 minutes after the last"
    );
    assert_eq!(
        world.told(&run).await.split(' ').count(),
        601,
        "and none of its own is lost"
    );
}

#[tokio::test]
async fn only_what_does_not_fit_is_left_out() {
    let world = World::new(Known::all());
    let oldest = world.accept(&[fires(0, "db")]).await.opened.remove(0);
    let many: Vec<Alert> = (0..501).map(|number| fires(1, &format!("s{number}"))).collect();
    let large = world.accept(&many).await.opened.remove(0);
    let next = world.accept(&[fires(2, "orders")]).await;
    assert_eq!((next.joined, next.left_out), (vec![oldest], vec![large]));
}

#[tokio::test]
async fn that_there_are_more_runs_than_are_compared_is_said() {
    let world = World::new(Known::all());
    let elsewhere = |number: i64| {
        let name = format!("n{number}");
        with_labels(number, &name, &[("namespace", &name), ("service", &name)])
    };
    let mut runs = Vec::new();
    for number in 0..51 {
        let receipt = world.accept(&[elsewhere(number)]).await;
        assert_eq!(receipt.left_out, [], "{number}");
        runs.extend(receipt.opened);
    }
    assert_eq!(runs.len(), 51);
    assert_eq!(world.accept(&[elsewhere(51)]).await.left_out, runs[..1]);
}
