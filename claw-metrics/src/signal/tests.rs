use claw_core::report::Window;
use proptest::prelude::*;

use super::*;
use crate::classify::Measure;
use crate::series::{Labels, Series};

const START: i64 = 1_700_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(START + seconds).unwrap()
}

fn labels(name: &str, pairs: &[(&str, &str)]) -> Labels {
    let mut labels: Labels = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    labels.insert("__name__".to_owned(), name.to_owned());
    labels
}

fn series(name: &str, pairs: &[(&str, &str)], step: i64, values: impl IntoIterator<Item = f64>) -> Series {
    let points = (0..).zip(values).map(|(i, v)| (at(i * step), v)).collect();
    Series::new(labels(name, pairs), points)
}

fn window(from: i64, to: i64) -> Window {
    Window {
        start: at(from),
        end: at(to),
    }
}

fn wobble(i: usize) -> f64 {
    [0.0, 0.6, -0.4, 0.2, -0.7, 0.5, -0.1, 0.3, -0.5, 0.1, -0.3]
        .get(i % 11)
        .copied()
        .unwrap()
}

#[test]
fn series_that_cannot_be_compared_are_counted_as_such() {
    let of = |name: &str, pairs: &[(&str, &str)]| series(name, pairs, 60, (0..40).map(wobble));
    let late = |name: &str, pairs: &[(&str, &str)]| {
        let points = (32..40_u32).map(|i| (at(i64::from(i) * 60), 1.0)).collect();
        Series::new(labels(name, pairs), points)
    };
    let all = [
        of("cart_latency_seconds", &[("service", "cart")]),
        of("replies_latency_seconds", &[("service", "mail")]),
        of("latency_seconds", &[]),
        // A new series of a metric that is known, and one of which nothing is known.
        late("cart_latency_seconds", &[("service", "search")]),
        late("search_queue_length", &[("service", "search")]),
    ];
    let survey = survey(&all, &window(1800, 2400), None, &DetectOptions::default());
    assert_eq!(
        (survey.compared, survey.without_past, survey.without_entity),
        (2, 1, 1)
    );
}

#[test]
fn what_was_compared_is_kept_with_what_it_measures() {
    let steady = |name: &str, pairs: &[(&str, &str)]| series(name, pairs, 60, (0..40).map(wobble));
    let points = (32..40_u32).map(|i| (at(i64::from(i) * 60), 1.0)).collect();
    let all = [
        steady("latency_seconds", &[("service", "cart")]),
        steady("memory_working_set_bytes", &[("service", "cart")]),
        // Calls between two say nothing of either, and what is new was compared with nothing.
        steady(
            "calls_latency_seconds",
            &[("source", "cart"), ("destination", "db")],
        ),
        Series::new(labels("queue_length", &[("service", "search")]), points),
    ];
    let survey = survey(&all, &window(1800, 2400), None, &DetectOptions::default());
    let measured: Vec<(&str, Measure)> = survey
        .measured
        .iter()
        .map(|(entity, measure)| (entity.name.as_str(), *measure))
        .collect();
    assert_eq!(measured, [("cart", Measure::Latency), ("cart", Measure::Memory)]);
}

#[test]
fn little_work_of_a_processor_is_compared_and_least_work_is_not() {
    let found = |busy: f64| {
        let used = (0..40).scan(0.0, |sum, i| {
            *sum += 60.0 * if i >= 30 { busy } else { 0.001 };
            Some(*sum)
        });
        let counter = series(
            "container_cpu_usage_seconds_total",
            &[("pod", "cart-1")],
            60,
            used,
        );
        let cores = (0..40).map(|i| if i >= 30 { busy } else { 0.001 });
        let gauge = series("container_cpu_usage_cores", &[("pod", "cart-1")], 60, cores);
        [counter, gauge]
            .map(|series| detect(&series, &window(1800, 2400), None, &DetectOptions::default()).is_some())
    };
    assert_eq!(found(0.006), [true, true]);
    assert_eq!(found(0.0014), [false, false]);
}

