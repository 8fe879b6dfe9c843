//! What is decided where the surroundings cannot be read, or only in part.

use tokio::time::Instant;

use super::*;

/// One that cannot use what it reads.
#[derive(Debug)]
struct Broken;

#[async_trait]
impl Lookout for Broken {
    async fn look(&self, _: &RunId, _: &[Alert], _: Duration) -> Result<Seen, StepError> {
        Err(StepError::Transient {
            step: "group".to_owned(),
            reason: "the audit log is full".to_owned(),
            source: None,
        })
    }
}

/// Same thing, same incident; nothing else is known of `orders` and `db` than that they are of one namespace.
async fn goes_by_labels(world: &World) {
    let first = world.accept(&[fires(0, "db"), fires(0, "wiki")]).await;
    assert_eq!(
        (first.opened.len(), first.grouped_by),
        (1, Some(Basis::Labels)),
        "sent together"
    );
    let same = world
        .accept(&[Alert {
            fingerprint: "db-2".into(),
            ..fires(20, "db")
        }])
        .await;
    assert_eq!(
        (&same.joined, same.grouped_by),
        (&first.opened, Some(Basis::Labels))
    );
    let other = world.accept(&[fires(40, "orders")]).await;
    assert_eq!((other.opened.len(), other.grouped_by), (1, Some(Basis::Labels)));
}

#[tokio::test(start_paused = true)]
async fn labels_decide_where_the_surroundings_take_too_long_and_the_answer_still_comes() {
    let world = World::hasty(Known {
        takes: Duration::from_secs(3600),
        ..Known::all()
    });
    let began = Instant::now();
    world.accept(&[fires(0, "db"), fires(0, "wiki")]).await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let world = World::hasty(Known {
        takes: Duration::from_secs(3600),
        ..Known::all()
    });
    goes_by_labels(&world).await;
}

#[tokio::test]
async fn labels_decide_where_nothing_may_be_read() {
    let mut world = World::new(Known::all());
    world.intake = world.intake.with_grouping(Grouping::new(Arc::new(Broken)));
    goes_by_labels(&world).await;
}

#[tokio::test]
async fn labels_decide_where_nothing_was_seen() {
    let world = World::new(Known {
        calls: Vec::new(),
        extent: Extent::Nothing,
        ..Known::all()
    });
    goes_by_labels(&world).await;
}

#[tokio::test(start_paused = true)]
async fn those_that_wait_for_their_turn_are_not_kept_for_longer_than_the_one_that_reads() {
    let world = World::hasty(Known {
        takes: Duration::from_secs(3600),
        ..Known::all()
    });
    world.accept(&[fires(0, "db")]).await;
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let bodies = names.map(|name| notification(&[fires(1, name)]));
    let began = Instant::now();
    let receipts = futures::future::join_all(bodies.into_iter().map(|body| world.intake.accept(body))).await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let by_labels =
        |receipt: &Result<Receipt, _>| receipt.as_ref().unwrap().grouped_by == Some(Basis::Labels);
    assert!(receipts.iter().all(by_labels));
    assert_eq!(world.looks(), 1);
}

#[tokio::test]
async fn what_is_known_in_part_joins_and_does_not_part() {
    let world = World::new(Known {
        extent: Extent::Part,
        ..Known::all()
    });
    let first = world.accept(&[fires(0, "db"), fires(0, "wiki")]).await;
    assert_eq!((first.opened.len(), first.grouped_by), (1, Some(Basis::Part)));
    let next = world.accept(&[fires(12, "orders")]).await;
    assert_eq!(next.joined, first.opened, "it calls db");
}

#[tokio::test]
async fn alerts_that_were_sent_together_follow_the_one_that_belongs_to_a_run() {
    let world = World::new(Known {
        extent: Extent::Part,
        ..Known::all()
    });
    let first = world.accept(&[fires(0, "db")]).await;
    let next = world.accept(&[fires(12, "orders"), fires(12, "wiki")]).await;
    assert_eq!((next.joined, next.opened.len()), (first.opened, 0));
}
