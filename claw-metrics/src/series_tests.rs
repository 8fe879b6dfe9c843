use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

#[test]
fn orders_points_and_keeps_the_last_of_one_moment() {
    let series = Series::new(Labels::new(), vec![(at(20), 2.0), (at(10), 1.0), (at(20), 3.0)]);
    assert_eq!(series.points, vec![(at(10), 1.0), (at(20), 3.0)]);
}

#[test]
fn slices_include_both_ends() {
    let series = Series::new(Labels::new(), (0..10).map(|i| (at(i * 60), i as f64)).collect());
    let window = Window {
        start: at(60),
        end: at(180),
    };
    assert_eq!(series.values(&window), vec![1.0, 2.0, 3.0]);
    assert_eq!(series.before(at(60)).len(), 1);
    let inverted = Window {
        start: at(180),
        end: at(60),
    };
    assert!(series.slice(&inverted).is_empty());
}

#[test]
fn interval_is_the_usual_gap_despite_a_hole() {
    let series = Series::new(
        Labels::new(),
        [0, 60, 120, 180, 900].map(|s| (at(s), 0.0)).to_vec(),
    );
    assert_eq!(series.interval(), Some(SignedDuration::from_secs(60)));
    assert_eq!(Series::default().interval(), None);
}

#[test]
fn selectors_escape_values() {
    assert_eq!(
        selector(&labels(&[("__name__", "up"), ("a", "x\"y\\z\n")])),
        r#"up{a="x\"y\\z\n"}"#
    );
    assert_eq!(selector(&labels(&[("a", "b")])), r#"{a="b"}"#);
    assert_eq!(selector(&labels(&[("__name__", "up")])), "up");
    assert_eq!(selector(&Labels::new()), "{}");
}

#[test]
fn refuses_times_out_of_range() {
    for seconds in [f64::NAN, f64::INFINITY, 1e18, -1e18] {
        assert_eq!(from_seconds(seconds), None);
    }
    assert!(serde_json::from_str::<Series>(r#"{"labels":{},"points":[[1e300,1]]}"#).is_err());
    assert!(serde_json::from_str::<Series>(r#"{"labels":{},"points":[[1,"soon"]]}"#).is_err());
}

proptest! {
    #[test]
    fn json_round_trips(points in prop::collection::vec((-4_000_000_000_000i64..4_000_000_000_000, any::<f64>()), 0..20)) {
        let points = points.into_iter().map(|(ms, v)| (Timestamp::from_millisecond(ms).unwrap(), v)).collect();
        let series = Series::new(labels(&[("__name__", "x")]), points);
        let back: Series = serde_json::from_str(&serde_json::to_string(&series).unwrap()).unwrap();
        prop_assert_eq!(back.points.len(), series.points.len());
        for (a, b) in back.points.iter().zip(&series.points) {
            prop_assert_eq!(a.0, b.0);
            // The JSON reader may be off by the last bit.
            prop_assert!(a.1 == b.1 || (a.1.is_nan() && b.1.is_nan()) || ((a.1 - b.1) / b.1).abs() < 1e-15);
        }
    }
}
