//! What is refused: status code, kind of error, and the text where a program or a person acts on it.

use super::both::{Both, instant, range};
use super::samples::{BEGIN, at, store};
use crate::ask::Ask;

/// Queries that are none, or that are of no use as they stand.
const BROKEN: &[&str] = &[
    "",
    " ",
    "sum(",
    "sum)",
    "memory_bytes{",
    "memory_bytes{job}",
    "memory_bytes{job=}",
    "memory_bytes{job=api}",
    "memory_bytes{job=\"api\"",
    "memory_bytes{job=~\"(\"}",
    "memory_bytes{job==\"api\"}",
    "memory_bytes[5m",
    "memory_bytes[5x]",
    "memory_bytes[0s]",
    "memory_bytes[-5m]",
    "memory_bytes[]",
    "memory_bytes[5m][5m]",
    "rate(memory_bytes)",
    "rate(memory_bytes[5m]",
    "rate()",
    "rate(memory_bytes[5m], 1)",
    "rate(1)",
    "rate(\"a\")",
    "sum(memory_bytes[5m])",
    "sum(1)",
    "abs(1)",
    "abs(memory_bytes[5m])",
    "nonsense(memory_bytes)",
    "histogram_quantile(memory_bytes)",
    "histogram_quantile(memory_bytes, 0.5)",
    "topk(memory_bytes)",
    "topk(memory_bytes, 1)",
    "topk(\"a\", memory_bytes)",
    "count_values(1, memory_bytes)",
    "quantile_over_time(0.5, memory_bytes)",
    "label_replace(memory_bytes)",
    "label_replace(memory_bytes, 1, 2, 3, 4)",
    "label_join(memory_bytes)",
    "memory_bytes +",
    "* memory_bytes",
    "memory_bytes memory_bytes",
    "memory_bytes and 1",
    "1 and 1",
    "1 or memory_bytes",
    "1 > 2",
    "memory_bytes + on job memory_bytes",
    "memory_bytes + on (job) ignoring (job) memory_bytes",
    "memory_bytes + group_left memory_bytes",
    "memory_bytes + on (job) group_left (job) memory_bytes",
    "memory_bytes and on (job) group_left memory_bytes",
    "memory_bytes and bool memory_bytes",
    "memory_bytes + bool 1",
    "1 + bool 1",
    "memory_bytes + \"a\"",
    "\"a\" + \"b\"",
    "-\"a\"",
    "\"open",
    "'open",
    "`open",
    "memory_bytes offset",
    "memory_bytes offset 5",
    "memory_bytes offset 5m offset 5m",
    "memory_bytes @",
    "memory_bytes @ foo",
    "memory_bytes @ NaN",
    "sum(memory_bytes) offset 5m",
    "(memory_bytes) offset 5m",
    "rate(memory_bytes[5m]) offset 5m",
    "memory_bytes[5m:1m:1m]",
    "1[5m:1m]",
    "\"a\"[5m:1m]",
    "memory_bytes[5m][5m:1m]",
    "sum by job (memory_bytes)",
    "sum by (job (memory_bytes)",
    "sum by (job) without (job) (memory_bytes)",
    "sum by (1) (memory_bytes)",
    "{}",
    "{job=\"\"}",
    "{job=~\".*\"}",
    "{job!=\"a\"}",
    "1 2",
    "1..2",
    "0x",
    "memory_bytes{job=\"a\" or instance=\"b\"}",
    "memory_bytes; queue_length",
    "select * from memory_bytes",
    "{{ .Value }}",
    "$__rate_interval",
    "rate(http_requests_total[$__rate_interval])",
    // Needs settings that a server does not have by itself.
    "limitk(1, memory_bytes)",
    "limit_ratio(0.5, memory_bytes)",
    "mad_over_time(memory_bytes[5m])",
    "first_over_time(memory_bytes[5m])",
    "ts_of_max_over_time(memory_bytes[5m])",
    "sort_by_label(memory_bytes, \"job\")",
    "double_exponential_smoothing(memory_bytes[5m], 0.5, 0.5)",
    "holt_winters(memory_bytes[5m], 0.5, 0.5)",
    "info(memory_bytes)",
    "memory_bytes + fill(0) queue_length",
    "step()",
    "range()",
];

/// A metric with two names.
pub(super) const NAMED_TWICE: &str = "memory_bytes{__name__=\"other\"}";

/// Queries that fail when they are evaluated.
const FAILING: &[&str] = &[
    "memory_bytes * on (job) memory_limit_bytes",
    "label_replace(memory_bytes, \"job\", \"x\", \"\", \"\") * 1",
    "label_replace(label_replace(memory_bytes, \"job\", \"x\", \"\", \"\"), \"instance\", \"x\", \"\", \"\")",
    "{__name__=~\"memory_bytes|temperature_celsius\"} * 2",
    "label_replace(memory_bytes, \"host\", \"x\", \"job\", \"(\")",
    "label_replace(memory_bytes, \"\", \"x\", \"job\", \".*\")",
    "label_join(memory_bytes, \"\", \"-\", \"job\")",
    "count_values(\"\", memory_bytes)",
    "topk(NaN, memory_bytes)",
    "topk(1e30, memory_bytes)",
    "bottomk(-Inf, memory_bytes)",
];

