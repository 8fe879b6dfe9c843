use proptest::prelude::*;

use super::*;

fn store_of(rows: &[(u8, u8, f64)]) -> Store {
    rows.iter()
        .map(|(job, pod, value)| {
            let labels = [
                ("__name__", "m".to_owned()),
                ("job", job.to_string()),
                ("pod", pod.to_string()),
            ];
            (Labels::new(labels.map(|(n, v)| (n, v))), vec![(0, *value)])
        })
        .collect()
}

fn total(store: &Store, query: &str) -> f64 {
    match instant(store, query, 0, &Options::default()).unwrap().value {
        Value::Vector(samples) => samples.iter().map(|s| s.point.1).sum(),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn the_rate_of_a_steady_counter_is_its_slope(
        slope in 1_u32..1000,
        scrape in 5_i64..60,
        at in 0_i64..1000,
    ) {
        let points = (0..2000).map(|n| (n * scrape * 1000, f64::from(slope) * (n * scrape) as f64));
        let store: Store = [(Labels::new([("__name__", "c_total")]), points.collect::<Vec<_>>())].into_iter().collect();
        // Far from the start of the counter, so that its zero is out of reach.
        let rate = value(&store, "rate(c_total[10m])", 2000 + at);
        prop_assert!((rate / f64::from(slope) - 1.0).abs() < 1e-9, "{rate} for {slope}");
        let deriv = value(&store, "deriv(c_total[10m])", 2000 + at);
        prop_assert!((deriv / f64::from(slope) - 1.0).abs() < 1e-6, "{deriv} for {slope}");
    }

    #[test]
    fn a_sum_is_the_sum_of_its_parts(rows in prop::collection::vec((0_u8..4, 0_u8..20, -1e6_f64..1e6), 1..40)) {
        let store = store_of(&rows);
        let whole = total(&store, "sum(m)");
        for parts in ["sum by (job) (m)", "sum without (pod) (m)", "sum by (job, pod) (m)", "m"] {
            let sum = total(&store, parts);
            prop_assert!((whole - sum).abs() < 1e-6, "{parts}: {sum} is not {whole}");
        }
        prop_assert_eq!(total(&store, "count(m)"), total(&store, "sum(count by (job) (m))"));
        prop_assert!((total(&store, "avg(m)") * total(&store, "count(m)") - whole).abs() < 1e-5);
    }

    #[test]
    fn a_vector_is_split_by_a_comparison(
        rows in prop::collection::vec((0_u8..4, 0_u8..20, -10_f64..10.0), 1..40),
        limit in -10_f64..10.0,
    ) {
        let store = store_of(&rows);
        let all = ask(&store, "m", 0).len();
        let (above, rest) = (format!("m > {limit}"), format!("m <= {limit}"));
        prop_assert_eq!(ask(&store, &above, 0).len() + ask(&store, &rest, 0).len(), all);
        let either = ask(&store, &format!("({above}) or ({rest})"), 0);
        prop_assert_eq!(either.len(), all);
        let both = ask(&store, &format!("({above}) and ({rest})"), 0);
        prop_assert!(both.is_empty(), "{both:?}");
        let others = ask(&store, &format!("m unless ({above})"), 0);
        prop_assert_eq!(others, ask(&store, &rest, 0));
    }

    #[test]
    fn a_range_query_is_a_row_of_instant_queries(
        values in prop::collection::vec(prop::option::of(0_f64..100.0), 1..30),
        query in prop::sample::select(vec![
            "m", "rate(m[90s])", "sum(m)", "m > 50", "topk(1, m)", "max_over_time(m[2m:30s])", "m offset 45s",
            "absent(m)", "count_values(\"v\", m)", "histogram_quantile(0.5, m)", "m @ 60", "quantile(0.3, m)",
            "label_replace(m, \"a\", \"b\", \"\", \"\")", "predict_linear(m[2m], 60)", "sum(m) or vector(time())",
        ]),
    ) {
        let points: Vec<Point> =
            values.iter().enumerate().filter_map(|(n, v)| Some((n as i64 * 30_000, (*v)?))).collect();
        let store: Store = [(Labels::new([("__name__", "m"), ("le", "+Inf")]), points)].into_iter().collect();
        let ranged = range(&store, query, (0, 900_000), 45_000, &Options::default()).unwrap().value;
        let mut expected: Vec<(Labels, Point)> = Vec::new();
        for time in (0..=900_000).step_by(45_000) {
            if let Value::Vector(samples) = instant(&store, query, time, &Options::default()).unwrap().value {
                expected.extend(samples.into_iter().map(|s| (s.labels, s.point)));
            }
        }
        let mut found: Vec<(Labels, Point)> = match ranged {
            Value::Matrix(series) => {
                series.into_iter().flat_map(|s| s.points.into_iter().map(move |p| (s.labels.clone(), p))).collect()
            }
            other => panic!("{other:?}"),
        };
        let key = |item: &(Labels, Point)| (item.1.0, item.0.clone());
        expected.sort_by_key(key);
        found.sort_by_key(key);
        prop_assert_eq!(format!("{expected:?}"), format!("{found:?}"));
    }

    #[test]
    fn no_text_makes_the_evaluation_panic(query in "[a-m0-9(){}\\[\\]\"=~!@:,+*/%^<> .\\-]{0,40}") {
        let store = load(60, "m 1 2 3");
        let _ = instant(&store, &query, 60_000, &Options::default());
    }

    #[test]
    fn no_combination_of_words_makes_the_evaluation_panic(words in prop::collection::vec(prop::sample::select(vec![
        "m", "rate(", "sum", "by", "(", ")", "[5m]", "[1h:5m]", "offset", "5m", "@", "start()", "end()", "1", "-",
        "+", "/", ">", "bool", "and", "or", "unless", "on", "ignoring", "group_left", "topk", ",", "{", "}", "le",
        "=", "=~", "\"x\"", "NaN", "Inf", "1e300", "histogram_quantile(", "0x1F", "time()", "without",
    ]), 0..12)) {
        let store = load(60, "m 1 2 3");
        let _ = instant(&store, &words.join(" "), 60_000, &Options::default());
        let _ = range(&store, &words.join(""), (0, 60_000), 30_000, &Options::default());
    }
}
