use std::sync::Arc;

use claw_core::clock::ManualClock;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::logql::{LogQuery, LogqlError};
use super::{Server, Store};
use crate::http_probe::{get, get_text, post};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_772_359_200 + seconds).unwrap()
}

fn store() -> Store {
    let mut store = Store::new();
    for (pod, second, line) in [
        ("cart-1", 0, "started"),
        ("cart-1", 10, "GET /cart 500 timeout"),
        ("cart-1", 20, "GET /cart 200"),
        ("db-0", 5, "connection refused"),
        ("db-0", 10, "timeout waiting for lock"),
    ] {
        store.insert([("namespace", "shop"), ("pod", pod)], at(second), line);
    }
    store.insert([("namespace", "other")], at(7), "noise");
    store
}

async fn boot() -> Server {
    Server::start(store(), Arc::new(ManualClock::at(at(60))))
        .await
        .unwrap()
}

async fn lines(server: &Server, query: &[(&str, &str)]) -> Vec<(String, i64, String)> {
    let answer = get(&format!("{}/loki/api/v1/query_range", server.url()), query).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["data"]["resultType"], "streams");
    let mut lines = Vec::new();
    for stream in body["data"]["result"].as_array().unwrap() {
        for value in stream["values"].as_array().unwrap() {
            let time: i64 = value[0].as_str().unwrap().parse().unwrap();
            let pod = stream["stream"]["pod"].as_str().unwrap_or("").to_owned();
            lines.push((
                pod,
                time / 1_000_000_000 - 1_772_359_200,
                value[1].as_str().unwrap().to_owned(),
            ));
        }
    }
    lines
}