/// Parameters that are wrong: where, which, and the rest of them.
fn parameters() -> Vec<Ask> {
    let (start, end) = (BEGIN.to_string(), (BEGIN + 3600).to_string());
    let mut asks = Vec::new();
    for time in [
        "now",
        "-",
        "1e400",
        "2025-02-19",
        "2025-02-19 22:00:00",
        "12:00",
        "0x10",
        "1740006000s",
    ] {
        asks.push(Ask::get(
            "/api/v1/query",
            &[("query", "memory_bytes"), ("time", time)],
        ));
        asks.push(Ask::get(
            "/api/v1/query_range",
            &[
                ("query", "memory_bytes"),
                ("start", time),
                ("end", &end),
                ("step", "60"),
            ],
        ));
        asks.push(Ask::get(
            "/api/v1/query_range",
            &[
                ("query", "memory_bytes"),
                ("start", &start),
                ("end", time),
                ("step", "60"),
            ],
        ));
        asks.push(Ask::get(
            "/api/v1/series",
            &[("match[]", "memory_bytes"), ("start", time)],
        ));
        asks.push(Ask::get("/api/v1/labels", &[("end", time)]));
        asks.push(Ask::get("/api/v1/label/job/values", &[("start", time)]));
    }
    for step in [
        "", "0", "-1", "0s", "-1m", "x", "1x", "NaN", "Inf", "1e400", "5m30", "0.01",
    ] {
        asks.push(Ask::get(
            "/api/v1/query_range",
            &[
                ("query", "memory_bytes"),
                ("start", &start),
                ("end", &end),
                ("step", step),
            ],
        ));
    }
    for missing in ["start", "end", "step", "query"] {
        let all = [
            ("query", "memory_bytes"),
            ("start", &start),
            ("end", &end),
            ("step", "60"),
        ];
        let rest: Vec<(&str, &str)> = all.into_iter().filter(|(name, _)| *name != missing).collect();
        asks.push(Ask::get("/api/v1/query_range", &rest));
    }
    asks.push(Ask::get(
        "/api/v1/query_range",
        &[
            ("query", "memory_bytes"),
            ("start", &end),
            ("end", &start),
            ("step", "60"),
        ],
    ));
    // The most points there may be, and one more.
    for points in [11_000, 11_001, 1_000_000] {
        let end = (BEGIN + points).to_string();
        asks.push(Ask::get(
            "/api/v1/query_range",
            &[("query", "once"), ("start", &start), ("end", &end), ("step", "1")],
        ));
    }
    for query in [
        "memory_bytes[5m]",
        "memory_bytes[5m:1m]",
        "\"text\"",
        "(memory_bytes[5m])",
    ] {
        asks.push(Ask::get(
            "/api/v1/query_range",
            &[("query", query), ("start", &start), ("end", &end), ("step", "60")],
        ));
    }
    for (name, value) in [
        ("timeout", "x"),
        ("timeout", "-1"),
        ("timeout", "NaN"),
        ("lookback_delta", "x"),
        ("limit", "x"),
        ("limit", "-1"),
        ("limit", "1.5"),
    ] {
        asks.push(Ask::get(
            "/api/v1/query",
            &[("query", "memory_bytes"), ("time", &end), (name, value)],
        ));
        asks.push(Ask::get(
            "/api/v1/query_range",
            &[
                ("query", "memory_bytes"),
                ("start", &start),
                ("end", &end),
                ("step", "60"),
                (name, value),
            ],
        ));
    }
    for path in ["/api/v1/series", "/api/v1/labels", "/api/v1/label/job/values"] {
        asks.push(Ask::get(path, &[("match[]", "memory_bytes"), ("limit", "x")]));
        asks.push(Ask::get(path, &[("match[]", "memory_bytes"), ("limit", "-1")]));
    }
    asks.push(Ask::get("/api/v1/series", &[]));
    asks.push(Ask::get("/api/v1/metadata", &[("limit", "x")]));
    asks.push(Ask::get("/api/v1/metadata", &[("limit_per_metric", "x")]));
    asks.into_iter().map(Ask::worded).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn both_prometheus_refuse_the_same() {
    const TEST: &str = "refusals";
    let testbed = crate::testbed().await;
    let Some(mut both) = Both::start(&testbed, TEST, store()).await else {
        return;
    };
    for query in BROKEN {
        both.same(&instant(query, at(3600))).await;
        both.same(&range(query, (at(0), at(3600)), 60_000)).await;
    }
    // To select series by, the real server takes this: see the known differences.
    both.same(&instant(NAMED_TWICE, at(3600))).await;
    both.same(&range(NAMED_TWICE, (at(0), at(3600)), 60_000)).await;
    for query in FAILING {
        both.same(&instant(query, at(3600)).worded()).await;
        both.same(&range(query, (at(0), at(3600)), 60_000).worded()).await;
    }
    for ask in parameters() {
        both.same(&ask).await;
        both.same(&ask.posted()).await;
    }
    let others = [
        "memory_bytes[5m]",
        "sum(memory_bytes)",
        "memory_bytes offset 5m",
        "1",
    ];
    for selector in BROKEN.iter().copied().chain(others) {
        for path in ["/api/v1/series", "/api/v1/labels", "/api/v1/label/job/values"] {
            both.same(&Ask::get(path, &[("match[]", selector)])).await;
        }
    }
    for path in [
        "/api/v1/nothing",
        "/api/v2/query",
        "/nothing",
        "/api/v1/label/a b/values",
        "/api/v1/label/1a/values",
    ] {
        both.same(&Ask::get(path, &[])).await;
    }
    both.end(TEST);
}
