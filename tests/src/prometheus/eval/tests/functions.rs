use super::*;

#[test]
fn a_rate_is_stretched_to_the_ends_of_its_window() {
    // Samples at 60 .. 300 s inside (0, 300]; each 60 more: exactly one per second.
    let store = load(60, "c_total 0+60x10");
    assert_eq!(value(&store, "rate(c_total[5m])", 300), 1.0);
    assert_eq!(value(&store, "increase(c_total[5m])", 300), 300.0);
    // At 310 s the window is (10, 310]: samples 60 .. 300, 50 s missing at the start, 10 at the end; both are
    // within 1.1 times the distance, so all of the window is covered.
    close(value(&store, "rate(c_total[5m])", 310), 1.0);
}

#[test]
fn a_rate_is_not_stretched_over_a_gap() {
    // One window of ten minutes with samples in its last two only.
    let store = load(60, "c_total _ _ _ _ _ _ _ _ 1000 1060 1120");
    // 120 over 120 s, half a distance (30 s) at the start, nothing at the end: 150 over 600 s.
    close(value(&store, "rate(c_total[10m])", 600), 150.0 / 600.0);
    close(value(&store, "delta(c_total[10m])", 600), 150.0);
}

#[test]
fn a_counter_is_not_stretched_below_zero() {
    // Starts at 10 with 60 a minute: zero would have been 10 s before.
    let store = load(60, "c_total _ _ 10 70 130");
    close(value(&store, "increase(c_total[2m30s])", 240), 130.0);
    // A gauge knows no zero: 120 s are stretched by half a minute on the left.
    close(value(&store, "delta(c_total[2m30s])", 240), 150.0);
}

#[test]
fn a_reset_adds_what_was_counted_before_it() {
    let store = load(60, "c_total 100 160 20 80");
    // 60, then 20 after the restart, then 60: 140 over 180 s; nothing is missing but the open end at zero.
    close(
        value(&store, "increase(c_total[3m1s])", 180),
        140.0 * 181.0 / 180.0,
    );
    assert_eq!(value(&store, "resets(c_total[1h])", 180), 1.0);
    assert_eq!(value(&store, "irate(c_total[1h])", 120), 20.0 / 60.0);
    assert_eq!(value(&store, "irate(c_total[1h])", 180), 1.0);
    assert_eq!(value(&store, "idelta(c_total[1h])", 120), -140.0);
}

#[test]
fn one_sample_has_no_rate() {
    let store = load(60, "c_total 1 2");
    for function in ["rate", "increase", "delta", "irate", "idelta", "deriv"] {
        assert!(
            ask(&store, &format!("{function}(c_total[1m])"), 60).is_empty(),
            "{function}"
        );
    }
}

#[test]
fn a_rate_of_what_looks_like_no_counter_gets_a_remark() {
    let store = load(60, "m 1 2\nm_total 1 2");
    let outcome = instant(&store, "rate(m[2m])", 60_000, &Options::default()).unwrap();
    assert_eq!(
        outcome.infos,
        [
            "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"m\""
        ]
    );
    assert!(
        instant(&store, "rate(m_total[2m])", 60_000, &Options::default())
            .unwrap()
            .infos
            .is_empty()
    );
}