#[test]
fn latency_step_becomes_a_signal_with_onset() {
    let values = (0..40).map(|i| if i >= 32 { 0.085 } else { 0.012 + 0.001 * wobble(i) });
    let series = series(
        "edge_latency_p95_seconds",
        &[
            ("source", "front"),
            ("destination", "cart"),
            ("namespace", "shop"),
        ],
        60,
        values,
    );
    let signal = detect(&series, &window(1800, 2400), None, &DetectOptions::default()).unwrap();
    assert_eq!(signal.entity, EntityRef::namespaced("Service", "shop", "front"));
    assert_eq!(
        signal.peer,
        Some(EntityRef::namespaced("Service", "shop", "cart"))
    );
    assert_eq!(
        (signal.measure, signal.direction, signal.shape),
        (Measure::Latency, Direction::Up, Shape::Shift)
    );
    assert!(
        signal.harmful && signal.score > 10.0 && (signal.ratio - 7.0).abs() < 0.3,
        "{signal:?}"
    );
    assert_eq!(
        (signal.onset, signal.onset_uncertainty),
        (Some(at(32 * 60)), 60.0)
    );
    assert!(
        signal.statement().contains("rose from 12 ms to 85 ms since"),
        "{}",
        signal.statement()
    );
}

#[test]
fn a_drop_of_availability_is_harmful_and_of_latency_is_not() {
    let pairs = [("service", "cart")];
    let ratio = series(
        "service_availability_ratio",
        &pairs,
        60,
        (0..40).map(|i| if i >= 32 { 0.9 } else { 1.0 }),
    );
    let found = detect(&ratio, &window(1800, 2400), None, &DetectOptions::default()).unwrap();
    assert!(found.harmful && found.direction == Direction::Down);
    let latency = series(
        "service_latency_seconds",
        &pairs,
        60,
        (0..40).map(|i| if i >= 32 { 0.01 } else { 0.1 + 0.002 * wobble(i) }),
    );
    let found = detect(&latency, &window(1800, 2400), None, &DetectOptions::default()).unwrap();
    assert!(!found.harmful && found.direction == Direction::Down);
}

#[test]
fn counters_count_as_rates() {
    let mut total = 0.0;
    let values: Vec<f64> = (0..40)
        .map(|i| {
            total += if i >= 32 { 900.0 } else { 300.0 + 10.0 * wobble(i) };
            total
        })
        .collect();
    let series = series(
        "http_requests_total",
        &[("pod", "cart-1"), ("namespace", "shop")],
        60,
        values,
    );
    let signal = detect(&series, &window(1800, 2400), None, &DetectOptions::default()).unwrap();
    assert!(
        (signal.baseline - 5.0).abs() < 0.2 && (signal.observed - 15.0).abs() < 0.2,
        "{signal:?}"
    );
}

#[test]
fn five_rows_against_a_baseline_of_last_month() {
    let month = 30 * 86_400;
    let mut all = series(
        "service_latency_seconds",
        &[("service", "cart")],
        300,
        (0..288).map(|i| 0.1 + 0.004 * wobble(i)),
    );
    let incident = series(
        "service_latency_seconds",
        &[("service", "cart")],
        300,
        [0.1, 0.3, 0.31, 0.33, 0.3],
    );
    all.points.extend(
        incident
            .points
            .iter()
            .map(|(t, v)| (*t + SignedDuration::from_secs(month), *v)),
    );
    let baseline = window(0, 287 * 300);
    let signal = detect(
        &all,
        &window(month, month + 1200),
        Some(&baseline),
        &DetectOptions::default(),
    )
    .unwrap();
    assert_eq!(
        (signal.onset, signal.onset_uncertainty),
        (Some(at(month + 300)), 300.0)
    );
    assert!(signal.score > 10.0);
    // All five rows high: it changed some time before, and nobody knows when.
    for point in all.points.iter_mut().rev().take(5) {
        point.1 = 0.3;
    }
    let signal = detect(
        &all,
        &window(month, month + 1200),
        Some(&baseline),
        &DetectOptions::default(),
    )
    .unwrap();
    assert_eq!(signal.onset, None);
}

#[test]
fn drift_since_an_old_baseline_is_little_news() {
    let day = 86_400;
    let mut all = series(
        "service_requests_per_second",
        &[("service", "cart")],
        60,
        (0..60).map(|i| 10.0 + wobble(i)),
    );
    let later = series(
        "service_requests_per_second",
        &[("service", "cart")],
        60,
        (0..60).map(|i| 20.0 + wobble(i)),
    );
    all.points.extend(
        later
            .points
            .iter()
            .map(|(t, v)| (*t + SignedDuration::from_secs(day), *v)),
    );
    let found = |incident| {
        detect(
            &all,
            &incident,
            Some(&window(0, 3600)),
            &DetectOptions {
                min_score: 0.0,
                ..Default::default()
            },
        )
    };
    let drifted = found(window(day + 3000, day + 3540)).unwrap().score;
    let fresh = found(window(day, day + 540)).unwrap().score;
    assert!(drifted < 0.5 * fresh, "{drifted} {fresh}");
}

