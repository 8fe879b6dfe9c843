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

/// The first of the seeds, from the variable.
fn seed(given: Option<&str>) -> Result<u8, String> {
    given.map_or(Ok(1), |text| {
        let wrong = |error: std::num::ParseIntError| {
            format!("CLAW_E2E_SEED is {text:?}: {error}; set a number from 0 to 255, or unset it")
        };
        text.parse().map_err(wrong)
    })
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
    #[allow(clippy::disallowed_methods)]
    // suites are started by cargo, which passes nothing but the environment
    let given = std::env::var_os("CLAW_E2E_SEED").map(|text| text.to_string_lossy().into_owned());
    let first = seed(given.as_deref()).unwrap_or_else(|error| panic!("{error}"));
    let testbed = crate::testbed().await;
    let mut differences = Vec::new();
    let mut answered = 0;
    for world in (0..WORLDS).map(|world| first.wrapping_add(world)) {
        let mut runner = runner(world);
        let store = series().new_tree(&mut runner).unwrap().current();
        let Some(mut both) = Both::start(&testbed, TEST, store).await else {
            return;
        };
        for _ in 0..EXPRESSIONS {
            let tree = expression().new_tree(&mut runner).unwrap();
            let mut first_difference = None;
            for ask in asks(&tree.current()) {
                let (real, difference) = both.compare(&ask).await;
                answered += usize::from(real.results() > 0);
                first_difference = first_difference.or(difference);
            }
            if differences.len() < SHOWN
                && let Some(difference) = first_difference
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

#[test]
fn a_wrong_seed_is_refused() {
    assert_eq!(seed(None), Ok(1));
    assert_eq!(seed(Some("7")), Ok(7));
    for wrong in ["300", "x", "-1", ""] {
        assert!(
            seed(Some(wrong)).unwrap_err().contains("CLAW_E2E_SEED"),
            "{wrong}"
        );
    }
}
