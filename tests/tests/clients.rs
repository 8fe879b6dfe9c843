//! Claw's own clients against the servers of the simulated world: over HTTP, with faults.
#![allow(clippy::unwrap_used)] // also in what the tests share: a failure is a panic

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::{ManualClock, SystemClock};
use claw_core::http::{Client, ClientConfig};
use claw_core::report::Window;
use claw_core::tool::ToolContext;
use claw_metrics::logs::elasticsearch::{Elasticsearch, ElasticsearchConfig};
use claw_metrics::logs::loki::{Loki, LokiConfig};
use claw_metrics::logs::{LogQuery, LogSource};
use claw_metrics::prometheus::{Prometheus, PrometheusConfig};
use claw_metrics::source::{Grid, MetricSource, SourceError};
use claw_testkit::alertmanager::{self, Alert, Route};
use claw_testkit::faults::{Fault, Rule};
use claw_testkit::prometheus::{Labels, Metadata};
use claw_testkit::{elasticsearch, loki, prometheus};
use claw_workflows::trigger::alertmanager as trigger;
use jiff::Timestamp;
use serde_json::json;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_359_200 + second).unwrap()
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(at(600)))
}

fn context() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(20))
}

async fn metrics() -> (prometheus::Server, Prometheus) {
    let mut store = prometheus::Store::new();
    for pod in ["cart-1", "cart-2"] {
        let labels = Labels::new([("__name__", "http_requests_total"), ("pod", pod)]);
        store.insert(
            labels,
            (0_i32..=40).map(|n| (at(i64::from(n) * 15).as_millisecond(), f64::from(n) * 30.0)),
        );
    }
    let help = Metadata {
        kind: "counter".into(),
        help: "Requests".into(),
        unit: String::new(),
    };
    store.describe("http_requests_total", help);
    let server = prometheus::Server::start(store, clock()).await.unwrap();
    let client = Prometheus::new(PrometheusConfig::at(server.url())).unwrap();
    (server, client)
}

#[tokio::test]
async fn the_prometheus_client_understands_the_simulated_prometheus() {
    let (_server, client) = metrics().await;
    let grid = Grid {
        start: at(300),
        end: at(600),
        step: 60,
    };
    let rate = client
        .range(&context(), "sum(rate(http_requests_total[2m]))", grid)
        .await
        .unwrap();
    assert_eq!((rate.total, rate.series[0].points.len()), (1, 6));
    assert!(
        rate.series[0]
            .points
            .iter()
            .all(|(_, value)| (value - 4.0).abs() < 1e-9),
        "{rate:?}"
    );
    let now = client
        .instant(&context(), "http_requests_total", Some(at(600)))
        .await
        .unwrap();
    assert_eq!(
        now.series.iter().map(|s| s.points[0].1).collect::<Vec<_>>(),
        [1_200.0, 1_200.0]
    );
    let names = client.names(&context(), None, None).await.unwrap();
    assert_eq!(names.names, ["http_requests_total"]);
    let (series, _) = client
        .series(&context(), r#"{pod="cart-2"}"#, None)
        .await
        .unwrap();
    assert_eq!(series.len(), 1);
    let (pods, _) = client.label_values(&context(), "pod", None, None).await.unwrap();
    assert_eq!(pods, ["cart-1", "cart-2"]);
    assert_eq!(
        client.metadata(&context()).await.unwrap()["http_requests_total"].kind,
        "counter"
    );
}

#[tokio::test]
async fn the_prometheus_client_gets_over_faults_that_pass() {
    let (server, client) = metrics().await;
    for fault in [
        Fault::unavailable(),
        Fault::too_many_requests(Duration::ZERO),
        Fault::Cut { after_bytes: 30 },
        Fault::Trickle {
            bytes: 50,
            pause: Duration::from_millis(1),
        },
    ] {
        server.faults().clear();
        server
            .faults()
            .add(Rule::new("/api/v1/query", fault.clone()).times(1));
        let answer = client
            .instant(&context(), "up or http_requests_total", Some(at(600)))
            .await;
        assert_eq!(
            answer
                .map(|answer| answer.total)
                .map_err(|error| error.to_string()),
            Ok(2),
            "{fault:?}"
        );
    }
    server.faults().clear();
    server.faults().add(Rule::new("**", Fault::Malformed));
    let error = client.instant(&context(), "up", Some(at(600))).await.unwrap_err();
    assert!(matches!(error, SourceError::Malformed { .. }), "{error:?}");
    server.faults().clear();
    let error = client
        .instant(&context(), "sum(", Some(at(600)))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            SourceError::Rejected {
                error_type: "bad_data",
                ..
            }
        ),
        "{error:?}"
    );
}

