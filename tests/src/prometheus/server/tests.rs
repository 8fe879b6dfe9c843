use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use claw_core::clock::ManualClock;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::eval::Options;
use super::super::{Labels, Metadata, Server, Store};
use crate::faults::{Fault, Rule};
use crate::http_probe::{Answer, get, get_text, post};

const NOW: i64 = 1_700_000_000;

fn store() -> Store {
    let mut store = Store::new();
    for (name, pod, values) in [
        ("up", "a", [1.0, 1.0, f64::NAN]),
        ("up", "b", [0.0, 1.5, f64::INFINITY]),
        ("old", "a", [1.0, 1.0, 1.0]),
    ] {
        let start = if name == "old" { NOW - 7_200 } else { NOW - 120 };
        let points = values
            .into_iter()
            .zip(0..)
            .map(|(value, n)| ((start + n * 60) * 1000, value));
        store.insert(Labels::new([("__name__", name), ("pod", pod)]), points);
    }
    let kind = |kind: &str| Metadata {
        kind: kind.to_owned(),
        help: "Is it up?".to_owned(),
        unit: String::new(),
    };
    store.describe("up", kind("gauge"));
    store.describe("old", kind("counter"));
    store
}

async fn boot() -> Server {
    let clock = Arc::new(ManualClock::at(Timestamp::from_second(NOW).unwrap()));
    Server::start(store(), clock).await.unwrap()
}

async fn ask(server: &Server, path: &str, query: &[(&str, &str)]) -> Answer {
    get(&format!("{}/api/v1/{path}", server.url()), query).await
}

