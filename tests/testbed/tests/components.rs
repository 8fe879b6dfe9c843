//! That the components are what the other suites take them for.
#![allow(clippy::unwrap_used, clippy::panic)] // also in what the tests share: a failure is a panic

use std::path::Path;
use std::time::Duration;

use claw_testbed::components::Component;
use claw_testbed::error::Error;
use claw_testbed::machine;
use claw_testbed::run::RunFolder;
use claw_testbed::suite::{Namespace, Part, Service, Testbed, WebhookSink, wait_until};
use serde_json::{Value, json};

/// For what takes a moment.
const SOON: Duration = Duration::from_secs(20);
/// For what has to be scraped, evaluated or backed off first.
const LATER: Duration = Duration::from_secs(90);
/// For usage, which takes several scrapes by a server that has just come up.
const MUCH_LATER: Duration = Duration::from_secs(240);

/// The first pod with the label `app`.
async fn pod(testbed: &Testbed, namespace: &Namespace, app: &str) -> Result<Value, Error> {
    let path = format!("/api/v1/namespaces/{}/pods", namespace.name());
    let pods = testbed.api().list(&path, &format!("app={app}")).await?;
    Ok(pods.into_iter().next().unwrap_or(Value::Null))
}

fn container(pod: &Value) -> &Value {
    pod.pointer("/status/containerStatuses/0").unwrap_or(&Value::Null)
}

/// The address and the authority in the kubeconfig, when it is one of ours.
async fn server(testbed: &Testbed, test: &str) -> Option<(String, String)> {
    let run = testbed.need(Part::Run, test)?;
    let text = std::fs::read_to_string(testbed.kubeconfig()).unwrap();
    let config: Value = serde_json::from_str(&text).unwrap();
    let url = config
        .pointer("/clusters/0/cluster/server")
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned();
    Some((url, format!("{run}/pki/ca.crt")))
}

#[tokio::test]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn the_certificate_of_the_api_server_is_verified() {
    let testbed = Testbed::for_test().await;
    let Some((url, authority)) = server(&testbed, "the certificate is verified").await else {
        return;
    };
    let kubeconfig = std::fs::read_to_string(testbed.kubeconfig()).unwrap();
    assert!(!kubeconfig.contains("insecure"));
    let trusting = Service::with_authority(&url, Path::new(&authority)).unwrap();
    assert_eq!(trusting.status_as("/version", "nobody").await.unwrap(), 401);
    // Without the authority of the run there is no connection at all.
    let stranger = Service::at(&url).unwrap();
    let error = stranger.status_as("/version", "nobody").await.unwrap_err().line();
    assert!(error.to_lowercase().contains("certificate"), "{error}");
    let version = testbed.api().get("/version").await.unwrap();
    assert!(
        version["gitVersion"].as_str().unwrap().starts_with("v1."),
        "{version}"
    );
}

#[tokio::test]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_service_account_may_do_what_its_role_says_and_no_more() {
    let testbed = Testbed::for_test().await;
    let Some((url, authority)) = server(&testbed, "rights of service accounts").await else {
        return;
    };
    let namespace = testbed.namespace("rights").await.unwrap();
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": { "name": "reader", "namespace": namespace.name() },
    });
    testbed.apply(&account.to_string()).await.unwrap();
    let token = testbed.token(namespace.name(), "reader").await.unwrap();
    let server = Service::with_authority(&url, Path::new(&authority)).unwrap();
    let pods = format!("/api/v1/namespaces/{}/pods", namespace.name());
    let secrets = format!("/api/v1/namespaces/{}/secrets", namespace.name());
    assert_eq!(server.status_as(&pods, &token).await.unwrap(), 403);
    let inside = format!("--namespace={}", namespace.name());
    let account = format!("--serviceaccount={}:reader", namespace.name());
    testbed
        .kubectl()
        .run(&[
            "create",
            "rolebinding",
            "view",
            "--clusterrole=view",
            &account,
            &inside,
        ])
        .await
        .unwrap();
    wait_until(SOON, "the role binding takes effect", async || {
        let status = server.status_as(&pods, &token).await?;
        Ok(if status == 200 {
            Ok(())
        } else {
            Err(format!("status {status}"))
        })
    })
    .await
    .unwrap();
    assert_eq!(server.status_as(&secrets, &token).await.unwrap(), 403);
}

