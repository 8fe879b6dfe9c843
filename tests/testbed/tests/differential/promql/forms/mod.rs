//! The forms of PromQL, one by one.

mod aggregate;
mod empty;
mod functions;
mod operators;
mod over_time;
mod questions;
mod select;

use self::aggregate::{AGGREGATIONS, GROUPS};
pub(super) use self::over_time::OVER_TIME;
use self::over_time::RANGE_VECTORS;
use super::both::{Both, instant, range};
use super::samples::{at, store};

/// Moments at which each form is asked for, in milliseconds since the samples begin: on a sample, between two, in the
/// middle of holes, at the very edge of what still counts, before the first and after the last.
const MOMENTS: [i64; 12] = [
    -60_000, 0, 600_000, 3_600_000, 3_607_500, 3_885_000, 3_900_000, 3_900_001, 5_400_123, 7_185_000,
    7_484_999, 7_500_000,
];

/// The most telling of these, for forms that are put together of parts.
const SOME_MOMENTS: [i64; 4] = [600_000, 3_607_500, 3_900_001, 7_484_999];

/// Ranges: from, to and step in milliseconds.
const RANGES: [(i64, i64, i64); 4] = [
    (0, 7_200_000, 60_000),
    (3_500_000, 3_950_000, 15_000),
    (-300_123, 8_000_000, 421_777),
    (3_600_000, 3_600_000, 60_000),
];

/// The forms that are listed one by one.
fn listed() -> Vec<&'static str> {
    [
        select::SELECT,
        select::RAW,
        over_time::WITH_PARAMETERS,
        aggregate::WITH_PARAMETERS,
        operators::NUMBERS,
        operators::WITH_NUMBERS,
        operators::VECTORS,
        operators::SETS,
        functions::HISTOGRAMS,
        functions::ELEMENTS,
        functions::LABELS,
        functions::ABSENT,
        questions::QUESTIONS,
    ]
    .concat()
}

/// The forms that are put together of functions, groupings and vectors.
fn combined() -> Vec<String> {
    let mut forms = Vec::new();
    for function in OVER_TIME {
        forms.extend(RANGE_VECTORS.iter().map(|vector| format!("{function}({vector})")));
    }
    for aggregation in AGGREGATIONS {
        for group in GROUPS {
            let vectors = aggregate::VECTORS.iter();
            forms.extend(vectors.map(|vector| format!("{aggregation}{group} ({vector})")));
        }
    }
    forms
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn both_prometheus_evaluate_the_same() {
    const TEST: &str = "forms of PromQL";
    let testbed = crate::testbed().await;
    let Some(mut both) = Both::start(&testbed, TEST, store()).await else {
        return;
    };
    for form in listed() {
        for moment in MOMENTS {
            both.same(&instant(form, at(0) + moment)).await;
        }
        for (from, to, step) in RANGES {
            both.same(&range(form, (at(0) + from, at(0) + to), step)).await;
        }
    }
    for form in combined() {
        for moment in SOME_MOMENTS {
            both.same(&instant(&form, at(0) + moment)).await;
        }
        for (from, to, step) in &RANGES[..2] {
            both.same(&range(&form, (at(0) + from, at(0) + to), *step)).await;
        }
    }
    for form in questions::ORDERED {
        for moment in MOMENTS {
            both.same(&instant(form, at(0) + moment).ordered()).await;
        }
    }
    // Another time for which a sample counts, as the agent may be configured to ask for.
    for form in [
        "gap",
        "ended",
        "rare",
        "rate(gap[6m])",
        "sum_over_time(gap[10m:1m])",
    ] {
        for lookback in ["0", "15", "61s", "10m", "-1"] {
            for ask in [instant(form, at(3900)), range(form, (at(3500), at(4000)), 15_000)] {
                both.same(&ask.with("lookback_delta", lookback)).await;
            }
        }
    }
    both.expect_results(empty::LISTED, empty::may_be);
    both.end(TEST);
}
