//! What investigations ask: every request of the agent in the recorded scenarios goes to both, about the recorded samples.

use std::path::Path;

use claw_testkit::prometheus::Store;
use claw_testkit::replay::{self, Replay};
use claw_testkit::scenario;

use super::both::Both;
use crate::ask::Ask;

/// Scenarios may play in the future, from which the real one takes no samples. They are moved by two years of full days.
const BACK: i64 = 730 * 86_400;

/// The recorded samples, earlier.
fn earlier(store: &Store) -> Store {
    let moved = store.series().map(|(labels, points)| {
        let points = points.iter().map(|(time, value)| (time - BACK * 1000, *value));
        (labels.clone(), points.collect::<Vec<_>>())
    });
    moved.collect()
}

/// The same request about an earlier time.
fn about_earlier(mut ask: Ask) -> Ask {
    for (name, value) in &mut ask.parameters {
        if ["time", "start", "end"].contains(&name.as_str()) {
            let seconds: f64 = value.parse().unwrap();
            *value = format!("{:.3}", seconds - BACK as f64);
        }
    }
    ask
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn both_prometheus_answer_investigations_alike() {
    const TEST: &str = "queries of investigations";
    let testbed = crate::testbed().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let scenarios = scenario::load_all(folder).unwrap();
    let mut compared = 0;
    for scenario in scenarios
        .iter()
        .filter(|scenario| !scenario.bundle.metrics.is_empty())
    {
        let replay = Replay::of(&scenario.bundle).await.unwrap();
        replay.run().await.unwrap();
        let exchanges = replay.world().prometheus().faults().exchanges();
        assert!(!exchanges.is_empty(), "{}: nothing was asked", scenario.name());
        let (store, _) = replay::store(&scenario.bundle);
        let Some(mut both) = Both::start(&testbed, TEST, earlier(&store)).await else {
            return;
        };
        for exchange in &exchanges {
            both.same(&about_earlier(Ask::again(exchange))).await;
        }
        both.end(&format!("{TEST}: {}", scenario.name()));
        compared += 1;
    }
    assert!(compared >= 10, "only {compared} scenarios have metrics");
}