#[test]
fn functions_over_time() {
    let store = load(10, "m 3 1 NaN 4 1 5");
    let at = |query: &str| value(&store, query, 50);
    assert_eq!(at("count_over_time(m[1m])"), 6.0);
    assert_eq!(at("min_over_time(m[1m])"), 1.0);
    assert_eq!(at("max_over_time(m[1m])"), 5.0);
    assert!(at("sum_over_time(m[1m])").is_nan());
    assert_eq!(at("sum_over_time(m[30s])"), 10.0);
    close(at("avg_over_time(m[30s])"), 10.0 / 3.0);
    assert_eq!(at("first_over_time(m[1m])"), 3.0);
    assert_eq!(at("present_over_time(m[1m])"), 1.0);
    assert_eq!(at("changes(m[1m])"), 5.0);
    assert_eq!(at("quantile_over_time(0.5, m[30s])"), 4.0);
    close(at("stddev_over_time(m[30s])"), (26.0_f64 / 9.0).sqrt());
    close(at("stdvar_over_time(m[30s])"), 26.0 / 9.0);
    assert_eq!(ask(&store, "last_over_time(m[1m])", 50), [r#"{__name__="m"} 5"#]);
    assert_eq!(ask(&store, "max_over_time(m[1m])", 50), ["{} 5"]);
}

#[test]
fn lines_through_points() {
    let store = load(60, "m 10+6x10\nflat 7 7 7");
    close(value(&store, "deriv(m[5m])", 600), 0.1);
    close(value(&store, "predict_linear(m[5m], 3600)", 600), 70.0 + 360.0);
    assert_eq!(value(&store, "deriv(flat[5m])", 120), 0.0);
    assert_eq!(value(&store, "predict_linear(flat[5m], 60)", 120), 7.0);
    // The line is laid through the past, the prediction starts from now.
    close(value(&store, "predict_linear(m[5m] offset 5m, 0)", 600), 70.0);
}

#[test]
fn a_histogram_gives_quantiles_for_each_of_its_series() {
    let store = load(
        60,
        r#"
        h_bucket{le="0.1",pod="a"} 0+10x5
        h_bucket{le="0.5",pod="a"} 0+30x5
        h_bucket{le="1",pod="a"} 0+40x5
        h_bucket{le="+Inf",pod="a"} 0+40x5
        h_bucket{le="0.1",pod="b"} 0+0x5
        h_bucket{le="+Inf",pod="b"} 0+0x5
    "#,
    );
    let p = "histogram_quantile(0.5, rate(h_bucket[5m]))";
    assert_eq!(ask(&store, p, 300), [r#"{pod="a"} 0.3"#, r#"{pod="b"} NaN"#]);
    assert_eq!(
        ask(
            &store,
            "histogram_quantile(0.5, sum by (le) (rate(h_bucket[5m])))",
            300
        )
        .len(),
        1
    );
    let outcome = instant(
        &store,
        "histogram_quantile(2, h_bucket)",
        300_000,
        &Options::default(),
    )
    .unwrap();
    assert_eq!(
        outcome.warnings,
        ["PromQL warning: quantile value should be between 0 and 1, got 2"]
    );
}

#[test]
fn a_histogram_gives_shares_of_its_observations() {
    let store = load(
        60,
        r#"
        h_bucket{le="1"} 10
        h_bucket{le="2"} 30
        h_bucket{le="+Inf"} 40
    "#,
    );
    let share =
        |from: &str, to: &str| value(&store, &format!("histogram_fraction({from}, {to}, h_bucket)"), 0);
    assert_eq!(share("0", "1"), 0.25);
    assert_eq!(share("0.5", "1.5"), (20.0 - 5.0) / 40.0);
    assert_eq!(share("2", "+Inf"), 0.25);
    assert_eq!(share("-Inf", "+Inf"), 1.0);
    assert_eq!(share("3", "4"), 0.0);
    assert_eq!(share("2", "1"), 0.0);
    assert!(share("NaN", "1").is_nan());
    let odd = load(60, "h{le=\"1\"} 1\nh{le=\"2\"} NaN\nh{le=\"+Inf\"} 9");
    assert!(value(&odd, "histogram_fraction(0, 1.5, h)", 0).is_nan());
}

#[test]
fn two_metrics_are_two_histograms() {
    let store = load(
        60,
        "a{le=\"+Inf\"} 1\nb{le=\"+Inf\"} 1\na{le=\"1\"} 1\nb{le=\"1\"} 1",
    );
    assert_eq!(
        refusal(&store, r#"histogram_quantile(0.5, {__name__=~"a|b"})"#),
        "vector cannot contain metrics with the same labelset"
    );
    let odd = load(60, "a{le=\"NaN\"} 1");
    let outcome = instant(&odd, "histogram_quantile(0.5, a)", 0, &Options::default()).unwrap();
    assert_eq!(
        outcome.warnings,
        ["PromQL warning: bucket label \"le\" is missing or has a malformed value of \"NaN\""]
    );
}

#[test]
fn sorting_a_range_is_remarked_on() {
    let store = load(60, "m 1 2");
    let outcome = range(&store, "sort(m)", (0, 60_000), 60_000, &Options::default()).unwrap();
    assert_eq!(
        outcome.warnings,
        ["PromQL warning: sort is ineffective for range queries since results are always ordered by labels"]
    );
}

#[test]
fn elementwise_functions_drop_the_name() {
    let store = load(60, r#"m{a="1"} -2.5"#);
    for (call, expected) in [
        ("abs(m)", "2.5"),
        ("ceil(m)", "-2"),
        ("floor(m)", "-3"),
        ("sgn(m)", "-1"),
        ("round(m)", "-2"),
        ("round(m, 0.2)", "-2.4"),
        ("clamp(m, -1, 1)", "-1"),
        ("clamp_min(m, 0)", "0"),
        ("clamp_max(m, -3)", "-3"),
        ("sqrt(m)", "NaN"),
        ("exp(m * 0)", "1"),
        ("ln(m * 0)", "-Inf"),
        ("log2(m + 10.5)", "3"),
        ("log10(m + 1002.5)", "3"),
        ("deg(m * 0 + pi())", "180"),
        ("-m", "2.5"),
    ] {
        assert_eq!(
            ask(&store, call, 0),
            [format!(r#"{{a="1"}} {expected}"#)],
            "{call}"
        );
    }
    assert!(ask(&store, "clamp(m, 1, 0)", 0).is_empty());
    assert_eq!(value(&store, "clamp_max(m * Inf, NaN)", 0), f64::NEG_INFINITY);
    assert!(value(&store, "clamp_min(m * Inf, NaN)", 0).is_nan());
    assert_eq!(value(&store, "clamp(m * Inf, 0, NaN)", 0), 0.0);
    assert_eq!(value(&store, "-1 ^ 2", 0), -1.0);
    assert_eq!(value(&store, "2 ^ 3 ^ 2", 0), 512.0);
    assert_eq!(value(&store, "1 + 2 * 3 % 4", 0), 3.0);
    assert_eq!(value(&store, "-7 % 4", 0), -3.0);
}

#[test]
fn scalars_and_vectors() {
    let store = load(60, "m{a=\"1\"} 5\nm{a=\"2\"} 6\nn 7");
    assert_eq!(ask(&store, "scalar(n)", 0), ["7"]);
    assert_eq!(ask(&store, "scalar(m)", 0), ["NaN"]);
    assert_eq!(ask(&store, "vector(3)", 0), ["{} 3"]);
    assert_eq!(ask(&store, "time()", 90), ["90"]);
    assert_eq!(ask(&store, "timestamp(n)", 90), ["{} 0"]);
    assert_eq!(ask(&store, "timestamp(n + 0)", 90), ["{} 90"]);
    assert_eq!(
        ask_range(&store, "vector(time())", (0, 60), 30),
        ["{} 0=0 30=30 60=60"]
    );
}

#[test]
fn absence_is_a_series_with_the_labels_of_the_selector() {
    let store = load(60, "m 1");
    assert!(ask(&store, "absent(m)", 0).is_empty());
    assert_eq!(
        ask(&store, r#"absent(n{a="1",b=~"x",c="2",c="3"})"#, 0),
        [r#"{a="1"} 1"#]
    );
    assert_eq!(ask(&store, "absent(sum(n))", 0), ["{} 1"]);
    assert_eq!(
        ask_range(&store, "absent_over_time(m[1m])", (0, 120), 60),
        ["{} 60=1 120=1"]
    );
    assert_eq!(
        ask(&store, r#"absent_over_time(n{a="1"}[1m])"#, 0),
        [r#"{a="1"} 1"#]
    );
}

#[test]
fn labels_can_be_rewritten() {
    let store = load(60, r#"m{pod="web-1",ns="shop"} 1"#);
    let replace = |args: &str| ask(&store, &format!("label_replace(m, {args})"), 0);
    assert_eq!(
        replace(r#""app", "$1", "pod", "(.*)-\\d+""#),
        [r#"{__name__="m", app="web", ns="shop", pod="web-1"} 1"#]
    );
    assert_eq!(
        replace(r#""app", "x", "pod", "we""#),
        [r#"{__name__="m", ns="shop", pod="web-1"} 1"#]
    );
    assert_eq!(
        replace(r#""pod", "", "pod", ".*""#),
        [r#"{__name__="m", ns="shop"} 1"#]
    );
    assert_eq!(
        ask(&store, r#"label_join(m, "id", "/", "ns", "none", "pod")"#, 0),
        [r#"{__name__="m", id="shop//web-1", ns="shop", pod="web-1"} 1"#]
    );
    assert_eq!(
        refusal(&store, r#"label_replace(m, "a", "b", "c", "(")"#),
        "invalid regular expression in label_replace(): ("
    );
    let two = load(60, "m{a=\"1\"} 1\nm{a=\"2\"} 2");
    assert_eq!(
        refusal(&two, r#"label_replace(m, "a", "x", "", "")"#),
        "vector cannot contain metrics with the same labelset"
    );
}

#[test]
fn instant_results_can_be_sorted() {
    let store = load(60, "m{a=\"1\"} 5\nm{a=\"2\"} NaN\nm{a=\"3\"} 1");
    let order = |query| -> Vec<String> {
        ask(&store, query, 0)
            .iter()
            .map(|line| line.rsplit(' ').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(order("sort(m)"), ["1", "5", "NaN"]);
    assert_eq!(order("sort_desc(m)"), ["5", "1", "NaN"]);
}

#[test]
fn dates_are_in_utc() {
    let store = Store::new();
    let at = |query: &str| value(&store, query, 1_709_210_096); // Thu, 2024-02-29 12:34:56
    assert_eq!(at("minute()"), 34.0);
    assert_eq!(at("hour()"), 12.0);
    assert_eq!(at("day_of_week()"), 4.0);
    assert_eq!(at("day_of_month()"), 29.0);
    assert_eq!(at("day_of_year()"), 60.0);
    assert_eq!(at("days_in_month()"), 29.0);
    assert_eq!(at("month()"), 2.0);
    assert_eq!(at("year()"), 2024.0);
    assert_eq!(at("year(vector(0))"), 1970.0);
}
