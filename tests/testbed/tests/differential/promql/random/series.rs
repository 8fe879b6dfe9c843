//! Series by chance.

use claw_testkit::prometheus::{Labels, STALE, Store};
use proptest::prelude::*;
use proptest::sample::select;

use crate::promql::samples::at;

/// Samples of a series, one every 20 s.
const LENGTH: usize = 90;

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
pub(super) fn series() -> impl Strategy<Value = Store> {
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
