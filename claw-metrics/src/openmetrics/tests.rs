use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::series::{Labels, Series};

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap()
}

#[test]
fn reads_both_formats() {
    let text = "# HELP lat P50 of \\n calls\r\n# TYPE lat gauge\r\n# UNIT lat seconds\r\n\r\n\
                lat{a=\"x\\\"y\\\\\",b=\"ü\"} 0.5 1661140280\r\n\
                lat{a=\"x\\\"y\\\\\",b=\"ü\"} NaN 1661140281.25 # {trace=\"1\"} 0.1 1.0\r\n\
                lat{b=\"ü\",a=\"x\\\"y\\\\\",} +Inf 1661140282500\r\n\
                plain 3 1661140280\n# EOF\n";
    let parsed = parse_text(text);
    assert_eq!(parsed.problems, vec![]);
    assert_eq!(parsed.series.len(), 2);
    let lat = &parsed.series[0];
    assert_eq!(lat.label("a"), Some("x\"y\\"));
    let times: Vec<_> = lat.points.iter().map(|p| p.0.as_millisecond()).collect();
    assert_eq!(
        times,
        vec![1_661_140_280_000, 1_661_140_281_250, 1_661_140_282_500]
    );
    assert!(lat.points[1].1.is_nan() && lat.points[2].1 == f64::INFINITY);
    let metadata = &parsed.metadata["lat"];
    assert_eq!(
        (
            metadata.kind.as_str(),
            metadata.unit.as_str(),
            metadata.help.as_str()
        ),
        ("gauge", "seconds", "P50 of \n calls")
    );
}

#[test]
fn bad_lines_are_reported_and_skipped() {
    let text = "up 1 1\nup{a=\"b} 1 2\nup{a=b} 1 2\n{} 1 1\nup one 1\nup 1 soon\nup 1 2 3\n1up 1 1\nup{a=\"1\",a=\"2\"} 1 1\nup\nup 2 2\n";
    let parsed = parse_text(text);
    assert_eq!(parsed.series[0].points, vec![(at(1000), 1.0), (at(2000), 2.0)]);
    let lines: Vec<usize> = parsed.problems.iter().map(|p| p.line).collect();
    assert_eq!(lines, vec![2, 3, 4, 5, 6, 7, 8, 9, 10], "{:?}", parsed.problems);
}

#[test]
fn samples_without_time_are_counted_not_guessed() {
    let parsed = parse_text("up 1\nup 1 5\n");
    assert_eq!((parsed.without_time, parsed.series[0].points.len()), (1, 1));
}

#[test]
fn limits_hold_and_are_said() {
    let text: String = (0..50).map(|i| format!("m{{i=\"{i}\"}} 1 {i}\n")).collect();
    let limits = Limits {
        series: 10,
        problems: 5,
        ..Limits::default()
    };
    let parsed = parse_text_with(&text, limits);
    assert_eq!(
        (parsed.series.len(), parsed.problems.len(), parsed.bad_lines),
        (10, 5, 40)
    );
    let parsed = parse_text_with(
        &text,
        Limits {
            samples: 20,
            ..Limits::default()
        },
    );
    assert_eq!((parsed.series.len(), parsed.bad_lines), (20, 1));
    let long = format!("up{{a=\"{}\"}} 1 1\nup 1 1\n", "x".repeat(70_000));
    let parsed = parse_text(&long);
    assert_eq!((parsed.series.len(), parsed.problems[0].line), (1, 1));
}

#[test]
fn reads_saved_answers() {
    let one = br#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","pod":"a"},"values":[[1661140280,"1"],[1661140295.5,"NaN"]]}]}}"#;
    let series = parse_query_range_json(one).unwrap();
    assert_eq!(series[0].selector(), "up{pod=\"a\"}");
    assert_eq!(series[0].points.len(), 2);
    let both = [b"[", &one[..], b",", &one[..], b"]"].concat();
    assert_eq!(parse_query_range_json(&both).unwrap().len(), 1);
    for bad in [
        &b""[..],
        b"{",
        b"[]x",
        br#"{"status":"error","errorType":"bad_data","error":"no"}"#,
        br#"{"items":[]}"#,
    ] {
        assert!(parse_query_range_json(bad).is_err());
    }
}

fn any_series() -> impl Strategy<Value = Series> {
    let label = "[a-z_][a-z0-9_]{0,6}";
    (
        label,
        prop::collection::btree_map(label, ".{0,12}", 0..4),
        prop::collection::vec((-1_000_000_000_000i64..90_000_000_000_000, any::<f64>()), 1..6),
    )
        .prop_map(|(name, mut labels, points)| {
            labels.insert("__name__".to_owned(), format!("m{name}"));
            let labels: Labels = labels;
            // Whole seconds beyond the year 5000 read as milliseconds.
            Series::new(labels, points.into_iter().map(|(t, v)| (at(t), v)).collect())
        })
}

proptest! {
    #[test]
    fn text_round_trips(series in prop::collection::vec(any_series(), 0..5)) {
        let mut unique: Vec<Series> = series;
        unique.sort_by(|a, b| a.labels.cmp(&b.labels));
        unique.dedup_by(|a, b| a.labels == b.labels);
        unique.retain(|s| !s.name().ends_with("_created"));
        let parsed = parse_text(&write_text(&unique));
        prop_assert_eq!(&parsed.problems, &vec![]);
        prop_assert_eq!(parsed.series.len(), unique.len());
        for (a, b) in parsed.series.iter().zip(&unique) {
            prop_assert_eq!(&a.labels, &b.labels);
            prop_assert_eq!(a.points.len(), b.points.len());
            for (p, q) in a.points.iter().zip(&b.points) {
                prop_assert!(p.0 == q.0 && (p.1 == q.1 || (p.1.is_nan() && q.1.is_nan())));
            }
        }
    }

    #[test]
    fn any_text_is_survived(text in "(.|\n){0,200}", pieces in prop::collection::vec("[a{}\"=,\\\\ \n#0-9.NaIf-]{0,12}", 0..12)) {
        let _ = parse_text(&text);
        let _ = parse_text(&pieces.concat());
        let _ = parse_query_range_json(text.as_bytes());
    }
}