#[test]
fn a_leak_is_a_trend() {
    let values = (0..60).map(|i| 1e8 + 4e6 * i as f64 + 1e6 * wobble(i));
    let series = series(
        "container_memory_working_set_bytes",
        &[("pod", "cart-1"), ("namespace", "shop")],
        60,
        values,
    );
    let signal = detect(&series, &window(2400, 3600), None, &DetectOptions::default()).unwrap();
    assert_eq!((signal.shape, signal.direction), (Shape::Trend, Direction::Up));
}

#[test]
fn series_that_end_or_begin() {
    let steady = |pod: &str, range: std::ops::Range<usize>| {
        let mut s = series(
            "container_cpu_usage_cores",
            &[("pod", pod), ("namespace", "shop")],
            60,
            (0..40).map(|i| 0.5 + 0.01 * wobble(i)),
        );
        s.points = s.points.get(range).unwrap().to_vec();
        s
    };
    let all = [
        steady("a", 0..40),
        steady("b", 0..40),
        steady("gone", 0..29),
        steady("new", 33..40),
    ];
    let found = detect_all(&all, &window(1800, 2400), None, &DetectOptions::default());
    let shapes: Vec<_> = found
        .iter()
        .map(|signal| (signal.entity.name.as_str(), signal.shape))
        .collect();
    assert_eq!(shapes, vec![("gone", Shape::Vanished), ("new", Shape::Appeared)]);
    assert_eq!(found[0].onset, Some(at(29 * 60)));
    // When all end, the source is down: that says nothing of the pods.
    let all = [steady("a", 0..29), steady("b", 0..29), steady("c", 0..29)];
    assert_eq!(
        detect_all(&all, &window(1800, 2400), None, &DetectOptions::default()),
        vec![]
    );
}

#[test]
fn errors_that_were_never_counted_before_count_from_zero() {
    let ok = series(
        "http_requests_total",
        &[("app", "cart"), ("code", "200")],
        60,
        (0..40).map(|i| 600.0 * i as f64),
    );
    let mut failed = series(
        "http_requests_total",
        &[("app", "cart"), ("code", "503")],
        60,
        (0..40).map(|i| 300.0 * i as f64),
    );
    failed.points.drain(..32);
    let found = detect_all(
        &[ok, failed],
        &window(1860, 2400),
        None,
        &DetectOptions::default(),
    );
    assert!(
        found
            .iter()
            .any(|s| s.measure == Measure::Errors && s.baseline == 0.0 && s.ratio == MAX_RATIO),
        "{found:#?}"
    );
}

#[test]
fn histograms_become_quantiles_and_means() {
    let pairs = |le: &'static str| [("app", "cart"), ("le", le), ("path", "/x")];
    let rows = |per: f64| (0..4).map(move |i| per * f64::from(i));
    let all = [
        series(
            "http_request_duration_seconds_bucket",
            &pairs("0.1"),
            60,
            rows(50.0),
        ),
        series(
            "http_request_duration_seconds_bucket",
            &pairs("0.2"),
            60,
            rows(100.0),
        ),
        series(
            "http_request_duration_seconds_bucket",
            &pairs("+Inf"),
            60,
            rows(100.0),
        ),
        series(
            "http_request_duration_seconds_sum",
            &[("app", "cart")],
            60,
            rows(12.0),
        ),
        series(
            "http_request_duration_seconds_count",
            &[("app", "cart")],
            60,
            rows(100.0),
        ),
    ];
    let derived = derive(&all);
    let value = |label: &str, wanted: &str| {
        derived
            .iter()
            .find(|s| s.label(label) == Some(wanted))
            .and_then(|s| s.points.last())
            .unwrap()
            .1
    };
    assert!((value("quantile", "0.5") - 0.1).abs() < 1e-9);
    assert!((value("quantile", "0.95") - 0.19).abs() < 1e-9);
    assert!((value("stat", "mean") - 0.12).abs() < 1e-9);
    let class = crate::classify::classify(derived[0].name(), &derived[0].labels);
    assert_eq!(
        (class.measure, class.kind),
        (Measure::Latency, crate::classify::Kind::Gauge)
    );
}

