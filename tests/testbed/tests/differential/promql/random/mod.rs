//! Expressions and series by chance, the same ones each time: what nobody thought of.

mod expressions;
mod series;

use proptest::strategy::{Strategy as _, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use self::expressions::expression;
use self::series::series;
use super::both::{Both, instant, range};
use super::samples::at;
use crate::ask::Ask;

/// Worlds of series, and expressions about each. `CLAW_E2E_SEED` makes others.
const WORLDS: u8 = 4;
const EXPRESSIONS: usize = 400;
/// Failures that are made small and shown.
const SHOWN: usize = 8;

/// The first of the seeds.
#[allow(clippy::disallowed_methods)] // suites are started by cargo, which passes nothing but the environment
fn seed() -> u8 {
    let given = std::env::var("CLAW_E2E_SEED").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn runner(seed: u8) -> TestRunner {
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
}

/// An expression at two moments and over a range.
fn asks(expression: &str) -> [Ask; 3] {
    [
        instant(expression, at(900)),
        instant(expression, at(1315) + 77),
        range(expression, (at(-30), at(2400)), 35_000),
    ]
}

async fn differ(both: &Both, expression: &str) -> Option<String> {
    for ask in asks(expression) {
        if let Some(difference) = both.difference(&ask).await {
            return Some(difference);
        }
    }
    None
}

/// The simplest expression of those that come out of `tree` whose answers differ.
async fn simplest(both: &Both, mut tree: impl ValueTree<Value = String>, mut difference: String) -> String {
    const TRIES: usize = 300;
    let mut smallest = tree.current();
    for _ in 0..TRIES {
        if !tree.simplify() {
            break;
        }
        // As long as the simpler one does not differ, go back and try another way.
        loop {
            if let Some(found) = differ(both, &tree.current()).await {
                (smallest, difference) = (tree.current(), found);
                break;
            }
            if !tree.complicate() {
                return format!("{smallest}\n    {difference}");
            }
        }
    }
    format!("{smallest}\n    {difference}")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn both_prometheus_evaluate_expressions_by_chance_alike() {
    const TEST: &str = "expressions by chance";
    let testbed = crate::testbed().await;
    let mut differences = Vec::new();
    let mut answered = 0;
    for world in (0..WORLDS).map(|world| seed().wrapping_add(world)) {
        let mut runner = runner(world);
        let store = series().new_tree(&mut runner).unwrap().current();
        let Some(mut both) = Both::start(&testbed, TEST, store).await else {
            return;
        };
        for _ in 0..EXPRESSIONS {
            let tree = expression().new_tree(&mut runner).unwrap();
            for ask in asks(&tree.current()) {
                answered += usize::from(both.same(&ask).await.results() > 0);
            }
            if differences.len() < SHOWN
                && let Some(difference) = differ(&both, &tree.current()).await
            {
                let simplest = simplest(&both, tree, difference).await;
                differences.push(format!("world {world}: {simplest}"));
            }
        }
        if differences.is_empty() {
            both.end(&format!("{TEST}, world {world}"));
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    // Chance must not have made expressions that mostly have no answer.
    let expressions = EXPRESSIONS * usize::from(WORLDS);
    assert!(
        answered > expressions,
        "{answered} answers to {expressions} expressions"
    );
}
