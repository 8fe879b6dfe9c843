use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::SystemClock;
use claw_core::report::Window;
use claw_core::tool::{ToolContext, ToolError, ToolErrorKind};
use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::elasticsearch::{Elasticsearch, ElasticsearchConfig, Fields};
use super::loki::{Loki, LokiConfig};
use super::{LogQuery, LogSource};
use crate::source::SourceError;

fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(5))
}

fn query() -> LogQuery {
    LogQuery {
        namespace: Some("shop".to_owned()),
        pod: Some("cart-1".to_owned()),
        container: None,
        labels: BTreeMap::new(),
        contains: None,
        window: Window {
            start: "2024-05-01T10:00:00Z".parse().unwrap(),
            end: "2024-05-01T10:30:00Z".parse().unwrap(),
        },
        limit: 3,
    }
}

fn kind(error: SourceError) -> ToolErrorKind {
    ToolError::from(error).kind()
}

async fn answering(status: u16, body: impl Into<String>) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_string(body);
    Mock::given(wiremock::matchers::any())
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

fn loki(server: &MockServer) -> Loki {
    let mut config = LokiConfig::at(server.uri());
    config.http.max_retries = 0;
    Loki::new(config).unwrap()
}

fn elasticsearch(server: &MockServer, fields: Fields) -> Elasticsearch {
    let mut config = ElasticsearchConfig {
        fields,
        ..ElasticsearchConfig::at(server.uri())
    };
    config.http.max_retries = 0;
    Elasticsearch::new(config).unwrap()
}

const STREAMS: &str = r#"{"status":"success","data":{"resultType":"streams","result":[
  {"stream":{"namespace":"shop","pod":"cart-1","stream":"stderr"},"values":[["1714557660000000002","two"],["1714557660000000001","one",{"traceID":"x"}]]},
  {"stream":{"namespace":"shop","pod":"cart-1","stream":"stdout"},"values":[["1714557600000000000","zero"]]}],"stats":{}}}"#;

#[tokio::test]
async fn loki_is_asked_for_exactly_what_is_wanted() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/loki/api/v1/query_range"))
        .and(query_param(
            "query",
            r#"{app="a\"b\\",namespace="shop",pod="cart-1"} |= "say \"no\"\n""#,
        ))
        .and(query_param("start", "1714557600000000000"))
        .and(query_param("end", "1714559400000000001"))
        .and(query_param("limit", "3"))
        .and(query_param("direction", "backward"))
        .respond_with(ResponseTemplate::new(200).set_body_string(STREAMS))
        .expect(1)
        .mount(&server)
        .await;
    let asked = LogQuery {
        labels: [("app".to_owned(), "a\"b\\".to_owned())].into(),
        contains: Some("say \"no\"\n".to_owned()),
        ..query()
    };
    let answer = loki(&server).search(&cx(), &asked).await.unwrap();
    let lines: Vec<&str> = answer.lines.iter().map(|line| line.line.as_str()).collect();
    assert_eq!(lines, vec!["zero", "one", "two"]);
    assert!(answer.truncated, "as many lines as the limit: there may be more");
    assert_eq!(answer.lines[0].labels["pod"], "cart-1");
}

#[tokio::test]
async fn lines_of_one_time_keep_the_order_in_which_loki_took_them() {
    let trace = [
        "java.lang.IllegalStateException: closed",
        "\tat shop.Cart.add",
        "\tat shop.Main.run",
    ];
    let values: Vec<Value> = trace
        .iter()
        .rev()
        .map(|line| json!(["1714557660000000001", line]))
        .collect();
    let body = json!({"status": "success", "data": {"resultType": "streams", "result": [
        {"stream": {"namespace": "shop", "pod": "cart-1"}, "values": values},
    ]}});
    let answer = loki(&answering(200, body.to_string()).await)
        .search(&cx(), &query())
        .await
        .unwrap();
    let lines: Vec<&str> = answer.lines.iter().map(|line| line.line.as_str()).collect();
    assert_eq!(lines, trace);
}

#[tokio::test]
async fn loki_labels_cannot_carry_logql() {
    let server = MockServer::start().await;
    Mock::given(path("/loki/api/v1/query_range"))
        .respond_with(ResponseTemplate::new(200))
        .expect(0)
        .mount(&server)
        .await;
    let asked = LogQuery {
        labels: [("app=\"x\"} or {a".to_owned(), String::new())].into(),
        ..query()
    };
    assert_eq!(
        kind(loki(&server).search(&cx(), &asked).await.unwrap_err()),
        ToolErrorKind::InvalidInput
    );
    server.verify().await;
    assert!(
        Loki::new(LokiConfig {
            pod_label: Some("pod name".to_owned()),
            ..LokiConfig::at("http://loki")
        })
        .is_err()
    );
}

