//! From a fault to a report: a real rule fires, a real Alertmanager notifies, and the agent names the cause.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use claw_testbed::suite::{
    Agent, AlertRoute, Condition, Namespace, Part, TcpProxy, TestFolder, Testbed, notification, wait_until,
};
use serde_json::Value;

/// From the fault until a rule has fired, the alert was sent, and the report names the cause.
const PATIENCE: Duration = Duration::from_secs(240);

/// For what takes a moment.
const SOON: Duration = Duration::from_secs(30);

/// A fault, and what a report about it has to name first.
struct Expected {
    fault: &'static str,
    kind: &'static str,
    name: &'static str,
    /// Which mechanism; one of them, where several say the same in other words.
    mechanisms: &'static [&'static str],
}

const fn expected(
    fault: &'static str,
    mechanisms: &'static [&'static str],
    kind: &'static str,
    name: &'static str,
) -> Expected {
    Expected {
        fault,
        kind,
        name,
        mechanisms,
    }
}

const FAULTS: [Expected; 25] = [
    expected("anti-affinity", &["unschedulable"], "Deployment", "broker"),
    expected(
        "autoscaler-at-max",
        &["hpa_at_max"],
        "HorizontalPodAutoscaler",
        "pricing",
    ),
    expected(
        "autoscaler-target",
        &["hpa_target_missing"],
        "HorizontalPodAutoscaler",
        "edge",
    ),
    expected("claim-missing", &["volume_unavailable"], "StatefulSet", "archive"),
    expected(
        "claim-without-volume",
        &["volume_unavailable"],
        "PersistentVolumeClaim",
        "scans",
    ),
    expected("configmap-missing", &["config_missing"], "Deployment", "invoices"),
    expected(
        "crashloop",
        &["invalid_configuration", "application_crash"],
        "Deployment",
        "billing",
    ),
    expected("daemon-too-large", &["unschedulable"], "DaemonSet", "collector"),
    expected("gpu", &["unschedulable"], "Deployment", "embeddings"),
    expected("imagepull", &["image_pull"], "Deployment", "mailer"),
    expected(
        "job-gives-up",
        &["job_failed", "application_crash"],
        "Job",
        "month-end",
    ),
    expected("limit-range", &["creation_refused"], "Deployment", "thumbnails"),
    expected("node-selector", &["unschedulable"], "Deployment", "indexer"),
    expected("oomkilled", &["memory_limit"], "Deployment", "previews"),
    expected("pod-security", &["creation_refused"], "Deployment", "sniffer"),
    expected(
        "pvc-missing-class",
        &["volume_unavailable"],
        "PersistentVolumeClaim",
        "ledger-data",
    ),
    expected("quota", &["creation_refused"], "Deployment", "importer"),
    expected(
        "quota-wants-limits",
        &["creation_refused"],
        "Deployment",
        "webmail",
    ),
    expected("readiness", &["probe_failing"], "Deployment", "replica"),
    expected(
        "rollout-bad-config",
        &["wrong_address", "application_crash"],
        "Deployment",
        "checkout",
    ),
    expected("scheduling-gate", &["scheduling_gated"], "Deployment", "training"),
    expected(
        "selector-mismatch",
        &["selector_mismatch"],
        "Service",
        "catalogue",
    ),
    expected(
        "service-account-missing",
        &["creation_refused"],
        "Deployment",
        "courier",
    ),
    expected("unschedulable", &["unschedulable"], "Deployment", "reports"),
    expected(
        "webhook-down",
        &["webhook_unavailable"],
        "Service",
        "image-policy",
    ),
];

/// Everything that an alert needs on its way, or a line that says what is absent.
fn agent_program<'a>(testbed: &'a Testbed, test: &str) -> Option<&'a str> {
    for part in [Part::Run, Part::Prometheus, Part::Alertmanager, Part::PodLogs] {
        testbed.need(part, test)?;
    }
    testbed.need(Part::Agent, test)
}

