//! Expressions by chance, by the grammar.

use proptest::prelude::*;
use proptest::sample::select;

use crate::promql::forms::OVER_TIME;

pub(super) type Text = BoxedStrategy<String>;

fn one_of(words: &'static [&'static str]) -> Text {
    select(words).prop_map(str::to_owned).boxed()
}

fn selector() -> Text {
    let metric = one_of(&["m", "n", "c_total", "h_bucket", "nothing"]);
    let matchers = one_of(&[
        "",
        "",
        "{x=\"1\"}",
        "{y!=\"a\"}",
        "{z=~\"1|2\"}",
        "{z!~\"1|2\"}",
        "{x=\"1\",y=\"b\"}",
        "{le=\"+Inf\"}",
        "{q=\"\"}",
        "{q!=\"\"}",
        "{x=\"1\",z=\"3\"}",
    ]);
    (metric, matchers)
        .prop_map(|(metric, matchers)| metric + &matchers)
        .boxed()
}

/// What moves a selector in time.
fn moved() -> Text {
    prop_oneof![
        8 => Just(String::new()),
        1 => one_of(&[" offset 1m", " offset -90s", " offset 7m", " @ start()", " @ end()"]),
        1 => one_of(&[" @ 1740003000", " @ 1740003011.5 offset 30s", " offset 10s @ end()"]),
    ]
    .boxed()
}

fn number() -> Text {
    one_of(&["0", "1", "2", "-1", "0.5", "100", "NaN", "Inf", "1e3", "time()"])
}

/// A number between 0 and 1, mostly.
fn quantile() -> Text {
    one_of(&["0", "0.25", "0.5", "0.9", "1", "-0.5", "1.5", "NaN"])
}

fn grouping() -> Text {
    one_of(&[
        "",
        " by (x)",
        " by (x, y)",
        " by ()",
        " without (z)",
        " without (x, z)",
        " by (le)",
        " without (le)",
        " by (nope)",
    ])
}

fn range_vector(inner: Text) -> Text {
    let length = one_of(&["1m", "90s", "5m", "20s", "19s", "15m", "5s"]);
    let steps = one_of(&["1m:20s", "5m:1m", "5m:", "2m:7s", "10m:3m", "1m:5m"]);
    prop_oneof![
        3 => (selector(), length, moved()).prop_map(|(of, length, moved)| format!("{of}[{length}]{moved}")),
        1 => (inner, steps, moved()).prop_map(|(of, steps, moved)| format!("({of})[{steps}]{moved}")),
    ]
    .boxed()
}

/// A vector out of smaller vectors.
fn compound(inner: Text) -> Text {
    let over_time = one_of(OVER_TIME);
    // Not here: stddev and stdvar, whose last digits depend on the order of series.
    let fold = one_of(&["sum", "avg", "min", "max", "count", "group"]);
    // Not here: sorting, which only remarks differ about.
    let unary = one_of(&[
        "abs",
        "ceil",
        "floor",
        "sgn",
        "sqrt",
        "round",
        "timestamp",
        "absent",
        "-",
    ]);
    let arithmetic = || {
        one_of(&[
            "+", "-", "*", "/", "%", "^", ">", "<", ">=", "<=", "==", "!=", "> bool", "!= bool",
        ])
    };
    let set = one_of(&["and", "or", "unless"]);
    let side = one_of(&[
        "",
        " on (x)",
        " on (x, y)",
        " ignoring (z)",
        " ignoring (le)",
        " on ()",
    ]);
    let side_too = side.clone();
    let single = || {
        (
            one_of(&["sum", "max", "count", "avg"]),
            inner.clone(),
            one_of(&["(x)", "(x, y)"]),
        )
            .boxed()
    };
    let rewritten = one_of(&[
        "\"w\", \"$1\", \"x\", \"(.*)\"",
        "\"x\", \"9\", \"x\", \"1\"",
        "\"z\", \"\", \"y\", \"a\"",
        "\"w\", \"${1}$2\", \"y\", \"(a)|(b)\"",
        "\"y\", \"same\", \"q\", \"\"",
    ]);
    prop_oneof![
        6 => (over_time, range_vector(inner.clone())).prop_map(|(function, range)| format!("{function}({range})")),
        1 => (quantile(), range_vector(inner.clone())).prop_map(|(q, range)| format!("quantile_over_time({q}, {range})")),
        1 => (range_vector(inner.clone()), number()).prop_map(|(range, ahead)| format!("predict_linear({range}, {ahead})")),
        5 => (fold, grouping(), inner.clone()).prop_map(|(fold, group, of)| format!("{fold}{group} ({of})")),
        1 => (quantile(), grouping(), inner.clone()).prop_map(|(q, group, of)| format!("quantile{group} ({q}, {of})")),
        1 => (grouping(), selector()).prop_map(|(group, of)| format!("count_values{group} (\"v\", {of})")),
        3 => (unary, inner.clone()).prop_map(|(function, of)| format!("{function}({of})")),
        1 => (inner.clone(), number(), number()).prop_map(|(of, low, high)| format!("clamp({of}, {low}, {high})")),
        1 => (inner.clone(), rewritten).prop_map(|(of, how)| format!("label_replace({of}, {how})")),
        1 => inner.clone().prop_map(|of| format!("label_join({of}, \"w\", \"-\", \"x\", \"q\", \"y\")")),
        1 => (quantile(), inner.clone()).prop_map(|(q, of)| format!("histogram_quantile({q}, {of})")),
        1 => (quantile(), one_of(&["rate", "increase"]), one_of(&["", "sum by (le) ", "sum without (y) "]))
            .prop_map(|(q, rate, sum)| format!("histogram_quantile({q}, {sum}({rate}(h_bucket[5m])))")),
        3 => (inner.clone(), arithmetic(), number()).prop_map(|(of, sign, number)| format!("({of} {sign} {number})")),
        1 => (number(), arithmetic(), inner.clone()).prop_map(|(number, sign, of)| format!("({number} {sign} {of})")),
        1 => (inner.clone(), arithmetic(), inner.clone())
            .prop_map(|(of, sign, single)| format!("({of} {sign} scalar({single}))")),
        3 => (inner.clone(), arithmetic(), side, inner.clone())
            .prop_map(|(left, sign, side, right)| format!("({left} {sign}{side} {right})")),
        3 => (inner.clone(), arithmetic(), single())
            .prop_map(|(many, sign, (fold, one, by))| format!("({many} {sign} on {by} group_left {fold} by {by} ({one}))")),
        1 => (single(), arithmetic(), inner.clone())
            .prop_map(|((fold, one, by), sign, many)| format!("({fold} by {by} ({one}) {sign} on {by} group_right {many})")),
        3 => (inner.clone(), set, side_too, inner.clone())
            .prop_map(|(left, set, side, right)| format!("({left} {set}{side} {right})")),
        1 => number().prop_map(|number| format!("vector({number})")),
    ]
    .boxed()
}

pub(super) fn expression() -> Text {
    let leaf = (selector(), moved()).prop_map(|(of, moved)| of + &moved).boxed();
    leaf.prop_recursive(4, 12, 2, |inner| compound(inner.boxed()))
        .boxed()
}