#[tokio::test]
async fn loki_labels_of_other_names_come_back_under_the_usual_ones() {
    let server = answering(200, STREAMS.replace("\"pod\"", "\"k8s_pod_name\"")).await;
    let config = LokiConfig {
        pod_label: Some("k8s_pod_name".to_owned()),
        ..LokiConfig::at(server.uri())
    };
    let answer = Loki::new(config).unwrap().search(&cx(), &query()).await.unwrap();
    assert_eq!(answer.lines[0].labels["pod"], "cart-1");
}

/// A Loki with these labels, which has one line for whatever it is asked, and the queries that it got.
async fn queries_with_labels(labels: &[&str], asked: &[LogQuery]) -> Vec<String> {
    let server = MockServer::start().await;
    Mock::given(path("/loki/api/v1/labels"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"status": "success", "data": labels})))
        .mount(&server)
        .await;
    Mock::given(path("/loki/api/v1/query_range"))
        .respond_with(ResponseTemplate::new(200).set_body_string(STREAMS))
        .mount(&server)
        .await;
    let client = loki(&server);
    for query in asked {
        client.search(&cx(), query).await.unwrap();
    }
    let requests = server.received_requests().await.unwrap();
    let asked_for_labels = requests
        .iter()
        .filter(|r| r.url.path().ends_with("labels"))
        .count();
    assert_eq!(asked_for_labels, 1, "once for each client");
    requests
        .iter()
        .flat_map(|request| request.url.query_pairs().into_owned().collect::<Vec<_>>())
        .filter(|(name, _)| name == "query")
        .map(|(_, logql)| logql)
        .collect()
}