/// A way to the API server on which answers can be held up, and a kubeconfig in `folder` for it.
async fn behind_proxy(testbed: &Testbed, folder: &Path) -> (TcpProxy, PathBuf) {
    let text = std::fs::read_to_string(testbed.kubeconfig()).unwrap();
    let mut config: Value = serde_saphyr::from_str(&text).unwrap();
    let server = &mut config["clusters"][0]["cluster"]["server"];
    let proxy = TcpProxy::before(server.as_str().unwrap()).await.unwrap();
    *server = proxy.url().into();
    let file = folder.join("kubeconfig");
    std::fs::write(&file, config.to_string()).unwrap();
    (proxy, file)
}

/// The newest report whose first cause or subject lies in `namespace`.
fn about(agent: &Agent, namespace: &str) -> Option<Value> {
    let lies_there = |entity: &Value| entity["namespace"] == namespace;
    let concerns = |report: &Value| {
        let subject = report["subject"].as_array().into_iter().flatten();
        subject
            .chain(report.pointer("/hypotheses/0/entity"))
            .any(lies_there)
    };
    let mut reports = agent.reports();
    reports.retain(concerns);
    reports
        .into_iter()
        .max_by_key(|report| report.pointer("/window/end").map(Value::to_string))
}

/// What a report says, in a line.
fn said(report: &Value) -> String {
    let first = &report["hypotheses"][0];
    format!(
        "{} of {} {} ({})",
        first["mechanism"].as_str().unwrap_or("nothing"),
        first["entity"]["kind"].as_str().unwrap_or_default(),
        first["entity"]["name"].as_str().unwrap_or_default(),
        first["confidence"],
    )
}