fn question(contains: Option<&str>) -> LogQuery {
    LogQuery {
        namespace: Some("shop".to_owned()),
        pod: Some("cart-1".to_owned()),
        container: None,
        labels: BTreeMap::new(),
        contains: contains.map(str::to_owned),
        window: Window {
            start: at(0),
            end: at(20),
        },
        limit: 10,
    }
}

const LINES: [(i64, &str, &str, &str); 5] = [
    (0, "shop", "cart-1", "started"),
    (10, "shop", "cart-1", "GET \"/cart\": connection refused"),
    (15, "shop", "cart-2", "connection refused"),
    (20, "shop", "cart-1", "done"),
    (21, "shop", "cart-1", "too late"),
];

#[tokio::test]
async fn the_loki_client_understands_the_simulated_loki() {
    let mut store = loki::Store::new();
    for (second, namespace, pod, line) in LINES {
        store.insert([("namespace", namespace), ("pod", pod)], at(second), line);
    }
    let server = loki::Server::start(store, clock()).await.unwrap();
    let client = Loki::new(LokiConfig::at(server.url())).unwrap();
    let all = client.search(&context(), &question(None)).await.unwrap();
    let lines: Vec<&str> = all.lines.iter().map(|line| line.line.as_str()).collect();
    assert_eq!(lines, ["started", "GET \"/cart\": connection refused", "done"]);
    let some = client
        .search(&context(), &question(Some("GET \"/cart\"")))
        .await
        .unwrap();
    assert_eq!((some.lines.len(), some.lines[0].time), (1, at(10)));
}

#[tokio::test]
async fn the_elasticsearch_client_understands_both_kinds_of_mappings() {
    for mapping in [elasticsearch::Mapping::ecs(), elasticsearch::Mapping::dynamic()] {
        let mut store = elasticsearch::Store::new(mapping.clone());
        for (second, namespace, pod, line) in LINES {
            let kubernetes = json!({ "namespace": namespace, "pod": { "name": pod } });
            let document =
                json!({ "@timestamp": at(second).to_string(), "message": line, "kubernetes": kubernetes });
            store.index("logs-shop", document);
        }
        let server = elasticsearch::Server::start(store).await.unwrap();
        let client = Elasticsearch::new(ElasticsearchConfig::at(server.url())).unwrap();
        let all = client.search(&context(), &question(None)).await.unwrap();
        let lines: Vec<&str> = all.lines.iter().map(|line| line.line.as_str()).collect();
        assert_eq!(
            lines,
            ["started", "GET \"/cart\": connection refused", "done"],
            "{mapping:?}"
        );
        assert_eq!(all.lines[0].labels["pod"], "cart-1");
        let some = client
            .search(&context(), &question(Some("connection refused")))
            .await
            .unwrap();
        assert_eq!((some.lines.len(), some.lines[0].time), (1, at(10)), "{mapping:?}");
    }
}

#[test]
fn the_trigger_understands_the_simulated_alertmanager() {
    let mut over = Alert::new(
        [("alertname", "Down"), ("severity", "critical"), ("pod", "b")],
        at(0),
    );
    over.ends_at = Some(at(30));
    let firing = Alert::new(
        [("alertname", "Down"), ("severity", "critical"), ("pod", "a")],
        at(0),
    );
    let bodies = alertmanager::webhook_bodies(&Route::new("claw"), &[firing.clone(), over.clone()], at(60));
    let webhook = trigger::parse(bodies[0].to_string().as_bytes()).unwrap();
    assert_eq!(
        (webhook.group_key.as_str(), webhook.receiver.as_deref()),
        ("{}:{alertname=\"Down\"}", Some("claw"))
    );
    assert_eq!(webhook.alerts[0].fingerprint, firing.fingerprint());
    assert_eq!(
        (webhook.alerts[0].ends_at, webhook.alerts[1].ends_at),
        (None, Some(at(30)))
    );
}

#[tokio::test]
async fn a_notification_reaches_its_receiver_by_the_projects_client() {
    let receiver = alertmanager::Server::start(Route::new("other"), clock())
        .await
        .unwrap();
    let sender = alertmanager::Server::start(Route::new("claw"), clock())
        .await
        .unwrap();
    sender.fire(Alert::new([("alertname", "Down")], at(0)));
    let client = Client::new(ClientConfig::default()).unwrap();
    // The receiver takes lists of alerts only, so it says what it thinks of a notification, which is no error here.
    let url = format!("{}/api/v2/alerts", receiver.url());
    let deliveries = sender.notify(&context(), &client, &url).await.unwrap();
    assert_eq!((deliveries.len(), deliveries[0].status), (1, 422));
}
