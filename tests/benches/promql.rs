//! How long range queries over 2,000 series take: an hour in steps of 15 seconds.

use std::hint::black_box;

use claw_testkit::prometheus::eval::{Options, Outcome, instant, range};
use claw_testkit::prometheus::{Labels, Store};

fn main() {
    divan::main();
}

const SERIES: u32 = 2_000;
const HOUR: (i64, i64) = (3_600_000, 7_200_000);
const STEP: i64 = 15_000;

/// Two hours of counters, gauges and histograms, scraped every 15 seconds.
fn store() -> Store {
    let mut store = Store::new();
    for n in 0..SERIES {
        let (namespace, pod) = (format!("team-{}", n % 40), format!("pod-{n}"));
        let labels = |name: &str| {
            Labels::new([
                ("__name__", name),
                ("namespace", namespace.as_str()),
                ("pod", pod.as_str()),
            ])
        };
        let samples = |slope: f64| (0_i32..480).map(move |at| (i64::from(at) * STEP, f64::from(at) * slope));
        store.insert(labels("http_requests_total"), samples(f64::from(n % 7 + 1)));
        store.insert(labels("memory_bytes"), samples(f64::from(n % 11)));
        if n % 10 == 0 {
            for (le, share) in [("0.1", 0.5), ("0.5", 0.8), ("1", 0.95), ("+Inf", 1.0)] {
                let labels = Labels::new(
                    labels("latency_seconds_bucket")
                        .iter()
                        .chain([("le", le)])
                        .map(|(n, v)| (n.to_owned(), v.to_owned())),
                );
                store.insert(labels, samples(share * 10.0));
            }
        }
    }
    store
}

/// A query that fails would be fast, and the figure worthless.
fn result(outcome: Result<Outcome, impl std::fmt::Display>) -> Option<Outcome> {
    outcome
        .inspect_err(|error| eprintln!("the query failed: {error}"))
        .ok()
}

#[divan::bench(args = [
    "memory_bytes",
    "rate(http_requests_total[5m])",
    "sum by (namespace) (rate(http_requests_total[5m]))",
    "topk(10, rate(http_requests_total[5m]))",
    "http_requests_total / on(namespace, pod) memory_bytes",
    "histogram_quantile(0.99, sum by (namespace, le) (rate(latency_seconds_bucket[5m])))",
    "max_over_time(memory_bytes[30m])",
])]
fn range_query(bencher: divan::Bencher<'_, '_>, query: &str) {
    let (store, options) = (store(), Options::default());
    bencher.bench_local(|| result(range(black_box(&store), query, HOUR, STEP, &options)));
}

#[divan::bench]
fn instant_query(bencher: divan::Bencher<'_, '_>) {
    let (store, options) = (store(), Options::default());
    let query = "sum by (namespace) (rate(http_requests_total[5m]))";
    bencher.bench_local(|| result(instant(black_box(&store), query, HOUR.1, &options)));
}

#[divan::bench]
fn load(bencher: divan::Bencher<'_, '_>) {
    bencher.bench_local(store);
}