#[tokio::test]
async fn selectors_and_filters_choose_lines() {
    let server = boot().await;
    let texts = async |query: &str| -> Vec<String> {
        lines(&server, &[("query", query), ("direction", "forward")])
            .await
            .into_iter()
            .map(|l| l.2)
            .collect()
    };
    assert_eq!(
        texts(r#"{pod="db-0"}"#).await,
        ["connection refused", "timeout waiting for lock"]
    );
    assert_eq!(
        texts(r#"{namespace="shop"} |= "timeout""#).await,
        ["GET /cart 500 timeout", "timeout waiting for lock"]
    );
    assert_eq!(
        texts(r#"{namespace="shop", pod!="db-0"} != "GET""#).await,
        ["started"]
    );
    assert_eq!(
        texts(r#"{pod=~"cart-.*"} |~ ` [45]\d\d `"#).await,
        ["GET /cart 500 timeout"]
    );
    assert_eq!(
        texts(r#"{pod=~".+"} !~ "GET|timeout" |= "re""#).await,
        ["connection refused"]
    );
    assert_eq!(
        texts(r#"{pod=~".+"} |= "started" or "refused""#).await,
        ["started", "connection refused"]
    );
    // A label is matched as a whole.
    assert!(texts(r#"{pod=~"cart"}"#).await.is_empty());
}

#[tokio::test]
async fn the_limit_keeps_the_newest_or_the_oldest() {
    let server = boot().await;
    let query = [("query", r#"{namespace="shop"}"#), ("limit", "3")];
    let newest = lines(&server, &query).await;
    assert_eq!(
        newest.iter().map(|l| (l.0.as_str(), l.1)).collect::<Vec<_>>(),
        [("cart-1", 20), ("cart-1", 10), ("db-0", 10)]
    );
    let oldest = lines(&server, &[query[0], query[1], ("direction", "forward")]).await;
    assert_eq!(
        oldest.iter().map(|l| (l.0.as_str(), l.1)).collect::<Vec<_>>(),
        [("cart-1", 0), ("cart-1", 10), ("db-0", 5)]
    );
}

#[tokio::test]
async fn the_end_of_the_time_is_excluded() {
    let server = boot().await;
    let (start, end) = (at(5).to_string(), at(10).as_nanosecond().to_string());
    let found = lines(
        &server,
        &[
            ("query", r#"{namespace=~".+"}"#),
            ("start", &start),
            ("end", &end),
        ],
    )
    .await;
    assert_eq!(found.iter().map(|l| l.1).collect::<Vec<_>>(), [7, 5]);
}

#[tokio::test]
async fn what_cannot_be_answered_is_explained_in_plain_text() {
    let server = boot().await;
    for (query, reason) in [
        (r#"{pod=~".*"}"#, "at least one regexp or equality matcher"),
        ("{}", "at least one regexp or equality matcher"),
        (
            r#"{pod="a""#,
            "parse error at line 1, col 9: syntax error: unexpected $end, expecting , or }",
        ),
        ("", "parse error : syntax error: unexpected $end"),
        (r#"{pod="a",}"#, "unexpected }, expecting IDENTIFIER"),
        (r#"{pod="a} "#, "literal not terminated"),
        (r#"{pod=~"("}"#, "error parsing regexp"),
        (
            r#"{pod="a"} | json"#,
            "not supported by the simulated Loki: parser",
        ),
        (
            r#"count_over_time({pod="a"}[5m])"#,
            "not supported by the simulated Loki: metric queries",
        ),
        (r#"sum by (pod) (rate({pod="a"}[5m]))"#, "metric queries"),
        (r#"{pod="a"} |= ip("10.0.0.1")"#, "functions in line filters"),
    ] {
        let answer = get(
            &format!("{}/loki/api/v1/query_range", server.url()),
            &[("query", query)],
        )
        .await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text.contains(reason), "{query}: {}", answer.text);
    }
    let selector = ("query", r#"{pod="a"}"#);
    for (other, reason) in [
        (("limit", "0"), "limit must be a positive value"),
        (("limit", "5001"), "max entries limit per query exceeded"),
        (("direction", "up"), "invalid direction"),
        (("start", "yesterday"), "could not parse 'start' parameter"),
        (("end", "1"), "end timestamp must not be before"),
    ] {
        let url = format!("{}/loki/api/v1/query_range", server.url());
        // The first of two starts counts.
        let answer = get(&url, &[selector, other, ("start", "2026-03-01T09:00:00Z")]).await;
        assert_eq!(
            (answer.status, answer.text.contains(reason)),
            (400, true),
            "{other:?}: {}",
            answer.text
        );
    }
    let instant = get_text(&format!(
        "{}/loki/api/v1/query?query=%7Bpod%3D%22a%22%7D",
        server.url()
    ))
    .await;
    assert!(instant.contains("not supported as an instant query type"));
}

#[tokio::test]
async fn labels_and_series_are_listed() {
    let server = boot().await;
    let list = async |path: &str, query: &[(&str, &str)]| -> Value {
        get(&format!("{}/loki/api/v1/{path}", server.url()), query)
            .await
            .json()["data"]
            .clone()
    };
    assert_eq!(list("labels", &[]).await, json!(["namespace", "pod"]));
    assert_eq!(
        list("label/namespace/values", &[]).await,
        json!(["other", "shop"])
    );
    assert_eq!(
        list("label/pod/values", &[("query", r#"{pod=~"d.*"}"#)]).await,
        json!(["db-0"])
    );
    assert_eq!(
        list(
            "series",
            &[
                ("match[]", r#"{pod="db-0"}"#),
                ("match[]", r#"{namespace="other"}"#)
            ]
        )
        .await,
        json!([{ "namespace": "other" }, { "namespace": "shop", "pod": "db-0" }])
    );
    assert_eq!(list("labels", &[("start", "1"), ("end", "2")]).await, Value::Null);
}

#[tokio::test]
async fn pushed_lines_are_found_once() {
    let server = boot().await;
    let time = at(30).as_nanosecond().to_string();
    let body = json!({ "streams": [{ "stream": { "pod": "new" }, "values": [
        [time, "hello"], [time, "hello"], [time, "world", { "trace": "1" }]
    ] }] });
    let url = format!("{}/loki/api/v1/push", server.url());
    assert_eq!(
        post(&url, "application/json", &body.to_string()).await.status,
        204
    );
    let found = lines(&server, &[("query", r#"{pod="new"}"#), ("direction", "forward")]).await;
    assert_eq!(
        found.iter().map(|l| l.2.as_str()).collect::<Vec<_>>(),
        ["hello", "world"]
    );
    let url_of_services = format!("{}/loki/api/v1/label/service_name/values", server.url());
    let services = get(&url_of_services, &[]).await.json();
    assert_eq!(services["data"], json!(["unknown_service"]));
    let bad = json!({ "streams": [{ "stream": { "pod": "x" }, "values": [["now", "line"]] }] });
    assert_eq!(post(&url, "application/json", &bad.to_string()).await.status, 400);
    assert_eq!(post(&url, "application/x-protobuf", "").await.status, 400);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[{}a-c=~!|\"`\\\\ ,#()\n0-9é]{0,30}") {
        let _ = LogQuery::parse(&text);
    }

    #[test]
    fn a_quoted_value_stays_a_value(value in "[^\u{0}]{1,20}", line in ".{0,20}") {
        let mut quoted = String::new();
        for c in value.chars() {
            match c {
                '"' | '\\' => quoted.extend(['\\', c]),
                '\n' => quoted.push_str("\\n"),
                c => quoted.push(c),
            }
        }
        let query = LogQuery::parse(&format!("{{a=\"b\"}} |= \"{quoted}\"")).unwrap();
        let around = format!("{line}{value}{line}");
        prop_assert!(query.passes(&around));
        prop_assert_eq!(query.passes(&line), line.contains(&value));
    }
}

#[test]
fn comments_and_escapes_are_read() {
    let query = LogQuery::parse("# what failed\n{a=\"b\" } |= \"\\u00e9\\x41\" # and more").unwrap();
    assert!(query.passes("éA"));
    assert!(matches!(
        LogQuery::parse(r#"{a="\q"}"#),
        Err(LogqlError::Syntax { .. })
    ));
}
