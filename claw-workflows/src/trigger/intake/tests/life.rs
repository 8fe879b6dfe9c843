//! Notifications that are sent again, ends of alerts, and runs that end.

use super::*;

#[tokio::test]
async fn a_notification_sent_again_changes_nothing() {
    let world = World::new(Known::all());
    let sent: [&[Alert]; 3] = [
        &[fires(0, "db")],
        &[fires(1, "orders"), fires(1, "wiki")],
        &[fires(2, "web")],
    ];
    for alerts in sent {
        world.accept(alerts).await;
    }
    let before = (world.ids().await, world.looks());
    for alerts in sent.iter().chain(sent.iter().rev()) {
        let again = world.accept(alerts).await;
        assert_eq!(
            (again.opened.len(), again.joined.len(), again.closed.len()),
            (0, 0, 0)
        );
        assert!(!again.runs.is_empty());
    }
    assert_eq!((world.ids().await, world.looks()), before);
    assert_eq!(before.0.len(), 2);
}

#[tokio::test]
async fn a_run_is_closed_with_the_last_of_its_alerts_whichever_notification_brought_it() {
    let world = World::new(Known::all());
    let run = world.accept(&[fires(0, "db")]).await.opened.remove(0);
    world.accept(&[fires(1, "orders")]).await;
    world.told(&run).await;
    assert_eq!(world.accept(&[over(&fires(0, "db"), 6)]).await.closed, []);
    assert_eq!(world.look(&run).await.run.resolved_at, None);
    let last = world.accept(&[over(&fires(1, "orders"), 7)]).await;
    assert_eq!(last.closed, std::slice::from_ref(&run));
    assert!(world.look(&run).await.run.resolved_at.is_some());
}

#[tokio::test]
async fn what_begins_soon_after_the_end_belongs_to_the_run_and_what_begins_later_does_not() {
    let world = World::new(Known::all());
    let run = world.accept(&[fires(0, "db")]).await.opened.remove(0);
    world.told(&run).await;
    world.accept(&[over(&fires(0, "db"), 10)]).await;
    let soon = world.accept(&[fires(14, "db")]).await;
    assert_eq!(soon.joined, std::slice::from_ref(&run));
    assert_eq!(world.look(&run).await.run.resolved_at, None, "it is open again");
    assert_eq!(
        world.accept(&[over(&fires(14, "db"), 20)]).await.closed,
        std::slice::from_ref(&run)
    );
    let other = [("alertname", "Errors"), ("namespace", "shop"), ("service", "db")];
    let later = world.accept(&[with_labels(26, "errors", &other)]).await;
    assert_eq!((later.joined.len(), later.opened.len()), (0, 1));
    assert_eq!(world.looks(), 1, "nothing that is over is compared");
}

#[tokio::test]
async fn an_alert_that_comes_and_goes_stays_with_its_run() {
    let world = World::new(Known::all());
    let run = world.accept(&[fires(0, "db")]).await.opened.remove(0);
    world.told(&run).await;
    for minute in (0..300).step_by(50) {
        world.at(super::minute(minute));
        let again = world.accept(&[fires(minute, "db")]).await;
        assert_eq!(
            (again.opened.len(), again.joined.len()),
            (0, usize::from(minute > 0)),
            "{minute}"
        );
        world.accept(&[over(&fires(minute, "db"), minute + 8)]).await;
    }
    let later = world.accept(&[fires(330, "db")]).await;
    assert_eq!((later.joined.len(), later.opened.len()), (0, 1), "an hour later");
}

#[tokio::test]
async fn a_notification_that_comes_after_the_end_of_its_alert_changes_nothing() {
    let world = World::new(Known::all());
    let run = world.accept(&[fires(0, "db")]).await.opened.remove(0);
    world.told(&run).await;
    world.accept(&[over(&fires(0, "db"), 6)]).await;
    let late = world.accept(&[fires(0, "db")]).await;
    assert_eq!((late.runs, late.joined.len()), (vec![run.clone()], 0));
    assert!(world.look(&run).await.run.resolved_at.is_some());
}

#[tokio::test]
async fn nothing_joins_a_run_that_ended_without_a_report() {
    let world = World::new(Known::all());
    let run = world.accept(&[fires(0, "db")]).await.opened.remove(0);
    world.intake.runner().cancel(&run, "not now").await.unwrap();
    let next = world.accept(&[fires(1, "orders")]).await;
    assert_eq!((next.joined.len(), next.opened.len()), (0, 1));
    assert_eq!(world.told(&next.opened[0]).await, "orders");
}

#[tokio::test]
async fn alerts_that_the_filter_keeps_out_join_nothing() {
    let mut world = World::new(Known::all());
    world.accept(&[fires(0, "db")]).await;
    world.intake.filter = Filter::any().only("severity", ["critical"]);
    let kept_out = world.accept(&[fires(1, "orders")]).await;
    assert_eq!((kept_out.filtered, kept_out.runs.len()), (1, 0));
}
