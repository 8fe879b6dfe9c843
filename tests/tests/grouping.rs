//! Notifications about a recorded cluster: what it tells over HTTP decides which alerts are one run.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use claw_core::audit::{AuditEvent, AuditKind};
use claw_guardrails::audit::MemoryAuditLog;
use claw_k8s::bundle::Bundle;
use claw_testkit::replay::Replay;
use claw_workflows::trigger::alertmanager::{Webhook, parse};
use claw_workflows::trigger::{Basis, Intake};
use jiff::SignedDuration;
use serde_json::{Value, json};

struct World {
    replay: Replay,
    audit: Arc<MemoryAuditLog>,
    intake: Intake,
    /// The alerts of the recording, each as Alertmanager sends it where it groups by name.
    alerts: Vec<Webhook>,
}

impl World {
    async fn of(scenario: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let bundle = Bundle::load(root.join(scenario)).unwrap();
        let audit = Arc::new(MemoryAuditLog::default());
        let log = Arc::clone(&audit) as Arc<dyn claw_core::audit::AuditLog>;
        let replay = Replay::audited(&bundle, log).await.unwrap();
        let agent = replay.agent();
        // A machine that is busy with other tests takes longer than the notification of a person would wait.
        let grouping = agent.grouping().with_patience(Duration::from_secs(60));
        let intake = agent.intake().with_grouping(grouping);
        let body = bundle.alert.unwrap();
        let mut alerts: Vec<Value> = body["alerts"].as_array().unwrap().clone();
        alerts.sort_by_key(|alert| alert["startsAt"].as_str().unwrap().to_owned());
        let alerts = alerts.into_iter().map(|alert| notification(&[alert])).collect();
        Self {
            replay,
            audit,
            intake,
            alerts,
        }
    }

    /// What was read to decide which alerts belong together.
    fn looks(&self) -> Vec<AuditEvent> {
        let mut events = self.audit.events();
        events.retain(|event| event.step.as_deref() == Some("group") && event.kind == AuditKind::Observe);
        events
    }
}

fn notification(alerts: &[Value]) -> Webhook {
    let group = alerts[0]["labels"]["alertname"].to_string();
    let body = json!({"version": "4", "groupKey": group, "status": "firing", "alerts": alerts});
    parse(body.to_string().as_bytes()).unwrap()
}

#[tokio::test]
async fn a_cascade_that_comes_alert_by_alert_is_one_run_and_its_reads_are_on_record() {
    let world = World::of("oom-limit-lowered").await;
    assert!(world.alerts.len() > 1);
    let mut opened = Vec::new();
    for webhook in &world.alerts {
        let receipt = world.intake.accept(webhook.clone()).await.unwrap();
        opened.extend(receipt.opened);
    }
    let [run] = opened.as_slice() else {
        panic!("{opened:?}");
    };
    let looks = world.looks();
    assert!(looks.iter().all(|event| event.run.starts_with("group-")));
    for tool in ["get_pods", "get_workloads", "get_dependencies"] {
        assert!(
            looks.iter().any(|event| event.subject.contains(tool)),
            "{tool}: {looks:?}"
        );
    }
    let metrics = looks.iter().filter(|event| event.subject.contains("prometheus"));
    assert_eq!(metrics.count(), 0, "they take too long");

    let ended = world.replay.agent().runner().drive_to_end(run).await.unwrap();
    assert_eq!(ended.joined.len(), world.alerts.len() - 1);
    assert!(ended.joined.iter().all(|alert| alert.in_input));
}

#[tokio::test]
async fn what_the_cluster_tells_apart_is_told_apart() {
    let world = World::of("oom-limit-lowered").await;
    let began = world.alerts[0].alerts[0].starts_at;
    let alert = |service: &str, minutes: i64| {
        let starts_at = began + SignedDuration::from_mins(minutes);
        json!({"status": "firing", "fingerprint": service, "startsAt": starts_at.to_string(),
            "labels": {"alertname": "Slow", "namespace": "payments", "service": service}})
    };
    // The gateway calls the first of the others and not the last. A looser relation ties for ten minutes at most.
    let all = [
        alert("ledger-writer", 0),
        alert("payments-gateway", 15),
        alert("risk-score", 27),
    ];
    let receipt = world.intake.accept(notification(&all)).await.unwrap();
    assert_eq!(receipt.grouped_by, Some(Basis::Surroundings));
    let journal = world.replay.agent().runner().journal();
    let mut runs = Vec::new();
    for service in ["ledger-writer", "payments-gateway", "risk-score"] {
        runs.push(journal.run_of_alert(service).await.unwrap());
    }
    assert_eq!(receipt.opened.len(), 2, "{receipt:?}");
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[1], runs[2]);
}