fn is_right(report: &Value, expected: &Expected) -> bool {
    let first = &report["hypotheses"][0];
    let mechanism = first["mechanism"].as_str().unwrap_or_default();
    expected.mechanisms.contains(&mechanism)
        && first["entity"]["kind"] == expected.kind
        && first["entity"]["name"] == expected.name
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn every_fault_is_named_first_in_the_report_on_its_alert() {
    let testbed = Testbed::for_test().await;
    let test = "faults from alert to report";
    let Some(program) = agent_program(&testbed, test) else {
        return;
    };
    let data = TestFolder::create(&testbed, test).unwrap();
    let agent = Agent::start(program, &testbed, data.path()).await.unwrap();
    let route = AlertRoute::to(&testbed, &agent.webhook()).await.unwrap();
    let mut places: Vec<(&Expected, Namespace)> = Vec::new();
    for expected in &FAULTS {
        let namespace = testbed.namespace("team").await.unwrap();
        testbed.inject(expected.fault, namespace.name()).await.unwrap();
        places.push((expected, namespace));
    }
    // All at once: one that is never named takes no time of the others.
    let mut named: BTreeMap<&str, String> = BTreeMap::new();
    let waited = wait_until(PATIENCE, "all faults are named", async || {
        let mut open = Vec::new();
        for (expected, namespace) in &places {
            let report = about(&agent, namespace.name());
            match report {
                Some(report) if is_right(&report, expected) => {
                    named.insert(
                        expected.fault,
                        format!("ok {:24} {}", expected.fault, said(&report)),
                    );
                }
                _ if named.contains_key(expected.fault) => {}
                Some(report) => open.push(format!("-- {:24} {}", expected.fault, said(&report))),
                None => open.push(format!("-- {:24} no report", expected.fault)),
            }
        }
        Ok(if open.is_empty() {
            Ok(())
        } else {
            Err(open.join("\n"))
        })
    })
    .await;
    let right = named.values().cloned().collect::<Vec<_>>().join("\n");
    println!(
        "{right}\n{} of {} faults are named first",
        named.len(),
        FAULTS.len()
    );
    route.end().await.unwrap();
    if let Err(error) = waited {
        panic!("{}", error.line());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn an_agent_that_was_killed_finishes_what_it_had_accepted() {
    let testbed = Testbed::for_test().await;
    let test = "an agent that was killed";
    let (Some(program), Some(_)) = (testbed.need(Part::Agent, test), testbed.need(Part::PodLogs, test))
    else {
        return;
    };
    let namespace = testbed.namespace("team").await.unwrap();
    testbed.inject("imagepull", namespace.name()).await.unwrap();
    let pods = format!("/api/v1/namespaces/{}/pods", namespace.name());
    wait_until(PATIENCE, "the image is missed", async || {
        let pods = testbed.api().list(&pods, "").await?;
        let waits = pods.iter().any(|pod| {
            let reason = pod.pointer("/status/containerStatuses/0/state/waiting/reason");
            reason.and_then(Value::as_str) == Some("ImagePullBackOff")
        });
        Ok(if waits {
            Ok(())
        } else {
            Err(format!("{} pods", pods.len()))
        })
    })
    .await
    .unwrap();
    let folder = TestFolder::create(&testbed, test).unwrap();
    let (proxy, kubeconfig) = behind_proxy(&testbed, folder.path()).await;
    let data = folder.path().join("data");
    let start = || Agent::start_with(program, &testbed, &data, &kubeconfig, &[]);
    let agent = start().await.unwrap();
    // What it asks when it starts is not what it is held up in.
    agent.records("own_rights", SOON).await.unwrap();
    proxy.set(Condition::Silent { after: 0 });
    let asked = proxy.asked();
    let runs = agent
        .notify(&notification(namespace.name(), namespace.name(), "mailer"))
        .await
        .unwrap();
    let [run] = runs.as_slice() else {
        panic!("one run, not {runs:?}");
    };
    // The notification is accepted, and the run has begun; nothing is reported yet, or there is nothing to finish.
    proxy.is_asked(asked, SOON).await.unwrap();
    let begun = agent.run(run).await.unwrap();
    assert_eq!(begun["run"]["status"], "running", "{begun:#}");
    agent.kill().await.unwrap();
    let reported = data.join("reports").join(format!("{run}.json"));
    assert!(!reported.exists(), "it was killed before it reported");
    proxy.set(Condition::Open);
    let agent = start().await.unwrap();
    let report = agent.wait_for(run, Duration::from_secs(60)).await.unwrap();
    assert_eq!(
        report["hypotheses"][0]["mechanism"],
        "image_pull",
        "{}",
        said(&report)
    );
    let runs = agent.runs().await.unwrap();
    let ours: Vec<_> = runs.iter().filter(|record| record["id"] == **run).collect();
    assert_eq!(ours.len(), 1);
    assert_eq!(ours[0]["status"], "done");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_resolved_alert_closes_its_run() {
    let testbed = Testbed::for_test().await;
    let test = "a resolved alert";
    let Some(program) = agent_program(&testbed, test) else {
        return;
    };
    let data = TestFolder::create(&testbed, test).unwrap();
    let agent = Agent::start(program, &testbed, data.path()).await.unwrap();
    let route = AlertRoute::to(&testbed, &agent.webhook()).await.unwrap();
    let namespace = testbed.namespace("team").await.unwrap();
    testbed.inject("unschedulable", namespace.name()).await.unwrap();
    let report = wait_until(PATIENCE, "a report", async || {
        Ok(about(&agent, namespace.name()).ok_or_else(String::new))
    })
    .await
    .unwrap();
    // Somebody mends it.
    let inside = format!("--namespace={}", namespace.name());
    let arguments = ["scale", "deployment/reports", "--replicas=0", &inside];
    testbed.kubectl().run(&arguments).await.unwrap();
    wait_until(PATIENCE, "the run is closed", async || {
        let runs = agent.runs().await?;
        let record = runs.into_iter().find(|record| record["id"] == report["case"]);
        Ok(match record {
            Some(record) if !record["resolved_at"].is_null() => Ok(()),
            record => Err(record.unwrap_or_default().to_string()),
        })
    })
    .await
    .unwrap();
    route.end().await.unwrap();
}
