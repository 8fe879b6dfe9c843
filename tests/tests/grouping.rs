//! Notifications about a recorded cluster: what it tells over HTTP decides which alerts are one run.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use claw_core::audit::{AuditEvent, AuditKind};
use claw_guardrails::audit::MemoryAuditLog;
use claw_k8s::bundle::{Bundle, RecordedKind};
use claw_k8s::cluster::Resource;
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
    /// A cluster in which there is what was recorded, and nothing else.
    async fn of(scenario: &str) -> Self {
        let mut bundle = recording(scenario);
        bundle.manifest.kinds = Some(Resource::ALL.iter().map(RecordedKind::everywhere).collect());
        Self::recorded(bundle).await
    }

    async fn recorded(bundle: Bundle) -> Self {
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

fn recording(scenario: &str) -> Bundle {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    Bundle::load(root.join(scenario)).unwrap()
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

/// Three services of which the gateway calls the first and not the last. A looser relation ties for ten minutes at most.
fn three(world: &World) -> Webhook {
    let began = world.alerts[0].alerts[0].starts_at;
    let alert = |service: &str, minutes: i64| {
        let starts_at = began + SignedDuration::from_mins(minutes);
        json!({"status": "firing", "fingerprint": service, "startsAt": starts_at.to_string(),
            "labels": {"alertname": "Slow", "namespace": "payments", "service": service}})
    };
    notification(&[
        alert("ledger-writer", 0),
        alert("payments-gateway", 15),
        alert("risk-score", 27),
    ])
}

#[tokio::test]
async fn what_the_cluster_tells_apart_is_told_apart() {
    let world = World::of("oom-limit-lowered").await;
    let receipt = world.intake.accept(three(&world)).await.unwrap();
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

#[tokio::test]
async fn where_kinds_could_not_be_read_nothing_is_told_apart() {
    // Nobody told whether there were no StatefulSets, DaemonSets and ConfigMaps, or whether they were left out.
    let world = World::recorded(recording("oom-limit-lowered")).await;
    let receipt = world.intake.accept(three(&world)).await.unwrap();
    assert_eq!(
        (receipt.grouped_by, receipt.opened.len()),
        (Some(Basis::Part), 1),
        "{receipt:?}"
    );
}

#[tokio::test]
async fn what_joins_a_run_is_recorded_under_the_decision_like_its_reads() {
    let world = World::of("oom-limit-lowered").await;
    let receipt = world.intake.accept(three(&world)).await.unwrap();
    let decision = receipt.decision.unwrap();
    assert!(world.looks().iter().all(|event| event.run == decision.0));
    let began = world.alerts[0].alerts[0].starts_at + SignedDuration::from_mins(1);
    let again = json!({"status": "firing", "fingerprint": "again", "startsAt": began.to_string(),
        "labels": {"alertname": "Errors", "namespace": "payments", "service": "ledger-writer"}});
    let receipt = world.intake.accept(notification(&[again])).await.unwrap();
    let events = world.audit.events();
    let joined: Vec<_> = events
        .iter()
        .filter(|event| event.kind == AuditKind::Reason && event.step.as_deref() == Some("group"))
        .collect();
    assert_eq!((receipt.joined.len(), joined.len()), (1, 1), "{receipt:?}");
    assert_eq!(joined[0].run, receipt.decision.unwrap().0);
    assert_eq!(joined[0].input["alerts"], json!(["again"]));
}