#[tokio::test]
async fn loki_labels_are_found_by_asking() {
    let everything = LogQuery {
        namespace: None,
        pod: None,
        ..query()
    };
    let opentelemetry = [
        "k8s_container_name",
        "k8s_namespace_name",
        "k8s_pod_name",
        "service_name",
    ];
    assert_eq!(
        queries_with_labels(&opentelemetry, &[query(), everything.clone()]).await,
        [
            r#"{k8s_namespace_name="shop",k8s_pod_name="cart-1"}"#,
            r#"{k8s_namespace_name=~".+"}"#
        ]
    );
    assert_eq!(
        queries_with_labels(&["service_name"], &[everything]).await,
        [r#"{service_name=~".+"}"#]
    );
}

#[tokio::test]
async fn a_loki_without_lines_has_none() {
    let server = answering(200, r#"{"status":"success"}"#).await;
    let everything = LogQuery {
        namespace: None,
        pod: None,
        ..query()
    };
    let answer = loki(&server).search(&cx(), &everything).await.unwrap();
    assert!(answer.lines.is_empty());
}

#[tokio::test]
async fn loki_errors_are_typed() {
    for (status, body, expected) in [
        (400, "parse error at line 1", ToolErrorKind::InvalidInput),
        (401, "no org id", ToolErrorKind::Denied),
        (429, "too many outstanding requests", ToolErrorKind::RateLimited),
        (500, "context canceled", ToolErrorKind::Unavailable),
        (200, "{", ToolErrorKind::Internal),
        (
            200,
            r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
            ToolErrorKind::Internal,
        ),
        (
            200,
            r#"{"data":{"resultType":"streams","result":[{"stream":{},"values":[["soon","x"]]}]}}"#,
            ToolErrorKind::Internal,
        ),
    ] {
        let server = answering(status, body).await;
        let error = ToolError::from(loki(&server).search(&cx(), &query()).await.expect_err(body));
        assert_eq!(error.kind(), expected, "{status} {body}: {error}");
        assert!(!error.to_string().contains("parse error at line 1"));
    }
}

fn hit(namespace: &str, time: &str, message: &str) -> Value {
    json!({ "_index": "logs-1", "_source": {
        "@timestamp": time,
        "message": message,
        "kubernetes": { "namespace": namespace, "pod": { "name": "cart-1" }, "labels": { "app": "cart" } }
    }, "sort": [1714557600000i64] })
}

#[tokio::test]
async fn elasticsearch_is_asked_by_time_and_terms() {
    let server = MockServer::start().await;
    let answer = json!({ "took": 3, "timed_out": true, "_shards": { "total": 5, "successful": 4, "failed": 1 }, "hits": { "hits": [
        hit("shop", "2024-05-01T10:01:00.002Z", "two"), hit("shop-test", "2024-05-01T10:01:00.001Z", "other"), hit("shop", "2024-05-01T10:00:00Z", "one\n"),
    ] } });
    Mock::given(method("POST"))
        .and(path("/logs-*/_search"))
        .and(body_partial_json(json!({ "size": 3, "query": { "bool": { "filter": [
            { "range": { "@timestamp": { "gte": "2024-05-01T10:00:00Z", "lte": "2024-05-01T10:30:00Z" } } },
            { "bool": { "should": [{ "term": { "kubernetes.namespace": "shop" } }, { "term": { "kubernetes.namespace.keyword": "shop" } }] } },
            { "bool": { "should": [{ "term": { "kubernetes.pod.name": "cart-1" } }, { "term": { "kubernetes.pod.name.keyword": "cart-1" } }] } },
            { "match_phrase": { "message": "a \" b" } },
        ] } } })))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .expect(1)
        .mount(&server)
        .await;
    let asked = LogQuery {
        contains: Some("a \" b".to_owned()),
        ..query()
    };
    let answer = elasticsearch(&server, Fields::ecs())
        .search(&cx(), &asked)
        .await
        .unwrap();
    let lines: Vec<&str> = answer.lines.iter().map(|line| line.line.as_str()).collect();
    assert_eq!(lines, vec!["one", "two"]);
    assert!(answer.truncated);
    assert_eq!(answer.warnings.len(), 2, "{:?}", answer.warnings);
    assert_eq!(
        (
            answer.lines[0].labels["app"].as_str(),
            answer.lines[0].labels["namespace"].as_str()
        ),
        ("cart", "shop")
    );
}

#[tokio::test]
async fn elasticsearch_reads_flat_documents_and_times_in_milliseconds() {
    let body = json!({ "hits": { "hits": [{ "_source": {
        "@timestamp": 1714557600123i64, "log": "hello", "kubernetes.namespace_name": "shop", "kubernetes": { "pod_name": "cart-1", "labels.app": "x" }
    } }, { "_source": { "log": "no time" } }] } });
    let server = answering(200, body.to_string()).await;
    let answer = elasticsearch(&server, Fields::fluent())
        .search(&cx(), &query())
        .await
        .unwrap();
    assert_eq!(answer.lines.len(), 1);
    assert_eq!(answer.lines[0].time.to_string(), "2024-05-01T10:00:00.123Z");
    assert_eq!(answer.lines[0].labels["pod"], "cart-1");
}

#[tokio::test]
async fn elasticsearch_errors_are_typed() {
    for (status, body, expected) in [
        (
            400,
            r#"{"error":{"type":"parsing_exception"},"status":400}"#,
            ToolErrorKind::InvalidInput,
        ),
        (401, "{}", ToolErrorKind::Denied),
        (
            404,
            r#"{"error":{"type":"index_not_found_exception"}}"#,
            ToolErrorKind::Unavailable,
        ),
        (503, "{}", ToolErrorKind::Unavailable),
        (200, r#"{"hits":{}}"#, ToolErrorKind::Internal),
        (200, "<html>", ToolErrorKind::Internal),
    ] {
        let server = answering(status, body).await;
        let error = elasticsearch(&server, Fields::ecs())
            .search(&cx(), &query())
            .await
            .expect_err(body);
        assert_eq!(kind(error), expected, "{status} {body}");
    }
    for index in ["", "_all", "logs/../x", "a?b", ".security"] {
        let config = ElasticsearchConfig {
            index: index.to_owned(),
            ..ElasticsearchConfig::at("http://es")
        };
        assert!(Elasticsearch::new(config).is_err(), "{index}");
    }
}

#[tokio::test]
async fn answers_are_bounded_in_size_and_time() {
    let server = answering(200, format!("{STREAMS}{}", " ".repeat(10 * 1024 * 1024))).await;
    let mut config = LokiConfig::at(server.uri());
    config.http.max_response_bytes = 1 << 20;
    let error = Loki::new(config)
        .unwrap()
        .search(&cx(), &query())
        .await
        .unwrap_err();
    assert_eq!(kind(error), ToolErrorKind::TooLarge);

    let slow = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_delay(Duration::from_secs(20));
    Mock::given(wiremock::matchers::any())
        .respond_with(answer)
        .mount(&slow)
        .await;
    let short = || ToolContext::new(Arc::new(SystemClock), Duration::from_millis(50));
    assert_eq!(
        kind(loki(&slow).search(&short(), &query()).await.unwrap_err()),
        ToolErrorKind::Timeout
    );
    let error = elasticsearch(&slow, Fields::ecs())
        .search(&short(), &query())
        .await
        .unwrap_err();
    assert_eq!(kind(error), ToolErrorKind::Timeout);
}