#[test]
fn failed_requests_become_a_share() {
    let make = |code: &str, per: f64| {
        series(
            "istio_requests_total",
            &[("destination_service_name", "cart"), ("response_code", code)],
            60,
            (0..5).map(|i| per * f64::from(i)),
        )
    };
    let derived = derive(&[make("200", 90.0), make("503", 6.0), make("404", 4.0)]);
    let ratio = derived
        .iter()
        .find(|s| s.label("stat") == Some("error_ratio"))
        .unwrap();
    assert!(ratio.points.iter().all(|p| (p.1 - 0.06).abs() < 1e-9));
}

/// 40 minutes of a counter of requests with `code`, so many in each of the first 30 and of the rest.
fn requests_with(code: &str, per: [f64; 2]) -> Series {
    let values = (0..40).scan(0.0, move |sum, i| {
        *sum += per[usize::from(i >= 30)] + wobble(i);
        Some(*sum)
    });
    series(
        "istio_requests_total",
        &[("destination_service_name", "cart"), ("response_code", code)],
        60,
        values,
    )
}

#[test]
fn requests_that_fail_are_no_requests_lost() {
    let all = [
        requests_with("200", [90.0, 40.0]),
        requests_with("503", [1.0, 51.0]),
    ];
    let traffic = |all: &[Series]| -> Vec<String> {
        let signals = detect_all(all, &window(1800, 2400), None, &DetectOptions::default());
        let of_traffic = signals
            .into_iter()
            .filter(|signal| signal.measure == Measure::Traffic);
        of_traffic.map(|signal| signal.metric).collect()
    };
    assert_eq!(traffic(&all), [""; 0]);
    // A caller's own mistakes are requests as well.
    let refused = [
        requests_with("200", [90.0, 40.0]),
        requests_with("401", [1.0, 51.0]),
    ];
    assert_eq!(traffic(&refused), [""; 0]);
    // Fewer that succeed, none more that fail.
    let lost = [
        requests_with("200", [90.0, 40.0]),
        requests_with("503", [1.0, 1.0]),
    ];
    assert_eq!(
        traffic(&lost),
        ["istio_requests_total{destination_service_name=\"cart\",stat=\"request_rate\"}"]
    );
}

