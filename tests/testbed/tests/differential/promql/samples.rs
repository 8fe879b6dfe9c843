//! Samples that bring out what is peculiar: resets, gaps, ends, what is no number, odd buckets, odd names.

use claw_testkit::prometheus::{Labels, Point, STALE, Store};

/// When the samples begin, in seconds since 1970. A full hour, so that steps and samples meet.
pub(super) const BEGIN: i64 = 1_740_002_400;
/// Seconds between two samples of most series.
const STEP: i64 = 15;
/// Samples of most series: two hours.
const COUNT: i64 = 480;

/// Milliseconds since 1970, from seconds since the samples begin.
pub(super) fn at(seconds: i64) -> i64 {
    (BEGIN + seconds) * 1000
}

/// Everything below.
pub(super) fn store() -> Store {
    let mut store = Store::new();
    counters(&mut store);
    gauges(&mut store);
    gaps_and_ends(&mut store);
    no_numbers(&mut store);
    histograms(&mut store);
    joins(&mut store);
    names(&mut store);
    store
}

fn put(store: &mut Store, labels: &[(&str, &str)], points: impl IntoIterator<Item = Point>) {
    store.insert(Labels::new(labels.iter().copied()), points);
}

/// A value at every step, `late` milliseconds after it. Targets are not scraped all at once.
fn every(late: i64, mut value: impl FnMut(i64) -> f64) -> impl Iterator<Item = Point> {
    (0..COUNT).map(move |n| (at(n * STEP) + late, value(n)))
}

/// Noise that is the same each time, a whole number below `below`.
fn noise(seed: i64, n: i64, below: u64) -> f64 {
    let mut mixed = (seed.cast_unsigned() << 32) ^ n.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) % below) as f64
}

fn counters(store: &mut Store) {
    let mut seed = 0;
    for job in ["api", "web"] {
        for instance in ["a", "b"] {
            for code in ["200", "404", "500"] {
                seed += 1;
                let mut total = 0.0;
                let points = every(seed * 370, move |n| {
                    // One instance restarts twice, shortly after another.
                    if instance == "b" && (n == 200 || n == 203) {
                        total = 0.0;
                    }
                    total += noise(seed, n, 40);
                    total
                });
                let labels = [
                    ("__name__", "http_requests_total"),
                    ("job", job),
                    ("instance", instance),
                    ("code", code),
                ];
                put(store, &labels, points);
            }
        }
    }
    // Begins in the middle, at zero and not at zero.
    for (kind, first) in [("zero", 0.0), ("not_zero", 500.0)] {
        let points = every(0, move |n| first + (n - 240) as f64 * 3.0).skip(240);
        put(store, &[("__name__", "late_total"), ("kind", kind)], points);
    }
    put(store, &[("__name__", "still_total")], every(0, |_| 42.0));
    put(
        store,
        &[("__name__", "twice_total")],
        [(at(3600), 10.0), (at(3660), 25.0)],
    );
    // Times that are no multiples of anything.
    let points = (0..700).map(|n| (at(0) + n * 9_973 + noise(9, n, 900) as i64, n as f64 * 1.25));
    put(store, &[("__name__", "uneven_total")], points);
}

fn gauges(store: &mut Store) {
    for (seed, (job, instance)) in [("api", "a"), ("api", "b"), ("web", "a"), ("web", "b")]
        .into_iter()
        .enumerate()
    {
        let seed = seed as i64 + 100;
        let wave = move |n: i64| 1e8 + 5e7 * (n as f64 / 40.0).sin() + noise(seed, n, 1_000_000);
        put(
            store,
            &[("__name__", "memory_bytes"), ("job", job), ("instance", instance)],
            every(seed, wave),
        );
        let celsius = move |n| noise(seed, n, 800) / 8.0 - 50.0;
        put(
            store,
            &[
                ("__name__", "temperature_celsius"),
                ("job", job),
                ("instance", instance),
            ],
            every(0, celsius),
        );
    }
    for (seed, queue) in ["orders", "mails", "jobs"].into_iter().enumerate() {
        let length = move |n| noise(seed as i64 + 200, n / 4, 4);
        put(
            store,
            &[("__name__", "queue_length"), ("queue", queue)],
            every(0, length),
        );
    }
    put(store, &[("__name__", "constant")], every(0, |_| 5.0));
    put(
        store,
        &[("__name__", "line")],
        every(0, |n| 100.0 - 0.25 * n as f64),
    );
    put(
        store,
        &[("__name__", "started_seconds")],
        every(0, |n| (BEGIN - 86_400 * 3 + n * 7) as f64),
    );
    put(store, &[("__name__", "once")], [(at(3600), 7.0)]);
}

