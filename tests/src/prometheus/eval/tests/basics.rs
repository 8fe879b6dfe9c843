use super::*;

#[test]
fn the_latest_sample_within_the_lookback_counts() {
    let store = load(60, r#"up{job="a"} 1 2 _ _ _ _ _ _ _ _"#);
    assert_eq!(ask(&store, "up", 59), [r#"{__name__="up", job="a"} 1"#]);
    assert_eq!(ask(&store, "up", 60), [r#"{__name__="up", job="a"} 2"#]);
    assert_eq!(ask(&store, "up", 359), [r#"{__name__="up", job="a"} 2"#]);
    // The lookback is open at its far end.
    assert!(ask(&store, "up", 360).is_empty());
}

#[test]
fn a_stale_marker_ends_a_series_at_once() {
    let store = load(60, "up 1 stale _ 5");
    assert_eq!(ask(&store, "up", 59).len(), 1);
    assert!(ask(&store, "up", 60).is_empty());
    assert_eq!(value(&store, "up", 200), 5.0);
    assert_eq!(value(&store, "count_over_time(up[1h])", 300), 2.0);
}

#[test]
fn matchers_of_all_kinds_select() {
    let store = load(
        60,
        r#"
        m{job="api",zone="a"} 1
        m{job="api-2",zone="b"} 2
        m{job="web"} 3
        n{job="api"} 4
    "#,
    );
    let values = |query| -> Vec<f64> {
        match instant(&store, query, 0, &Options::default()).unwrap().value {
            Value::Vector(v) => v.iter().map(|s| s.point.1).collect(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(values(r#"m{job="api"}"#), [1.0]);
    assert_eq!(values(r#"m{job!="api"}"#), [2.0, 3.0]);
    assert_eq!(values(r#"m{job=~"api"}"#), [1.0]);
    assert_eq!(values(r#"m{job=~"api.*"}"#), [1.0, 2.0]);
    assert_eq!(values(r#"m{job!~"api.*"}"#), [3.0]);
    assert_eq!(values(r#"m{zone=""}"#), [3.0]);
    assert_eq!(values(r#"m{zone!=""}"#), [1.0, 2.0]);
    assert_eq!(values(r#"m{zone=~"a|"}"#), [1.0, 3.0]);
    assert_eq!(values(r#"{__name__=~"m|n",job="api"}"#), [1.0, 4.0]);
}

#[test]
fn offset_and_at_move_the_time() {
    let store = load(60, "m 0+1x10");
    assert_eq!(value(&store, "m offset 2m", 300), 3.0);
    assert_eq!(value(&store, "m offset -2m", 300), 7.0);
    assert_eq!(value(&store, "m @ 60", 300), 1.0);
    assert_eq!(value(&store, "m @ 180 offset 1m", 600), 2.0);
    assert_eq!(value(&store, "sum_over_time(m[2m] offset 1m)", 300), 7.0);
    assert_eq!(
        ask_range(&store, "m @ end()", (0, 120), 60),
        [r#"{__name__="m"} 0=2 60=2 120=2"#]
    );
    assert_eq!(
        ask_range(&store, "m - m @ start()", (60, 180), 60),
        ["{} 60=0 120=1 180=2"]
    );
}

#[test]
fn ranges_are_open_at_the_left_and_closed_at_the_right() {
    let store = load(60, "m 0+1x10");
    assert_eq!(value(&store, "count_over_time(m[2m])", 300), 2.0);
    assert_eq!(value(&store, "first_over_time(m[2m])", 300), 4.0);
    assert_eq!(value(&store, "last_over_time(m[2m])", 300), 5.0);
    // One millisecond more includes the sample at the left end.
    assert_eq!(value(&store, "count_over_time(m[2m1ms])", 300), 3.0);
}

#[test]
fn subqueries_lie_on_multiples_of_their_step() {
    let store = load(60, "m 0+1x20");
    // At 100 s, 110 s, ... up to 130 s: the range is open at 90 s.
    assert_eq!(value(&store, "count_over_time(m[40s:10s])", 130), 4.0);
    assert_eq!(value(&store, "count_over_time(m[40s:10s])", 135), 4.0);
    assert_eq!(value(&store, "max_over_time(m[5m:1m])", 600), 10.0);
    assert_eq!(value(&store, "min_over_time(m[5m:1m])", 600), 6.0);
    assert_eq!(value(&store, "min_over_time(m[5m:])", 600), 6.0);
    assert_eq!(
        value(&store, "max_over_time(rate(m[2m])[5m:1m])", 600),
        1.0 / 60.0
    );
    assert_eq!(
        value(&store, "sum_over_time((m * 2)[2m:1m] offset 1m)", 300),
        14.0
    );
}

#[test]
fn a_range_query_has_a_value_at_each_step_at_which_there_is_one() {
    let store = load(60, "b 5 stale\na 1 2 3");
    assert_eq!(
        ask_range(&store, r#"{__name__=~"a|b"}"#, (0, 120), 60),
        [r#"{__name__="a"} 0=1 60=2 120=3"#, r#"{__name__="b"} 0=5"#]
    );
    assert_eq!(ask_range(&store, "1 + 1", (0, 60), 30), ["{} 0=2 30=2 60=2"]);
}

#[test]
fn instant_queries_have_all_types() {
    let store = load(60, "m 1 2");
    let options = Options::default();
    let get = |query| instant(&store, query, 60_000, &options).unwrap().value;
    assert_eq!(get("42"), Value::Scalar((60_000, 42.0)));
    assert_eq!(get(r#""text""#), Value::Text(60_000, "text".to_owned()));
    match get("m[2m]") {
        Value::Matrix(series) => assert_eq!(series[0].points, [(0, 1.0), (60_000, 2.0)]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn aggregations_group_by_labels() {
    let store = load(
        60,
        r#"
        m{job="a",pod="1"} 1
        m{job="a",pod="2"} 3
        m{job="b",pod="3"} 10
    "#,
    );
    assert_eq!(ask(&store, "sum(m)", 0), ["{} 14"]);
    assert_eq!(
        ask(&store, "sum by (job) (m)", 0),
        [r#"{job="a"} 4"#, r#"{job="b"} 10"#]
    );
    assert_eq!(
        ask(&store, "avg without (pod) (m)", 0),
        [r#"{job="a"} 2"#, r#"{job="b"} 10"#]
    );
    assert_eq!(ask(&store, "max by (nope) (m)", 0), ["{} 10"]);
    assert_eq!(
        ask(&store, "count(m) by (job)", 0),
        [r#"{job="a"} 2"#, r#"{job="b"} 1"#]
    );
    assert_eq!(ask(&store, "group(m)", 0), ["{} 1"]);
    assert_eq!(ask(&store, "sum by (__name__) (m)", 0), [r#"{__name__="m"} 14"#]);
    assert_eq!(
        ask(&store, "stdvar by (job) (m)", 0),
        [r#"{job="a"} 1"#, r#"{job="b"} 0"#]
    );
    assert_eq!(
        ask(&store, "quantile by (job) (0.5, m)", 0),
        [r#"{job="a"} 2"#, r#"{job="b"} 10"#]
    );
    assert_eq!(
        ask(&store, r#"count_values("v", m > bool 2)"#, 0),
        [r#"{v="0"} 1"#, r#"{v="1"} 2"#]
    );
}

#[test]
fn top_and_bottom_keep_their_labels_and_list_the_best_first() {
    let store = load(
        60,
        r#"
        m{pod="1"} 5
        m{pod="2"} NaN
        m{pod="3"} 7
        m{pod="4"} 1
    "#,
    );
    assert_eq!(
        ask(&store, "topk(2, m)", 0),
        [r#"{__name__="m", pod="3"} 7"#, r#"{__name__="m", pod="1"} 5"#]
    );
    assert_eq!(ask(&store, "bottomk(1, m)", 0), [r#"{__name__="m", pod="4"} 1"#]);
    assert_eq!(ask(&store, "topk(9, m)", 0).len(), 4);
    assert!(ask(&store, "topk(0, m)", 0).is_empty());
    assert!(ask(&store, "topk(-1, m)", 0).is_empty());
    assert_eq!(refusal(&store, "topk(NaN, m)"), "Parameter value is NaN");
    for (query, message) in [
        ("topk(1e30, m)", "Scalar value 1e+30 overflows int64"),
        ("bottomk(time() + 1e19, m)", "Scalar value 1e+19 overflows int64"),
    ] {
        assert_eq!(refusal(&store, query), message);
    }
    // A step wider than the range is never taken.
    for query in [
        "rate((quantile(0, m))[1m:5m])",
        "rate((rate((quantile(2, m))[1m:20s]))[1m:5m])",
    ] {
        let outcome = instant(&store, query, 90_000, &Options::default()).unwrap();
        assert!(outcome.warnings.is_empty(), "{query}: {outcome:?}");
    }
    let changing = load(60, "m{a=\"1\"} 1 9\nm{a=\"2\"} 5 5");
    assert_eq!(
        ask_range(&changing, "topk(1, m)", (0, 60), 60),
        [r#"{__name__="m", a="1"} 60=9"#, r#"{__name__="m", a="2"} 0=5"#]
    );
}

#[test]
fn what_is_wrong_or_not_supported_is_an_error() {
    let store = load(60, "m 1");
    for query in [
        "",
        "m{",
        "sum(",
        "m[5m",
        "1 +",
        "m @",
        "foo bar",
        "rate(m)",
        "sum(m[5m])",
        r#"{job=~".*"}"#,
        "{}",
        r#"m{a="1" or b="2"}"#,
        r#"m{a=~"("}"#,
        "m offset",
        "1 > 2",
        "m and 1",
        "time(1)",
        "m[5m:0]x",
        r#"m{__name__="n"}"#,
        "m[1e300]",
        "m offset 1e300",
        "m[-5m]",
        "m[NaN]",
        "m + fill(0) m",
        "limitk(1, m)",
        "limit_ratio(0.5, m)",
    ] {
        let error = instant(&store, query, 0, &Options::default()).unwrap_err();
        assert!(matches!(error, EvalError::Parse { .. }), "{query}: {error:?}");
    }
    for query in [
        "rate(m[5m] anchored)",
        "m[5m] smoothed",
        "m[5m * 2]",
        "rate(m[1m-30s])",
    ] {
        let error = instant(&store, query, 0, &Options::default()).unwrap_err();
        assert!(
            matches!(error, EvalError::Unsupported { .. }),
            "{query}: {error:?}"
        );
    }
    assert_eq!(
        refusal(&store, "mad_over_time(m[5m])"),
        "parse error: function \"mad_over_time\" is not enabled"
    );
    let deep = format!("{}m{}", "(".repeat(1500), ")".repeat(1500));
    assert!(refusal(&store, &deep).contains("nests deeper"));
    assert!(refusal(&store, &"-".repeat(100_000)).contains("words and operators"));
    assert_eq!(
        range(&store, "m[5m]", (0, 1), 1, &Options::default())
            .unwrap_err()
            .to_string(),
        "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector"
    );
}

#[test]
fn too_many_samples_are_refused_before_they_are_made() {
    let store = load(60, "m 1");
    let options = Options {
        max_samples: 100,
        ..Options::default()
    };
    assert_eq!(
        range(&store, "m", (0, 1_000), 1, &options).unwrap_err(),
        EvalError::TooManySamples
    );
    assert_eq!(
        range(&store, "1", (i64::MIN, i64::MAX), 1, &options).unwrap_err(),
        EvalError::TooManySamples
    );
    assert!(range(&store, "m", (0, 50), 1, &options).is_ok());
}

#[test]
fn a_canceled_evaluation_ends() {
    let store = load(60, "m 1");
    let options = Options::default();
    options.cancel.store(true, Ordering::Relaxed);
    assert_eq!(
        instant(&store, "m", 0, &options).unwrap_err(),
        EvalError::Canceled
    );
}
