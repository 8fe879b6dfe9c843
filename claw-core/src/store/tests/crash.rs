//! Whatever the moment at which the process dies, the run ends with one report, delivered once where the sink tells
//! repeats apart.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

const STEPS: u32 = 3;

/// What the outside world has seen; it does not die with the process.
#[derive(Debug, Default)]
struct World {
    /// Sinks show a key once.
    shown: BTreeSet<(String, String)>,
    handed_over: u32,
}

/// Works until `calls` calls to the journal were made, or there is nothing left to do. Returns whether that is so.
async fn work(store: &SqliteStore, world: &mut World, calls: &mut u32) -> bool {
    macro_rules! step {
        ($call:expr) => {{
            if *calls == 0 {
                return false;
            }
            *calls -= 1;
            $call.await.unwrap()
        }};
    }
    step!(store.enqueue(new_run("a"), at(0)));
    while let Some(claim) = step!(store.claim(at(1))) {
        let run = claim.run;
        let state: serde_json::Value = claim.state.map_or(json!([]), |state| state.read().unwrap());
        assert_eq!(
            state.as_array().unwrap().len(),
            run.step as usize,
            "the state is that of the step before"
        );
        if run.step + 1 < STEPS {
            let mut state = state;
            state.as_array_mut().unwrap().push(json!(run.step));
            step!(store.record_step(&run.id, result(run.step, state), at(1)));
        } else {
            step!(store.finish(
                &run.id,
                run.step,
                "end",
                &report("a"),
                &["x".into(), "y".into()],
                at(1)
            ));
        }
    }
    for delivery in step!(store.due_deliveries(at(2))) {
        step!(store.begin_delivery(&delivery.run, &delivery.sink, at(2)));
        world.handed_over += 1;
        world
            .shown
            .insert((delivery.sink.clone(), delivery.run.0.clone()));
        step!(store.end_delivery(&delivery.run, &delivery.sink, DeliveryEnd::Delivered, at(2)));
    }
    true
}

/// The files as a process that is killed at this moment leaves them.
fn image(from: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        if Path::new(&name(from)).exists() {
            std::fs::copy(name(from), name(to)).unwrap();
        }
    }
}

#[tokio::test]
async fn survives_a_crash_after_each_call() {
    let folder = tempfile::tempdir().unwrap();
    let mut crashes = 0;
    for first in 0.. {
        let mut world = World::default();
        let path = folder.path().join(format!("{first}.db"));
        let store = SqliteStore::open(&path).await.unwrap();
        if work(&store, &mut world, &mut first.clone()).await {
            break;
        }
        crashes += 1;
        // The process dies, and the next one dies again one call later than it got, until it is through.
        let mut previous = path;
        for life in 1.. {
            let next = folder.path().join(format!("{first}-{life}.db"));
            image(&previous, &next);
            let store = SqliteStore::open(&next).await.unwrap();
            if work(&store, &mut world, &mut (life * 2).clone()).await {
                break;
            }
            previous = next;
        }
        let shown: Vec<_> = world.shown.iter().map(|(sink, _)| sink.as_str()).collect();
        assert_eq!(shown, ["x", "y"], "crash after {first} calls");
    }
    assert!(crashes > 10, "{crashes}");
}

#[tokio::test]
async fn says_which_delivery_is_in_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue(new_run("a"), at(0)).await.unwrap();
    store.claim(at(0)).await.unwrap().unwrap();
    store
        .finish(&id("a"), 0, "end", &report("a"), &["x".into(), "y".into()], at(1))
        .await
        .unwrap();
    store.begin_delivery(&id("a"), "y", at(2)).await.unwrap();
    let next = folder.path().join("next.db");
    image(&path, &next);
    let store = SqliteStore::open(&next).await.unwrap();
    let states: Vec<_> = store
        .due_deliveries(at(3))
        .await
        .unwrap()
        .into_iter()
        .map(|d| (d.sink, d.state))
        .collect();
    assert_eq!(
        states,
        [
            ("x".into(), DeliveryState::Pending),
            ("y".into(), DeliveryState::InDoubt)
        ]
    );
}

#[tokio::test]
async fn a_step_that_kills_the_process_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    for life in 1..=3 {
        let store = SqliteStore::open(&path).await.unwrap();
        store.enqueue(new_run("a"), at(0)).await.unwrap();
        assert_eq!(
            store.claim(at(life)).await.unwrap().unwrap().run.attempts,
            u32::try_from(life).unwrap()
        );
        store.close().await;
    }
}

#[tokio::test]
async fn numbers_come_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("j.db")).await.unwrap();
    // serde_json's quick parser misreads some of these by the last digit.
    let ratios: Vec<f64> = (1..=2000_u32).map(|n| f64::from(n).sqrt() / 7919.0).collect();
    let state = json!([ratios, u64::MAX, i64::MIN, f64::MIN_POSITIVE, f64::MAX]);
    store.enqueue(new_run("a"), at(0)).await.unwrap();
    store.claim(at(0)).await.unwrap().unwrap();
    store
        .record_step(&id("a"), result(0, state.clone()), at(0))
        .await
        .unwrap();
    let kept = store.claim(at(0)).await.unwrap().unwrap().state.unwrap();
    assert_eq!(kept.read::<serde_json::Value>().unwrap(), state);
}
