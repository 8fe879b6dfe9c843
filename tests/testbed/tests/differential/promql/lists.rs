//! What there is: series, names and values of labels, metadata.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use claw_testbed::suite::wait_until;
use claw_testkit::loopback::Loopback;
use claw_testkit::prometheus::{Metadata, Store};

use super::both::Both;
use super::samples::{at, store};
use crate::ask::Ask;

const SELECTORS: [&[&str]; 14] = [
    &[],
    &["memory_bytes"],
    &["memory_bytes", "queue_length"],
    &["memory_bytes", "memory_bytes{job=\"api\"}"],
    &["{job=\"api\"}"],
    &["{job=~\"api|web\",instance!=\"a\"}"],
    &["{__name__=~\"memory_.*\"}"],
    &["{__name__!=\"\"}"],
    &["{__name__!=\"\",job=~\"|api\"}"],
    &["nothing"],
    &["only_marks"],
    &["once"],
    &["{\"http.requests\"}"],
    &["words{text=~\".*\\n.*\"}"],
];

/// From and to, in seconds since the samples begin. Only full hours: what lies beside the asked time in a chunk is told, which
/// is one of the known differences.
const SPANS: [Option<(i64, i64)>; 4] = [
    None,
    Some((0, 7200)),
    Some((-7200, -3600)),
    Some((90_000, 93_600)),
];

fn with_span(mut parameters: Vec<(String, String)>, span: Option<(i64, i64)>) -> Vec<(String, String)> {
    if let Some((from, to)) = span {
        parameters.push(("start".to_owned(), (at(from) / 1000).to_string()));
        parameters.push(("end".to_owned(), (at(to) / 1000).to_string()));
    }
    parameters
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn both_prometheus_list_the_same() {
    const TEST: &str = "series and labels";
    let testbed = crate::testbed().await;
    let Some(mut both) = Both::start(&testbed, TEST, store()).await else {
        return;
    };
    for selectors in SELECTORS {
        let matches = selectors
            .iter()
            .map(|selector| ("match[]".to_owned(), (*selector).to_owned()));
        for span in SPANS {
            let parameters = with_span(matches.clone().collect(), span);
            for path in [
                "/api/v1/series",
                "/api/v1/labels",
                "/api/v1/label/job/values",
                "/api/v1/label/__name__/values",
                "/api/v1/label/text/values",
                "/api/v1/label/nope/values",
                "/api/v1/label/U__service_2e_name/values",
            ] {
                let ask = Ask {
                    parameters: parameters.clone(),
                    ..Ask::get(path, &[])
                };
                // Names and values have an order, series have none.
                let ask = if path.ends_with("series") {
                    ask
                } else {
                    ask.ordered()
                };
                both.same(&ask).await;
                if !path.contains("/label/") {
                    both.same(&ask.posted()).await;
                }
            }
        }
    }
    // Which are left of many is promised of none but names of labels and few values.
    for (path, limits) in [
        ("/api/v1/labels", &["0", "1", "2", "1000"][..]),
        ("/api/v1/label/job/values", &["0", "1", "2", "1000"]),
        ("/api/v1/label/__name__/values", &["0", "1000"]),
    ] {
        for limit in limits {
            both.same(&Ask::get(path, &[("limit", limit)]).ordered()).await;
        }
    }
    for limit in ["0", "1", "2"] {
        let of_series = [("match[]", "once"), ("limit", limit)];
        both.same(&Ask::get("/api/v1/series", &of_series)).await;
        let of_query = [("query", "once"), ("time", "1740006000"), ("limit", limit)];
        both.same(&Ask::get("/api/v1/query", &of_query)).await;
    }
    both.end(TEST);
}

/// What a target says of its metrics.
const PAGE: &str = "\
# HELP jobs_total Jobs that were done.
# TYPE jobs_total counter
jobs_total 5
# HELP jobs_waiting Jobs that wait, with a \\\\ and two\\nlines.
# TYPE jobs_waiting gauge
jobs_waiting{queue=\"a\"} 2
# TYPE jobs_seconds histogram
jobs_seconds_bucket{le=\"1\"} 3
jobs_seconds_bucket{le=\"+Inf\"} 4
jobs_seconds_sum 3.5
jobs_seconds_count 4
# TYPE call_seconds summary
call_seconds{quantile=\"0.5\"} 0.2
call_seconds_sum 1
call_seconds_count 3
# HELP untold Nothing is known of its type.
untold 1
";

fn described() -> Store {
    let mut store = Store::new();
    for (name, kind, help) in [
        ("jobs_total", "counter", "Jobs that were done."),
        (
            "jobs_waiting",
            "gauge",
            "Jobs that wait, with a \\ and two\nlines.",
        ),
        ("jobs_seconds", "histogram", ""),
        ("call_seconds", "summary", ""),
        ("untold", "unknown", "Nothing is known of its type."),
    ] {
        let (kind, help) = (kind.to_owned(), help.to_owned());
        let unit = String::new();
        store.describe(name, Metadata { kind, help, unit });
    }
    store
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn both_prometheus_describe_metrics_alike() {
    const TEST: &str = "metadata";
    let testbed = crate::testbed().await;
    let page = Router::new().route("/metrics", get(|| async { PAGE }));
    let target = Loopback::serve(page).await.unwrap();
    let address = target.url().trim_start_matches("http://").to_owned();
    let Some(mut both) = Both::scraping(&testbed, TEST, described(), &[address]).await else {
        return;
    };
    let all = Ask::get("/api/v1/metadata", &[]);
    wait_until(Duration::from_secs(30), "metadata of the target", async || {
        let [real, _] = both.answers(&all).await;
        let known = real.body["data"].as_object().map_or(0, serde_json::Map::len);
        Ok(if known >= 5 {
            Ok(())
        } else {
            Err(real.body.to_string())
        })
    })
    .await
    .unwrap();
    both.same(&all).await;
    for metric in [
        "jobs_total",
        "jobs_seconds",
        "jobs_seconds_bucket",
        "untold",
        "nothing",
    ] {
        both.same(&Ask::get("/api/v1/metadata", &[("metric", metric)]))
            .await;
    }
    for (name, value) in [
        ("limit", "0"),
        ("limit", "100"),
        ("limit_per_metric", "1"),
        ("limit_per_metric", "0"),
        ("limit", "-1"),
    ] {
        both.same(&Ask::get("/api/v1/metadata", &[(name, value)])).await;
    }
    both.end(TEST);
}