#[tokio::test]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_container_that_ends_is_seen_with_restarts_events_and_the_logs_before() {
    let testbed = Testbed::for_test().await;
    if testbed.need(Part::PodLogs, "a container that ends").is_none() {
        return;
    }
    let namespace = testbed.namespace("restarts").await.unwrap();
    testbed.inject("crashloop", namespace.name()).await.unwrap();
    let seen = wait_until(LATER, "the second back-off", async || {
        let pod = pod(&testbed, &namespace, "billing").await?;
        let status = container(&pod);
        let waits = status.pointer("/state/waiting/reason") == Some(&json!("CrashLoopBackOff"));
        let restarted = status["restartCount"].as_i64().unwrap_or(0) >= 1;
        Ok(if waits && restarted {
            Ok(pod)
        } else {
            Err(status.to_string())
        })
    })
    .await
    .unwrap();
    assert_eq!(
        container(&seen).pointer("/lastState/terminated/exitCode"),
        Some(&json!(1))
    );
    let name = seen.pointer("/metadata/name").unwrap().as_str().unwrap();
    let inside = format!("--namespace={}", namespace.name());
    let logs = testbed
        .kubectl()
        .run(&["logs", "--previous", "--timestamps", &inside, name])
        .await
        .unwrap();
    assert!(
        logs.contains("LEDGER_URL: required variable is not set"),
        "{logs}"
    );
    assert!(logs.lines().all(|line| line.starts_with("20")), "{logs}");
    let path = format!("/api/v1/namespaces/{}/events", namespace.name());
    let events = testbed.api().list(&path, "").await.unwrap();
    let back_off = events.iter().find(|event| event["reason"] == "BackOff").unwrap();
    assert_eq!(back_off.pointer("/involvedObject/name"), Some(&json!(name)));
}

/// A Deployment whose pods use something, as far as kwok can tell.
fn at_work(namespace: &str) -> Value {
    let app = json!({ "app": "steady" });
    let usage = json!({ "kwok.x-k8s.io/usage-cpu": "80m", "kwok.x-k8s.io/usage-memory": "500Mi" });
    json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "steady", "namespace": namespace },
        "spec": { "replicas": 2, "selector": { "matchLabels": app },
            "template": { "metadata": { "labels": app, "annotations": usage },
                "spec": { "containers": [{ "name": "main", "image": "registry.invalid/a:1" }] } } } })
}

#[tokio::test]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn usage_is_served_by_metrics_k8s_io() {
    let testbed = Testbed::for_test().await;
    let group = "/apis/metrics.k8s.io/v1beta1";
    if testbed.api().status(group).await.unwrap() == 404 {
        testbed.note("skipped: usage: there is no metrics.k8s.io; install metrics-server");
        return;
    }
    // Of a node on which nothing runs, metrics-server says nothing.
    let namespace = testbed.namespace("usage").await.unwrap();
    testbed
        .apply(&at_work(namespace.name()).to_string())
        .await
        .unwrap();
    let answer = wait_until(MUCH_LATER, "usage of nodes", async || {
        let answer = testbed.api().get(&format!("{group}/nodes")).await?;
        let nodes = answer["items"].as_array().map_or(0, Vec::len);
        Ok(if nodes > 0 {
            Ok(answer)
        } else {
            Err("no nodes".to_owned())
        })
    });
    let answer = answer.await.unwrap();
    assert!(answer.pointer("/items/0/usage/cpu").is_some(), "{answer}");
}