#[tokio::test]
async fn an_instant_query_is_answered_to_the_byte() {
    let server = boot().await;
    let answer = ask(&server, "query", &[("query", "up")]).await;
    assert!(
        answer.head.contains("content-type: application/json"),
        "{}",
        answer.head
    );
    assert_eq!(
        answer.text,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","pod":"a"},"value":[1700000000,"NaN"]},{"metric":{"__name__":"up","pod":"b"},"value":[1700000000,"+Inf"]}]}}"#
    );
    let answer = ask(&server, "query", &[("query", "up > 1"), ("time", "1699999940.5")]).await;
    assert_eq!(
        answer.text,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","pod":"b"},"value":[1699999940.500,"1.5"]}]}}"#
    );
    let scalar = ask(
        &server,
        "query",
        &[("query", "1e-7"), ("time", "2023-11-14T22:13:20Z")],
    )
    .await;
    assert_eq!(
        scalar.text,
        r#"{"status":"success","data":{"resultType":"scalar","result":[1700000000,"1e-07"]}}"#
    );
    let text = ask(&server, "query", &[("query", r#""a\"b""#)]).await;
    assert_eq!(text.json()["data"]["result"], json!([NOW, "a\"b"]));
    let matrix = ask(&server, "query", &[("query", "old[2h]")]).await.json();
    assert_eq!(matrix["data"]["resultType"], "matrix");
    assert_eq!(
        matrix["data"]["result"][0]["values"],
        json!([[NOW - 7_140, "1"], [NOW - 7_080, "1"]])
    );
}

#[tokio::test]
async fn a_range_query_takes_forms_and_addresses() {
    let server = boot().await;
    let expected = json!([{ "metric": {}, "values": [[NOW - 120, "1"], [NOW - 60, "2.5"]] }]);
    let query = format!("query=sum(up)&start={}&end={}&step=1m", NOW - 120, NOW - 60);
    let posted = post(
        &format!("{}/api/v1/query_range", server.url()),
        "application/x-www-form-urlencoded",
        &query,
    )
    .await;
    assert_eq!(posted.json()["data"]["result"], expected);
    let got = get_text(&format!("{}/api/v1/query_range?{query}", server.url())).await;
    assert_eq!(
        serde_json::from_str::<Value>(&got).unwrap()["data"]["result"],
        expected
    );
    assert_eq!(posted.json()["data"]["resultType"], "matrix");
}

#[tokio::test]
async fn errors_have_the_shape_of_prometheus() {
    let server = boot().await;
    let range = [("query", "up"), ("start", "0"), ("end", "11001"), ("step", "1")];
    for (path, query, status, kind, message) in [
        (
            "query",
            vec![("query", "up{")],
            400,
            "bad_data",
            "invalid parameter \"query\": parse error: ",
        ),
        (
            "query",
            vec![],
            400,
            "bad_data",
            "invalid parameter \"query\": unknown position: parse error: no expression found in input",
        ),
        (
            "query",
            vec![("query", "up"), ("time", "now")],
            400,
            "bad_data",
            "invalid parameter \"time\": invalid time value for 'time': cannot parse \"now\" to a valid timestamp",
        ),
        (
            "query",
            vec![("query", "up * on() group_left up")],
            422,
            "execution",
            "found duplicate series",
        ),
        (
            "query",
            vec![("query", "rate(up[5m] anchored)")],
            422,
            "execution",
            "not supported",
        ),
        (
            "query",
            vec![("query", "up"), ("limit", "-1")],
            400,
            "bad_data",
            "limit must be non-negative",
        ),
        (
            "query_range",
            vec![("query", "up")],
            400,
            "bad_data",
            "cannot parse \"\" to a valid timestamp",
        ),
        (
            "query_range",
            range.to_vec(),
            400,
            "bad_data",
            "exceeded maximum resolution of 11,000 points",
        ),
        (
            "query_range",
            vec![("query", "up"), ("start", "2"), ("end", "1"), ("step", "1")],
            400,
            "bad_data",
            "end timestamp must not be before start time",
        ),
        (
            "query_range",
            vec![("query", "up"), ("start", "1"), ("end", "2"), ("step", "0")],
            400,
            "bad_data",
            "zero or negative query resolution step widths are not accepted",
        ),
        (
            "query_range",
            vec![("query", "up[5m]"), ("start", "1"), ("end", "2"), ("step", "1")],
            400,
            "bad_data",
            "invalid expression type \"range vector\" for range query",
        ),
        ("series", vec![], 400, "bad_data", "no match[] parameter provided"),
        (
            "series",
            vec![("match[]", "{}")],
            400,
            "bad_data",
            "invalid parameter \"match[]\"",
        ),
        (
            "series",
            vec![("match[]", "up[5m]")],
            400,
            "bad_data",
            "expected a series selector",
        ),
    ] {
        let answer = ask(&server, path, &query).await;
        let body = answer.json();
        assert_eq!(answer.status, status, "{path} {query:?}: {body}");
        assert_eq!(
            (&body["status"], &body["errorType"]),
            (&json!("error"), &json!(kind)),
            "{path} {query:?}"
        );
        assert!(
            body["error"].as_str().unwrap().contains(message),
            "{path} {query:?}: {body}"
        );
    }
    let just_fits = ask(
        &server,
        "query_range",
        &[range[0], range[1], ("end", "11000"), range[3]],
    )
    .await;
    assert_eq!(just_fits.status, 200);
}

#[tokio::test]
async fn series_and_labels_are_listed_for_a_time() {
    let server = boot().await;
    let list = async |path: &str, query: &[(&str, &str)]| ask(&server, path, query).await.json();
    let recent = ("start", "1699999000");
    assert_eq!(
        list("series", &[("match[]", "up"), ("match[]", "old")]).await["data"],
        json!([
            { "__name__": "old", "pod": "a" },
            { "__name__": "up", "pod": "a" },
            { "__name__": "up", "pod": "b" },
        ])
    );
    assert_eq!(
        list("series", &[("match[]", r#"{pod="a"}"#), recent]).await["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(list("labels", &[]).await["data"], json!(["__name__", "pod"]));
    assert_eq!(
        list("label/__name__/values", &[]).await["data"],
        json!(["old", "up"])
    );
    assert_eq!(
        list("label/__name__/values", &[recent]).await["data"],
        json!(["up"])
    );
    assert_eq!(
        list("label/pod/values", &[("match[]", "old")]).await["data"],
        json!(["a"])
    );
    assert_eq!(list("label/nope/values", &[]).await["data"], json!([]));
    let limited = list("label/pod/values", &[("limit", "1")]).await;
    assert_eq!(
        (&limited["data"], &limited["warnings"]),
        (&json!(["a"]), &json!(["results truncated due to limit"]))
    );
}

#[tokio::test]
async fn metadata_and_the_rest() {
    let server = boot().await;
    let up = json!([{ "type": "gauge", "help": "Is it up?", "unit": "" }]);
    assert_eq!(
        ask(&server, "metadata", &[("metric", "up")]).await.json()["data"],
        json!({ "up": up })
    );
    assert_eq!(
        ask(&server, "metadata", &[]).await.json()["data"]
            .as_object()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        ask(&server, "metadata", &[("limit", "1")]).await.json()["data"]
            .as_object()
            .unwrap()
            .len(),
        1
    );
    assert!(ask(&server, "status/buildinfo", &[]).await.json()["data"]["version"].is_string());
    assert_eq!(
        get_text(&format!("{}/-/ready", server.url())).await,
        "Prometheus Server is Ready.\n"
    );
    assert_eq!(ask(&server, "nothing", &[]).await.status, 404);
}

#[tokio::test]
async fn remarks_and_limits_come_with_the_answer() {
    let server = boot().await;
    let rate = ask(&server, "query", &[("query", "rate(up[5m])")]).await.json();
    assert!(
        rate["infos"][0]
            .as_str()
            .unwrap()
            .contains("might not be a counter"),
        "{rate}"
    );
    let cut = ask(&server, "query", &[("query", "up"), ("limit", "1")])
        .await
        .json();
    assert_eq!(cut["data"]["result"].as_array().unwrap().len(), 1);
    assert_eq!(cut["warnings"], json!(["results truncated due to limit"]));
    let near = ask(&server, "query", &[("query", "old"), ("lookback_delta", "1s")])
        .await
        .json();
    assert_eq!(near["data"]["result"], json!([]));
    let usual = ask(&server, "query", &[("query", "up"), ("lookback_delta", "0")])
        .await
        .json();
    assert_eq!(usual["data"]["result"].as_array().unwrap().len(), 2);
    let far = ask(&server, "query", &[("query", "old"), ("lookback_delta", "3h")])
        .await
        .json();
    assert_eq!(far["data"]["result"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_query_that_takes_too_long_or_too_much_is_refused() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_second(NOW).unwrap()));
    let options = Options {
        max_samples: 10,
        ..Options::default()
    };
    let small = Server::start_with(store(), clock.clone(), options, Duration::from_secs(5))
        .await
        .unwrap();
    let query = [("query", "up"), ("start", "0"), ("end", "100"), ("step", "1")];
    let answer = ask(&small, "query_range", &query).await;
    assert_eq!(
        (answer.status, &answer.json()["errorType"]),
        (422, &json!("execution"))
    );
    let hasty = Server::start_with(store(), clock, Options::default(), Duration::ZERO)
        .await
        .unwrap();
    let answer = ask(&hasty, "query", &[("query", "sum_over_time((up + up)[10d:1s])")]).await;
    assert_eq!(
        (answer.status, &answer.json()["errorType"]),
        (503, &json!("timeout")),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn faults_have_the_shape_of_prometheus() {
    let server = boot().await;
    server
        .faults()
        .add(Rule::new("/api/v1/query", Fault::unavailable()).times(1));
    let answer = ask(&server, "query", &[("query", "up")]).await;
    assert_eq!(
        (answer.status, &answer.json()["errorType"]),
        (503, &json!("unavailable"))
    );
    assert_eq!(ask(&server, "query", &[("query", "up")]).await.status, 200);
    let log = server.faults().exchanges();
    assert_eq!(log[0].status, Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(log[1].query, "query=up");
}

#[tokio::test]
async fn series_can_change_while_the_server_runs() {
    let server = boot().await;
    server.update(|store| store.insert(Labels::new([("__name__", "fresh")]), [(NOW * 1000, 7.0)]));
    let answer = ask(&server, "query", &[("query", "fresh")]).await.json();
    assert_eq!(answer["data"]["result"][0]["value"], json!([NOW, "7"]));
}