#[test]
fn what_is_derived_of_calls_keeps_whom_they_go_to() {
    let of = |status: &str, per: [f64; 2]| {
        let labels = [
            ("__name__", "http_client_requests_seconds_count"),
            ("service", "cart"),
            ("client_name", "stock"),
            ("status", status),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Series::new(labels.into_iter().collect(), requests_with(status, per).points)
    };
    let all = [of("200", [90.0, 40.0]), of("500", [1.0, 50.0])];
    let signals = detect_all(&all, &window(1800, 2400), None, &DetectOptions::default());
    let mut shares = signals
        .iter()
        .filter(|signal| signal.metric.contains("error_ratio"));
    let peer = shares.next().and_then(|signal| signal.peer.as_ref());
    assert_eq!(peer.map(|peer| peer.name.as_str()), Some("stock"));
}

#[test]
fn counters_of_failures_and_of_tries_are_no_requests() {
    let of = |name: &str, label: &str, value: &str| {
        let counted = requests_with("200", [9.0, 90.0]);
        let labels = [("__name__", name), ("service", "cart"), (label, value)];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Series::new(labels.into_iter().collect(), counted.points)
    };
    for (name, label, values) in [
        ("http_errors_total", "code", ["404", "503"]),
        ("request_failures_total", "result", ["success", "error"]),
    ] {
        let derived = derive(&values.map(|value| of(name, label, value)));
        let rate = derived.iter().find(|s| s.label("stat") == Some("request_rate"));
        assert_eq!(rate, None, "{name}");
    }
}

#[test]
fn a_derived_signal_names_the_recorded_series() {
    let all = [
        requests_with("200", [90.0, 40.0]),
        requests_with("503", [1.0, 50.0]),
    ];
    let signals = detect_all(&all, &window(1800, 2400), None, &DetectOptions::default());
    let ratio = signals
        .iter()
        .find(|signal| signal.metric.contains("error_ratio"))
        .unwrap();
    assert_eq!(
        ratio.source,
        "istio_requests_total{destination_service_name=\"cart\"}"
    );
    let raw = signals
        .iter()
        .find(|signal| signal.metric.contains("503"))
        .unwrap();
    assert_eq!(raw.source, raw.metric);
}

#[test]
fn what_means_nothing_is_no_signal() {
    for (name, extra) in [
        ("kube_pod_info", ("pod", "a")),
        ("process_start_time_seconds", ("pod", "a")),
        ("x_latency_seconds_bucket", ("le", "1")),
    ] {
        let series = series(
            name,
            &[extra],
            60,
            (0..40).map(|i| if i >= 32 { 9.0 } else { 1.0 }),
        );
        assert_eq!(
            detect(&series, &window(1800, 2400), None, &DetectOptions::default()),
            None,
            "{name}"
        );
    }
}

#[test]
fn names_without_labels_belong_to_what_they_begin_with() {
    let named = |name| {
        series(
            name,
            &[],
            60,
            (0..40).map(|i| if i >= 32 { 900.0 } else { 100.0 }),
        )
    };
    let found = |name, options: &DetectOptions| {
        detect(&named(name), &window(1800, 2400), None, options).map(|s| s.entity.name)
    };
    let default = DetectOptions::default();
    assert_eq!(found("FrontendLatencyP95", &default).as_deref(), Some("Frontend"));
    assert_eq!(
        found("checkout_latency_p99_ms", &default).as_deref(),
        Some("checkout")
    );
    assert_eq!(
        found("recommendation-service.error.count", &default).as_deref(),
        Some("recommendation-service")
    );
    assert_eq!(found("latency_p99_ms", &default), None);
    assert_eq!(
        found(
            "checkout_latency_p99_ms",
            &DetectOptions {
                entity_from_name: false,
                ..default
            }
        ),
        None
    );
}

proptest! {
    #[test]
    fn detection_survives_any_samples(values in prop::collection::vec(any::<f64>(), 0..60), from in 0i64..3600, length in 0i64..3600) {
        for name in ["service_latency_seconds", "http_requests_total", "container_memory_working_set_bytes"] {
            let series = series(name, &[("service", "cart")], 60, values.clone());
            let options = DetectOptions { min_score: 0.0, ..Default::default() };
            for baseline in [None, Some(window(0, 600))] {
                for signal in detect_all(std::slice::from_ref(&series), &window(from, from + length), baseline.as_ref(), &options) {
                    prop_assert!((0.0..=100.0).contains(&signal.score));
                    prop_assert!((0.0..=MAX_RATIO).contains(&signal.ratio));
                    prop_assert!(serde_json::to_string(&signal).is_ok());
                    let _ = signal.statement();
                }
            }
        }
    }
}

use jiff::SignedDuration;

#[test]
fn a_fall_below_all_that_was_seen_counts_although_days_and_nights_differ() {
    // Five-minute samples: two days of work that swings between 60 and 140, a pause, then a quarter of an hour before it falls.
    let start: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    let at = |minutes: i64| start.checked_add(SignedDuration::from_mins(minutes)).unwrap();
    let series = |fallen: f64| {
        let days = (0..576_i64).map(|n| {
            let turn = f64::from(i32::try_from(n % 288).unwrap()) / 288.0 * std::f64::consts::TAU;
            (at(5 * n), 100.0 + 40.0 * turn.sin())
        });
        let before = [120.0, 121.0, 119.0].into_iter();
        let during = [fallen; 5].into_iter();
        let late = before
            .chain(during)
            .zip(0..)
            .map(|(value, n): (f64, i64)| (at(6000 + 5 * n), value));
        Series::new(
            Labels::from([
                ("__name__".to_owned(), "requests".to_owned()),
                ("microservice".to_owned(), "checkout".to_owned()),
            ]),
            days.chain(late).collect(),
        )
    };
    let incident = Window {
        start: at(6015),
        end: at(6035),
    };
    let seen = |fallen| detect(&series(fallen), &incident, None, &DetectOptions::default());
    let signal = seen(7.0).expect("a signal");
    assert_eq!(signal.direction, Direction::Down);
    assert!(seen(85.0).is_none(), "as low as each night");
    assert!(seen(118.0).is_none());
}