/// Holes as long as the time for which a sample counts, a little less, a little more; and series that end.
fn gaps_and_ends(store: &mut Store) {
    for (length, hole) in [("285", 19), ("300", 20), ("315", 21), ("1200", 80)] {
        let points = every(0, |n| n as f64).filter(move |(time, _)| {
            let n = (time / 1000 - BEGIN) / STEP;
            !(240..240 + hole - 1).contains(&n)
        });
        put(store, &[("__name__", "gap"), ("seconds", length)], points);
    }
    // Ends with a mark, and begins again ten minutes later.
    let marked = every(0, |n| if n == 200 { STALE } else { n as f64 }).filter(|(time, _)| {
        let n = (time / 1000 - BEGIN) / STEP;
        !(201..240).contains(&n)
    });
    put(store, &[("__name__", "ended"), ("how", "marked")], marked);
    put(
        store,
        &[("__name__", "ended"), ("how", "silently")],
        every(0, |n| n as f64).take(200),
    );
    // Marks between samples, as when a target comes and goes.
    let flapping = every(0, |n| if n % 10 == 9 { STALE } else { (n % 7) as f64 });
    put(
        store,
        &[("__name__", "ended"), ("how", "again and again")],
        flapping,
    );
    put(store, &[("__name__", "only_marks")], every(0, |_| STALE).take(20));
    // Scraped so rarely that a sample nearly gets too old before the next.
    let rare = (0..24).map(|n| (at(n * 300), n as f64));
    put(store, &[("__name__", "rare")], rare);
}

fn no_numbers(store: &mut Store) {
    let odd = |kind: &'static str, seed: i64| {
        move |n: i64| match (kind, n % 12) {
            ("nan", 3) | ("mixed", 1) => f64::NAN,
            ("inf", 5) | ("mixed", 2) => f64::INFINITY,
            ("negative_inf", 7) | ("mixed", 3) => f64::NEG_INFINITY,
            ("all_nan", _) => f64::NAN,
            ("all_inf", _) => f64::INFINITY,
            _ => noise(300 + seed, n, 80_000) / 8.0 - 5000.0,
        }
    };
    let kinds = ["nan", "inf", "negative_inf", "mixed", "all_nan", "all_inf"];
    for (kind, seed) in kinds.into_iter().zip(0..) {
        let labels = [("__name__", "odd"), ("kind", kind)];
        put(store, &labels, every(0, odd(kind, seed)));
    }
    for (kind, value) in [
        ("huge", 1.5e308),
        ("huge_too", 1.2e308),
        ("tiny", 5e-324),
        ("small", 1e-9),
        ("large", 1e22),
        ("zero", 0.0),
        ("negative_zero", -0.0),
    ] {
        put(
            store,
            &[("__name__", "extreme"), ("kind", kind)],
            every(0, move |_| value),
        );
    }
    // Sums of these lose everything without care.
    for (kind, value) in [("a", 1e16), ("b", 1.0), ("c", -1e16), ("d", 1.0)] {
        put(
            store,
            &[("__name__", "cancel"), ("kind", kind)],
            every(0, move |_| value),
        );
    }
}

