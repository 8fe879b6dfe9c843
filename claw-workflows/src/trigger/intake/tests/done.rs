//! Alerts of an incident whose report has been delivered.

use claw_core::store::{Attach, Joining};

use super::*;
use crate::incident::grouping::Tie;

#[tokio::test]
async fn what_is_more_urgent_than_all_of_a_run_that_is_done_opens_another() {
    let world = World::new(Known::all());
    let slow = world
        .accept(&[grave("warning", fires(0, "db"))])
        .await
        .opened
        .remove(0);
    world.told(&slow).await;
    let down = world.accept(&[grave("critical", fires(55, "db"))]).await;
    assert_eq!((down.opened.len(), down.joined.len()), (1, 0));
    assert_eq!(down.exceeded, std::slice::from_ref(&slow));
    assert_eq!(
        down.ties
            .iter()
            .map(|tied| (tied.run.clone(), tied.tie))
            .collect::<Vec<_>>(),
        [(Some(slow.clone()), Tie::Same)],
        "it is of that incident all the same"
    );
    assert_eq!(world.told(&down.opened[0]).await, "db-critical");
    // Who has read that the database is down need not hear so again.
    let again = world.accept(&[grave("page", fires(58, "db"))]).await;
    assert_eq!((&again.joined, again.opened.len()), (&down.opened, 0));
    assert_eq!(again.exceeded, [slow]);
}

#[tokio::test]
async fn what_is_no_more_urgent_joins_a_run_that_is_done() {
    for (first, next) in [
        ("warning", "warning"),
        ("critical", "warning"),
        ("warning", "info"),
        ("warning", ""),
        ("", "warning"),
    ] {
        let world = World::new(Known::all());
        let run = world
            .accept(&[grave(first, fires(0, "db"))])
            .await
            .opened
            .remove(0);
        world.told(&run).await;
        let next = world.accept(&[grave(next, fires(3, "orders"))]).await;
        assert_eq!((next.joined, next.exceeded.len()), (vec![run], 0), "{first:?}");
    }
}

#[tokio::test]
async fn however_urgent_it_is_it_joins_a_run_that_is_not_done() {
    let world = World::new(Known::all());
    let run = world
        .accept(&[grave("info", fires(0, "db"))])
        .await
        .opened
        .remove(0);
    let next = world.accept(&[grave("critical", fires(3, "db"))]).await;
    assert_eq!((&next.joined, next.exceeded.len()), (&vec![run.clone()], 0));
    // From now on that is what the run is about.
    world.told(&run).await;
    let last = world.accept(&[grave("critical", fires(5, "orders"))]).await;
    assert_eq!(last.joined, [run]);
}

#[tokio::test]
async fn what_joined_a_run_that_had_begun_is_not_what_its_report_is_about() {
    let world = World::new(Known::all());
    let run = world
        .accept(&[grave("warning", fires(0, "db"))])
        .await
        .opened
        .remove(0);
    world.told(&run).await;
    let unseen = grave("critical", fires(1, "db"));
    let attach = Attach {
        run: run.clone(),
        alerts: vec![Joining {
            alert: key(&unseen),
            body: serde_json::to_value(&unseen).unwrap(),
        }],
        input: None,
        unless_done: false,
    };
    let journal = world.intake.runner().journal();
    journal.attach(attach, minute(1)).await.unwrap();
    let next = world.accept(&[grave("critical", fires(4, "orders"))]).await;
    assert_eq!((next.opened.len(), next.exceeded), (1, vec![run]));
}

#[tokio::test]
async fn of_what_came_together_the_most_urgent_counts() {
    for extent in [Extent::All, Extent::Part] {
        let world = World::new(Known {
            extent,
            ..Known::all()
        });
        let run = world.accept(&[fires(0, "db")]).await.opened.remove(0);
        world.told(&run).await;
        let both = [fires(3, "orders"), grave("critical", fires(4, "db"))];
        let next = world.accept(&both).await;
        assert_eq!((next.joined.len(), next.exceeded), (0, vec![run]), "{extent:?}");
        assert_eq!(world.told(&next.opened[0]).await, "orders db-critical");
    }
}

/// One that takes so long that the runs have ended by then.
#[derive(Debug)]
struct Slow(Runner);

#[async_trait]
impl Lookout for Slow {
    async fn look(&self, _: &RunId, alerts: &[Alert], _: Duration) -> Result<Seen, StepError> {
        for run in self.0.journal().runs(None, 99).await.unwrap() {
            self.0.drive_to_end(&run.id).await.unwrap();
        }
        Ok(Seen {
            around: Surroundings::calling(alerts, &[]),
            extent: Extent::All,
        })
    }
}

#[tokio::test]
async fn a_run_that_ends_while_it_is_decided_is_done() {
    for (severity, joins) in [("warning", 1), ("critical", 0)] {
        let mut world = World::new(Known::all());
        let slow = Slow(world.intake.runner().clone());
        world.intake = world.intake.with_grouping(Grouping::new(Arc::new(slow)));
        let run = world.accept(&[fires(0, "db")]).await.opened.remove(0);
        let next = world.accept(&[grave(severity, fires(1, "db"))]).await;
        assert_eq!(
            (next.joined.len(), next.opened.len()),
            (joins, 1 - joins),
            "{severity}"
        );
        assert_eq!(world.told(&run).await, "db");
    }
}