#[tokio::test]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn prometheus_scrapes_the_state_of_objects() {
    let testbed = Testbed::for_test().await;
    let Some(prometheus) = testbed.service(Part::Prometheus, "state of objects").unwrap() else {
        return;
    };
    let turned_into_series = match testbed.part(Part::Run) {
        Some(run) => RunFolder::look(Path::new(run))
            .unwrap()
            .running(Component::KubeStateMetrics)
            .is_some(),
        None => prometheus
            .query("count(kube_namespace_created)")
            .await
            .unwrap()
            .is_some(),
    };
    if !turned_into_series {
        eprintln!("skipped: state of objects, because kube-state-metrics is absent");
        return;
    }
    let namespace = testbed.namespace("scraped").await.unwrap();
    let query = format!(r#"kube_namespace_created{{namespace="{}"}}"#, namespace.name());
    wait_until(LATER, "the namespace as a series", async || {
        Ok(prometheus
            .query(&query)
            .await?
            .ok_or_else(|| "no series".to_owned()))
    })
    .await
    .unwrap();
}

#[tokio::test]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn an_alert_reaches_a_webhook() {
    let testbed = Testbed::for_test().await;
    let sink = WebhookSink::start().await.unwrap();
    let test = "an alert reaches a webhook";
    if testbed.need(Part::Prometheus, test).is_none() || !sink.attach(&testbed, test).await.unwrap() {
        return;
    }
    let namespace = testbed.namespace("alerts").await.unwrap();
    testbed.inject("imagepull", namespace.name()).await.unwrap();
    let alert = sink
        .alert(LATER, "an alert about the container", |alert| {
            alert.pointer("/labels/namespace") == Some(&json!(namespace.name()))
                && alert.pointer("/labels/alertname") == Some(&json!("ContainerWaits"))
        })
        .await
        .unwrap();
    assert_eq!(alert["status"], "firing");
    sink.detach(&testbed).await.unwrap();
}

#[tokio::test]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn alertmanager_sends_what_it_is_given() {
    let testbed = Testbed::for_test().await;
    let sink = WebhookSink::start().await.unwrap();
    if !sink.attach(&testbed, "alerts by hand").await.unwrap() {
        return;
    }
    let alertmanager = testbed
        .service(Part::Alertmanager, "alerts by hand")
        .unwrap()
        .unwrap();
    let mark = machine::secret(6).unwrap();
    let given = json!([{ "labels": { "alertname": "ByHand", "mark": mark } }]);
    alertmanager.post("/api/v2/alerts", &given).await.unwrap();
    let sent = sink.alert(SOON, "the alert", |alert| {
        alert.pointer("/labels/mark") == Some(&json!(mark))
    });
    assert_eq!(sent.await.unwrap()["status"], "firing");
    sink.detach(&testbed).await.unwrap();
}

#[tokio::test]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn loki_gives_back_what_was_pushed() {
    let testbed = Testbed::for_test().await;
    let Some(loki) = testbed.service(Part::Loki, "lines in Loki").unwrap() else {
        return;
    };
    let mark = machine::secret(6).unwrap();
    let now = testbed_time();
    let pushed = json!({
        "streams": [{
            "stream": { "namespace": "shop", "app": "cart", "mark": mark },
            "values": [[format!("{now}000000000"), format!("payment refused ({mark})")]],
        }],
    });
    loki.post("/loki/api/v1/push", &pushed).await.unwrap();
    let query = format!(r#"{{app="cart", mark="{mark}"}} |= "refused""#);
    let start = (now - 600).to_string();
    let line = wait_until(SOON, "the line", async || {
        let query = [("query", query.as_str()), ("start", start.as_str())];
        let answer = loki.get("/loki/api/v1/query_range", &query).await?;
        let line = answer
            .pointer("/data/result/0/values/0/1")
            .and_then(Value::as_str)
            .map(str::to_owned);
        Ok(line.ok_or_else(|| "no line".to_owned()))
    })
    .await
    .unwrap();
    assert_eq!(line, format!("payment refused ({mark})"));
}

/// Seconds since 1970.
fn testbed_time() -> i64 {
    use claw_core::clock::{Clock as _, SystemClock};
    SystemClock.now().as_second()
}
