//! Expressions and series by chance, the same ones each time: what nobody thought of.

use claw_testkit::prometheus::{Labels, STALE, Store};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::both::{Both, instant, range};
use super::samples::at;
use crate::ask::Ask;

/// Worlds of series, and expressions about each. `CLAW_E2E_SEED` makes others.
const WORLDS: u8 = 4;
const EXPRESSIONS: usize = 400;
/// Failures that are made small and shown.
const SHOWN: usize = 8;
/// Samples of a series, one every 20 s.
const LENGTH: usize = 90;

type Text = BoxedStrategy<String>;

fn one_of(words: &'static [&'static str]) -> Text {
    select(words).prop_map(str::to_owned).boxed()
}

/// Values that are exact in binary, so that sums do not depend on their order.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        20 => (-400_i32..400).prop_map(|n| f64::from(n) / 4.0),
        1 => select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0]),
    ]
}

/// Samples that may be missing, or a mark that the series ends.
fn gauge() -> impl Strategy<Value = Vec<Option<f64>>> {
    let sample = prop_oneof![
        14 => value().prop_map(Some),
        2 => Just(None),
        1 => Just(Some(STALE)),
    ];
    (prop::collection::vec(sample, LENGTH), 0..LENGTH, 0..30_usize).prop_map(|(mut samples, begin, hole)| {
        for sample in samples.iter_mut().skip(begin).take(hole) {
            *sample = None;
        }
        samples
    })
}

/// A counter that now and then starts anew.
fn counter() -> impl Strategy<Value = Vec<Option<f64>>> {
    let step = prop_oneof![12 => (0_i32..50).prop_map(Some), 1 => Just(Some(-1)), 2 => Just(None)];
    prop::collection::vec(step, LENGTH).prop_map(|steps| {
        let mut total = 0.0;
        let mut next = |step: i32| {
            total = if step < 0 { 0.0 } else { total + f64::from(step) };
            total
        };
        steps.into_iter().map(|step| step.map(&mut next)).collect()
    })
}

/// Series of a few metrics with labels that partly meet.
fn series() -> impl Strategy<Value = Store> {
    const METRICS: [(&str, bool); 4] = [("m", false), ("n", false), ("c_total", true), ("h_bucket", true)];
    let of = |(name, counts): (&'static str, bool)| {
        let third = if name == "h_bucket" {
            ("le", ["0.5", "2", "+Inf"])
        } else {
            ("z", ["1", "2", "3"])
        };
        let labels: Vec<[(&str, &str); 4]> = ["1", "2"]
            .into_iter()
            .flat_map(|x| ["a", "b"].map(|y| (x, y)))
            .flat_map(|(x, y)| {
                third
                    .1
                    .map(|z| [("__name__", name), ("x", x), ("y", y), (third.0, z)])
            })
            .collect();
        let one = if counts {
            counter().boxed()
        } else {
            gauge().boxed()
        };
        prop::collection::vec((one, 0..20_000_i64), labels.len())
            .prop_map(move |all| labels.iter().copied().zip(all).collect::<Vec<_>>())
    };
    let [m, n, c, h] = METRICS.map(of);
    (m, n, c, h).prop_map(|(m, n, c, h)| {
        let mut store = Store::new();
        for (labels, (samples, late)) in [m, n, c, h].concat() {
            let times = (0..).map(|number| at(number * 20) + late);
            let points = times
                .zip(samples)
                .filter_map(|(time, sample)| Some((time, sample?)));
            store.insert(Labels::new(labels), points);
        }
        store
    })
}

fn selector() -> Text {
    let metric = one_of(&["m", "n", "c_total", "h_bucket", "nothing"]);
    let matchers = one_of(&[
        "",
        "",
        "{x=\"1\"}",
        "{y!=\"a\"}",
        "{z=~\"1|2\"}",
        "{z!~\"1|2\"}",
        "{x=\"1\",y=\"b\"}",
        "{le=\"+Inf\"}",
        "{q=\"\"}",
        "{q!=\"\"}",
        "{x=\"1\",z=\"3\"}",
    ]);
    (metric, matchers)
        .prop_map(|(metric, matchers)| metric + &matchers)
        .boxed()
}

/// What moves a selector in time.
fn moved() -> Text {
    prop_oneof![
        8 => Just(String::new()),
        1 => one_of(&[" offset 1m", " offset -90s", " offset 7m", " @ start()", " @ end()"]),
        1 => one_of(&[" @ 1740003000", " @ 1740003011.5 offset 30s", " offset 10s @ end()"]),
    ]
    .boxed()
}

fn number() -> Text {
    one_of(&["0", "1", "2", "-1", "0.5", "100", "NaN", "Inf", "1e3", "time()"])
}

/// A number between 0 and 1, mostly.
fn quantile() -> Text {
    one_of(&["0", "0.25", "0.5", "0.9", "1", "-0.5", "1.5", "NaN"])
}

fn grouping() -> Text {
    one_of(&[
        "",
        " by (x)",
        " by (x, y)",
        " by ()",
        " without (z)",
        " without (x, z)",
        " by (le)",
        " without (le)",
        " by (nope)",
    ])
}