fn histograms(store: &mut Store) {
    for (seed, job) in ["api", "web"].into_iter().enumerate() {
        for instance in ["a", "b"] {
            let mut below = 0;
            for (bound, share) in [
                ("0.05", 4),
                ("0.1", 9),
                ("0.25", 16),
                ("0.5", 18),
                ("1", 19),
                ("2.5", 20),
                ("+Inf", 21),
            ] {
                below += share;
                let mut total = 0.0;
                let points = every(50, move |n| {
                    total += noise(seed as i64 + 400, n, 5) * f64::from(below);
                    total
                });
                let labels = [
                    ("__name__", "request_seconds_bucket"),
                    ("job", job),
                    ("instance", instance),
                    ("le", bound),
                ];
                put(store, &labels, points);
            }
            for part in ["request_seconds_sum", "request_seconds_count"] {
                let labels = [("__name__", part), ("job", job), ("instance", instance)];
                put(
                    store,
                    &labels,
                    every(50, move |n| {
                        n as f64 * if part.ends_with("sum") { 0.75 } else { 3.0 }
                    }),
                );
            }
        }
    }
    let mut odd = |kind: &str, buckets: &[(&str, f64)]| {
        for (bound, count) in buckets {
            let labels = [("__name__", "odd_bucket"), ("kind", kind), ("le", *bound)];
            let count = *count;
            put(store, &labels, every(0, move |n| count * (n + 1) as f64));
        }
    };
    odd("no_end", &[("1", 1.0), ("2", 3.0)]);
    odd("only_end", &[("+Inf", 3.0)]);
    odd("falling", &[("1", 5.0), ("2", 3.0), ("4", 7.0), ("+Inf", 7.0)]);
    odd("barely_falling", &[("1", 5.0), ("2", 5.0 - 1e-13), ("+Inf", 7.0)]);
    odd("spelled", &[("1", 2.0), ("1.0", 3.0), ("2", 7.0), ("+Inf", 9.0)]);
    odd(
        "below_zero",
        &[("-2", 1.0), ("-1", 4.0), ("0", 5.0), ("1", 8.0), ("+Inf", 8.0)],
    );
    odd("not_positive", &[("-1", 4.0), ("+Inf", 8.0)]);
    odd("no_bound", &[("x", 4.0), ("1", 4.0), ("+Inf", 8.0)]);
    odd("empty", &[("1", 0.0), ("2", 0.0), ("+Inf", 0.0)]);
    odd("no_number", &[("1", 1.0), ("2", f64::NAN), ("+Inf", 9.0)]);
    odd("holes", &[("0.1", 1.0), ("5", 6.0), ("+Inf", 9.0)]);
    odd("in_the_end", &[("1", 0.0), ("2", 0.0), ("+Inf", 9.0)]);
    put(
        store,
        &[("__name__", "odd_bucket"), ("kind", "no_label")],
        every(0, |_| 1.0),
    );
    for (quantile, value) in [("0.5", 0.2), ("0.9", 0.7), ("0.99", 1.4)] {
        put(
            store,
            &[("__name__", "call_seconds"), ("quantile", quantile)],
            every(0, move |_| value),
        );
    }
}

fn joins(store: &mut Store) {
    // A new version half way; the old one ends with a mark.
    let old = every(0, |n| if n == 240 { STALE } else { 1.0 }).take(241);
    put(
        store,
        &[("__name__", "build_info"), ("instance", "a"), ("version", "v1")],
        old,
    );
    put(
        store,
        &[("__name__", "build_info"), ("instance", "a"), ("version", "v2")],
        every(0, |_| 1.0).skip(240),
    );
    put(
        store,
        &[("__name__", "build_info"), ("instance", "b"), ("version", "v1")],
        every(0, |_| 1.0),
    );
    // Both versions at once for a minute.
    put(
        store,
        &[("__name__", "overlap_info"), ("instance", "a"), ("version", "v1")],
        every(0, |_| 1.0).take(240),
    );
    put(
        store,
        &[("__name__", "overlap_info"), ("instance", "a"), ("version", "v2")],
        every(0, |_| 1.0).skip(200),
    );
    for (instance, team) in [("a", "blue"), ("b", "red"), ("c", "green")] {
        put(
            store,
            &[("__name__", "owner"), ("instance", instance), ("team", team)],
            every(0, |_| 1.0),
        );
    }
    for (job, limit) in [("api", 2e8), ("web", 1.5e8), ("db", 1e9)] {
        put(
            store,
            &[("__name__", "memory_limit_bytes"), ("job", job)],
            every(0, move |_| limit),
        );
    }
    put(
        store,
        &[("__name__", "up"), ("job", "api"), ("instance", "a")],
        every(0, |_| 1.0),
    );
    put(
        store,
        &[("__name__", "up"), ("job", "api"), ("instance", "b")],
        every(0, |n| f64::from(u8::from(n % 50 != 0))),
    );
}

fn names(store: &mut Store) {
    for text in [
        "plain",
        "zürich",
        "a\"b",
        "c:\\d",
        "two\nlines",
        "v1.2",
        "v1x2",
        "a b",
        "{x=\"y\"}",
        "日本",
    ] {
        put(
            store,
            &[("__name__", "words"), ("text", text)],
            every(0, |n| n as f64),
        );
    }
    put(
        store,
        &[("__name__", "recorded:by:rule"), ("job", "api")],
        every(0, |n| n as f64 * 2.0),
    );
    put(
        store,
        &[("__name__", "http.requests"), ("service.name", "cart")],
        every(0, |n| n as f64),
    );
}
