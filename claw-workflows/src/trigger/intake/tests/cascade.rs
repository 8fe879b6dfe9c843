//! Alerts of one incident that come in several notifications.

use claw_core::store::SqliteStore;

use super::*;

#[tokio::test]
async fn a_cascade_in_three_notifications_is_one_run_whose_report_knows_of_all() {
    let world = World::new(Known::all());
    let first = world.accept(&[fires(0, "db")]).await;
    assert_eq!((first.opened.len(), first.grouped_by), (1, None));
    assert_eq!(world.looks(), 0, "one alert, and nothing to compare it with");
    for (at, service) in [(2, "orders"), (4, "web")] {
        let next = world.accept(&[fires(at, service)]).await;
        assert_eq!(
            (&next.runs, &next.joined),
            (&first.opened, &first.opened),
            "{service}"
        );
        assert_eq!(
            (next.opened.len(), next.grouped_by),
            (0, Some(Basis::Surroundings))
        );
    }
    assert_eq!(world.ids().await, first.opened);
    assert_eq!(world.told(&first.opened[0]).await, "db orders web");
}

#[tokio::test]
async fn what_joins_a_run_that_has_begun_is_shown_with_it() {
    let world = World::new(Known::all());
    let run = world.accept(&[fires(2, "orders")]).await.opened.remove(0);
    world.accept(&[fires(1, "db")]).await;
    assert_eq!(world.told(&run).await, "db orders");
    assert_eq!(
        world.look(&run).await.report.unwrap().since,
        Some(minute(1)),
        "the first alert began it"
    );
    world.clock.advance(Duration::from_secs(60));
    let late = world.accept(&[fires(5, "web")]).await;
    assert_eq!(late.joined, std::slice::from_ref(&run));
    let seen = world.look(&run).await;
    assert_eq!(seen.report.unwrap().summary, "db orders");
    let joined: Vec<_> = seen
        .joined
        .iter()
        .map(|alert| (alert.fingerprint.as_str(), alert.in_input, alert.joined_at))
        .collect();
    assert_eq!(
        joined,
        [("db", true, Some(minute(5))), ("web", false, Some(minute(6)))]
    );
    let body: Alert = serde_json::from_value(seen.joined[1].body.clone().unwrap()).unwrap();
    assert_eq!(body, fires(5, "web"));
}

#[tokio::test]
async fn independent_faults_in_one_notification_are_two_runs() {
    let world = World::new(Known::all());
    let alerts = [fires(0, "wiki"), fires(0, "db"), fires(1, "orders")];
    let receipt = world.accept(&alerts).await;
    assert_eq!(receipt.opened.len(), 2);
    let mut told = Vec::new();
    for run in &receipt.opened {
        told.push(world.told(run).await);
    }
    told.sort();
    assert_eq!(told, ["db orders", "wiki"]);
    // Each goes on by itself.
    let next = world.accept(&[fires(3, "web"), fires(3, "intranet")]).await;
    assert_eq!((next.opened.len(), next.joined.len()), (0, 2));
}

#[tokio::test]
async fn concurrent_notifications_of_one_incident_open_one_run() {
    let world = World::new(Known {
        takes: Duration::from_millis(20),
        ..Known::all()
    });
    let alerts = [fires(0, "db"), fires(1, "orders"), fires(2, "web")];
    let bodies: Vec<Webhook> = (0..12)
        .map(|number| notification(&alerts[number % 3..]))
        .collect();
    let receipts = futures::future::join_all(bodies.into_iter().map(|body| world.intake.accept(body))).await;
    let opened: usize = receipts
        .iter()
        .map(|receipt| receipt.as_ref().unwrap().opened.len())
        .sum();
    assert_eq!((opened, world.ids().await.len()), (1, 1));
    assert_eq!(world.told(&world.ids().await[0]).await, "db orders web");
}

#[tokio::test]
async fn an_agent_that_starts_again_goes_on_with_the_runs_of_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let world = World::over(Arc::new(store.clone()), Known::all());
    let run = world.accept(&[fires(0, "db")]).await.opened.remove(0);
    world.accept(&[fires(1, "orders")]).await;
    drop(world);
    store.close().await;

    let store = SqliteStore::open(&path).await.unwrap();
    let world = World::over(Arc::new(store.clone()), Known::all());
    let again = world.accept(&[fires(1, "orders")]).await;
    assert_eq!((&again.runs, again.joined.len()), (&vec![run.clone()], 0));
    let next = world.accept(&[fires(3, "web")]).await;
    assert_eq!((next.joined, next.opened.len()), (vec![run.clone()], 0));
    assert_eq!(world.told(&run).await, "db orders web");
    let all = [fires(0, "db"), fires(1, "orders"), fires(3, "web")];
    let ends: Vec<Alert> = all.iter().map(|alert| over(alert, 9)).collect();
    assert_eq!(world.accept(&ends).await.closed, [run]);
}

/// One that has read which Deployments there are, and who calls whom of them.
#[derive(Debug)]
struct Objects(&'static [&'static str]);

#[async_trait]
impl Lookout for Objects {
    async fn look(&self, _: &RunId, alerts: &[Alert], _: Duration) -> Result<Seen, StepError> {
        let names = ["db", "cart", "web", "backup"];
        Ok(Seen {
            around: Surroundings::running(alerts, &names, 2, self.0),
            extent: Extent::All,
        })
    }
}

#[tokio::test]
async fn what_came_together_parts_only_where_it_is_known_who_calls_whom() {
    for (calls, runs) in [(&[][..], 1), (&["web>cart", "backup>db"], 2)] {
        let mut world = World::new(Known::all());
        world.intake = world
            .intake
            .with_grouping(Grouping::new(Arc::new(Objects(calls))));
        let crash = [
            ("alertname", "KubePodCrashLooping"),
            ("namespace", "shop"),
            ("pod", "db-0"),
        ];
        let errors = [
            ("alertname", "HighErrorRate"),
            ("namespace", "shop"),
            ("service", "cart"),
        ];
        let alerts = [with_labels(0, "crash", &crash), with_labels(2, "errors", &errors)];
        let receipt = world.accept(&alerts).await;
        assert_eq!(
            (receipt.opened.len(), receipt.grouped_by),
            (runs, Some(Basis::Surroundings)),
            "{calls:?}"
        );
    }
}