fn range_vector(inner: Text) -> Text {
    let length = one_of(&["1m", "90s", "5m", "20s", "19s", "15m", "5s"]);
    let steps = one_of(&["1m:20s", "5m:1m", "5m:", "2m:7s", "10m:3m", "1m:5m"]);
    prop_oneof![
        3 => (selector(), length, moved()).prop_map(|(of, length, moved)| format!("{of}[{length}]{moved}")),
        1 => (inner, steps, moved()).prop_map(|(of, steps, moved)| format!("({of})[{steps}]{moved}")),
    ]
    .boxed()
}

/// A vector out of smaller vectors.
fn compound(inner: Text) -> Text {
    let over_time = one_of(&[
        "rate",
        "irate",
        "increase",
        "delta",
        "idelta",
        "deriv",
        "changes",
        "resets",
        "avg_over_time",
        "min_over_time",
        "max_over_time",
        "sum_over_time",
        "count_over_time",
        "stddev_over_time",
        "stdvar_over_time",
        "last_over_time",
        "present_over_time",
        "absent_over_time",
    ]);
    // Not here: stddev and stdvar, whose last digits depend on the order of series.
    let fold = one_of(&["sum", "avg", "min", "max", "count", "group"]);
    // Not here: sorting, which only remarks differ about.
    let unary = one_of(&[
        "abs",
        "ceil",
        "floor",
        "sgn",
        "sqrt",
        "round",
        "timestamp",
        "absent",
        "-",
    ]);
    let arithmetic = || {
        one_of(&[
            "+", "-", "*", "/", "%", "^", ">", "<", ">=", "<=", "==", "!=", "> bool", "!= bool",
        ])
    };
    let set = one_of(&["and", "or", "unless"]);
    let side = one_of(&[
        "",
        " on (x)",
        " on (x, y)",
        " ignoring (z)",
        " ignoring (le)",
        " on ()",
    ]);
    let side_too = side.clone();
    let single = || {
        (
            one_of(&["sum", "max", "count", "avg"]),
            inner.clone(),
            one_of(&["(x)", "(x, y)"]),
        )
            .boxed()
    };
    let rewritten = one_of(&[
        "\"w\", \"$1\", \"x\", \"(.*)\"",
        "\"x\", \"9\", \"x\", \"1\"",
        "\"z\", \"\", \"y\", \"a\"",
        "\"w\", \"${1}$2\", \"y\", \"(a)|(b)\"",
        "\"y\", \"same\", \"q\", \"\"",
    ]);
    prop_oneof![
        6 => (over_time, range_vector(inner.clone())).prop_map(|(function, range)| format!("{function}({range})")),
        1 => (quantile(), range_vector(inner.clone())).prop_map(|(q, range)| format!("quantile_over_time({q}, {range})")),
        1 => (range_vector(inner.clone()), number()).prop_map(|(range, ahead)| format!("predict_linear({range}, {ahead})")),
        5 => (fold, grouping(), inner.clone()).prop_map(|(fold, group, of)| format!("{fold}{group} ({of})")),
        1 => (quantile(), grouping(), inner.clone()).prop_map(|(q, group, of)| format!("quantile{group} ({q}, {of})")),
        1 => (grouping(), selector()).prop_map(|(group, of)| format!("count_values{group} (\"v\", {of})")),
        3 => (unary, inner.clone()).prop_map(|(function, of)| format!("{function}({of})")),
        1 => (inner.clone(), number(), number()).prop_map(|(of, low, high)| format!("clamp({of}, {low}, {high})")),
        1 => (inner.clone(), rewritten).prop_map(|(of, how)| format!("label_replace({of}, {how})")),
        1 => inner.clone().prop_map(|of| format!("label_join({of}, \"w\", \"-\", \"x\", \"q\", \"y\")")),
        1 => (quantile(), inner.clone()).prop_map(|(q, of)| format!("histogram_quantile({q}, {of})")),
        1 => (quantile(), one_of(&["rate", "increase"]), one_of(&["", "sum by (le) ", "sum without (y) "]))
            .prop_map(|(q, rate, sum)| format!("histogram_quantile({q}, {sum}({rate}(h_bucket[5m])))")),
        3 => (inner.clone(), arithmetic(), number()).prop_map(|(of, sign, number)| format!("({of} {sign} {number})")),
        1 => (number(), arithmetic(), inner.clone()).prop_map(|(number, sign, of)| format!("({number} {sign} {of})")),
        1 => (inner.clone(), arithmetic(), inner.clone())
            .prop_map(|(of, sign, single)| format!("({of} {sign} scalar({single}))")),
        3 => (inner.clone(), arithmetic(), side, inner.clone())
            .prop_map(|(left, sign, side, right)| format!("({left} {sign}{side} {right})")),
        3 => (inner.clone(), arithmetic(), single())
            .prop_map(|(many, sign, (fold, one, by))| format!("({many} {sign} on {by} group_left {fold} by {by} ({one}))")),
        1 => (single(), arithmetic(), inner.clone())
            .prop_map(|((fold, one, by), sign, many)| format!("({fold} by {by} ({one}) {sign} on {by} group_right {many})")),
        3 => (inner.clone(), set, side_too, inner.clone())
            .prop_map(|(left, set, side, right)| format!("({left} {set}{side} {right})")),
        1 => number().prop_map(|number| format!("vector({number})")),
    ]
    .boxed()
}

fn expression() -> Text {
    let leaf = (selector(), moved()).prop_map(|(of, moved)| of + &moved).boxed();
    leaf.prop_recursive(4, 12, 2, |inner| compound(inner.boxed()))
        .boxed()
}

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
