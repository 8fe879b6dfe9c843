use super::*;

fn shop() -> Store {
    load(
        60,
        r#"
        errors{pod="a",code="500"} 2
        errors{pod="a",code="502"} 3
        errors{pod="b",code="500"} 4
        requests{pod="a"} 10
        requests{pod="b"} 20
        info{pod="a",version="v1"} 1
        info{pod="c",version="v2"} 1
    "#,
    )
}

#[test]
fn one_to_one_matches_equal_labels() {
    let store = shop();
    assert_eq!(
        ask(&store, "requests / requests", 0),
        [r#"{pod="a"} 1"#, r#"{pod="b"} 1"#]
    );
    assert_eq!(
        ask(&store, "sum by (pod) (errors) / requests", 0),
        [r#"{pod="a"} 0.5"#, r#"{pod="b"} 0.2"#]
    );
    assert_eq!(
        ask(&store, r#"errors{code="500"} / ignoring(code) requests"#, 0),
        [r#"{pod="a"} 0.2"#, r#"{pod="b"} 0.2"#]
    );
    assert_eq!(
        ask(&store, r#"errors{code="500"} / on(pod) requests"#, 0),
        [r#"{pod="a"} 0.2"#, r#"{pod="b"} 0.2"#]
    );
    assert!(ask(&store, "errors / requests", 0).is_empty());
}

#[test]
fn many_to_one_has_to_be_said() {
    let store = shop();
    assert_eq!(
        ask(&store, "errors / on(pod) group_left requests", 0),
        [
            r#"{code="500", pod="a"} 0.2"#,
            r#"{code="502", pod="a"} 0.3"#,
            r#"{code="500", pod="b"} 0.2"#
        ]
    );
    assert_eq!(
        ask(&store, "requests * on(pod) group_left(version) info", 0),
        [r#"{pod="a", version="v1"} 10"#]
    );
    assert_eq!(
        ask(&store, r#"info * on(pod) group_right(version) errors"#, 0),
        [
            r#"{code="500", pod="a", version="v1"} 2"#,
            r#"{code="502", pod="a", version="v1"} 3"#
        ]
    );
    assert_eq!(
        refusal(&store, "errors / on(pod) requests"),
        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
    );
    assert_eq!(
        refusal(&store, "requests / on(pod) errors"),
        "found duplicate series for the match group {pod=\"a\"} on the right hand-side of the operation: \
         [{__name__=\"errors\", code=\"500\", pod=\"a\"}, {__name__=\"errors\", code=\"502\", pod=\"a\"}];\
         many-to-many matching not allowed: matching labels must be unique on one side"
    );
    assert!(refusal(&store, "errors * on(pod) group_right requests").contains("on the left hand-side"));
    assert_eq!(
        refusal(&store, "errors * on(pod) group_left(code) requests"),
        "multiple matches for labels: grouping labels must ensure unique matches"
    );
}

#[test]
fn what_a_comparison_drops_counts_as_a_match() {
    let store = shop();
    for query in [
        "errors > on(pod) requests",
        "errors > on(pod) group_left(code) requests",
    ] {
        assert!(
            refusal(&store, query).starts_with("multiple matches for labels"),
            "{query}"
        );
    }
}

#[test]
fn comparisons_filter_and_keep_the_name() {
    let store = shop();
    assert_eq!(
        ask(&store, "requests > 15", 0),
        [r#"{__name__="requests", pod="b"} 20"#]
    );
    assert_eq!(
        ask(&store, "15 < requests", 0),
        [r#"{__name__="requests", pod="b"} 20"#]
    );
    assert_eq!(
        ask(&store, "requests > bool 15", 0),
        [r#"{pod="a"} 0"#, r#"{pod="b"} 1"#]
    );
    assert_eq!(ask(&store, "1 > bool 2", 0), ["0"]);
    assert_eq!(
        ask(&store, "requests != on(pod) sum by (pod) (errors * 2)", 0),
        [r#"{pod="b"} 20"#]
    );
    assert_eq!(
        ask(&store, "requests > bool on(pod) sum by (pod) (errors * 2)", 0),
        [r#"{pod="a"} 0"#, r#"{pod="b"} 1"#]
    );
    // A filter lets the value of the left side pass, also when the right side is the "many" one.
    assert_eq!(
        ask(&store, "requests > on(pod) group_right errors", 0)[0],
        r#"{__name__="errors", code="500", pod="a"} 10"#
    );
    assert!(ask(&store, "vector(NaN) == vector(NaN)", 0).is_empty());
}

#[test]
fn sets() {
    let store = shop();
    assert_eq!(
        ask(&store, "requests and on(pod) info", 0),
        [r#"{__name__="requests", pod="a"} 10"#]
    );
    assert_eq!(
        ask(&store, "requests unless on(pod) info", 0),
        [r#"{__name__="requests", pod="b"} 20"#]
    );
    assert_eq!(
        ask(&store, "requests or on(pod) info", 0),
        [
            r#"{__name__="requests", pod="a"} 10"#,
            r#"{__name__="requests", pod="b"} 20"#,
            r#"{__name__="info", pod="c", version="v2"} 1"#
        ]
    );
    assert_eq!(ask(&store, "sum(nope) or vector(0)", 0), ["{} 0"]);
    assert_eq!(ask(&store, "nope or on() vector(1)", 0), ["{} 1"]);
    assert!(ask(&store, "requests and nope", 0).is_empty());
    assert_eq!(ask(&store, "requests unless nope", 0).len(), 2);
}

#[test]
fn sets_are_decided_for_each_step() {
    let store = load(60, "a 1 2 3\nb _ 20 stale");
    assert_eq!(
        ask_range(&store, "a and ignoring() b", (0, 120), 60),
        [r#"{__name__="a"} 60=2"#]
    );
    assert_eq!(
        ask_range(&store, "a unless b", (0, 120), 60),
        [r#"{__name__="a"} 0=1 120=3"#]
    );
    assert_eq!(
        ask_range(&store, "b or a", (0, 120), 60),
        [r#"{__name__="a"} 0=1 120=3"#, r#"{__name__="b"} 60=20"#]
    );
}

#[test]
fn a_conflict_is_one_only_while_both_series_are_there() {
    let store = load(
        60,
        "one{k=\"1\"} 1 stale 1\none{k=\"2\"} _ 5 stale\nmany{z=\"1\"} 10 10 10",
    );
    assert_eq!(
        ask_range(&store, "many * on() one", (0, 120), 60),
        ["{} 0=10 60=50 120=10"]
    );
    let both = load(60, "one{k=\"1\"} 1 1\none{k=\"2\"} _ 5\nmany{z=\"1\"} 10 10");
    assert!(range(&both, "many * on() one", (0, 60_000), 60_000, &Options::default()).is_err());
    // Without a left side there is nothing to be matched.
    assert!(ask(&both, "nope * on() one", 60).is_empty());
}

#[test]
fn dropping_names_must_not_merge_series() {
    let store = load(60, "a{x=\"1\"} 1\nb{x=\"1\"} 2");
    for query in [
        r#"{__name__=~"a|b"} + 1"#,
        r#"-{__name__=~"a|b"}"#,
        r#"abs({__name__=~"a|b"})"#,
    ] {
        assert_eq!(
            refusal(&store, query),
            "vector cannot contain metrics with the same labelset",
            "{query}"
        );
    }
    let apart = load(60, "a{x=\"1\"} 1 stale\nb{x=\"1\"} _ 2");
    assert_eq!(
        ask_range(&apart, r#"{__name__=~"a|b"} + 1"#, (0, 60), 60),
        [r#"{x="1"} 0=2 60=3"#]
    );
}
