use std::sync::Arc;

use claw_core::audit::AuditKind;
use claw_core::clock::{Clock as _, ManualClock};
use claw_core::definition::{bind, parse};
use claw_core::report::Verdict;
use claw_guardrails::audit::MemoryAuditLog;
use claw_guardrails::engine::{Budgets, Config};
use claw_k8s::bundle::RecordedChanges;

use super::*;
use crate::trigger::{Incident, TimeHints, alertmanager};

const WORKFLOW: &str = include_str!("../../../claw-core/src/definition/fixtures/incident_investigation.yaml");

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2026-03-01T10:00:00Z".parse().unwrap()))
}

#[tokio::test]
async fn an_agent_without_sources_does_not_call_anything_healthy() {
    let (clock, audit) = (clock(), Arc::new(MemoryAuditLog::default()));
    let agent = Assembly::new("shop", Sources::new(), audit.clone(), clock.clone())
        .build()
        .unwrap();
    let incident = Incident::of_question("is all well?", TimeHints::default(), clock.now());
    let report = agent.investigate(&incident).await.unwrap().report.unwrap();
    assert!(!report.gaps.is_empty());
    assert_ne!(report.verdict, Verdict::Cause);
    assert!(
        audit
            .events()
            .iter()
            .any(|event| event.kind == AuditKind::RunFinished)
    );
}

#[test]
fn two_tools_of_one_name_are_refused() {
    let tool = || Arc::new(RecordedChanges::default());
    let sources = Sources::new().tool(tool()).tool(tool());
    let error = Assembly::new("shop", sources, Arc::new(MemoryAuditLog::default()), clock())
        .build()
        .unwrap_err();
    assert_eq!(error.name, "query_changes");
}

#[tokio::test]
async fn the_definition_decides_which_alerts_open_a_run() {
    let documents = parse("workflow.yaml", WORKFLOW.as_bytes()).unwrap();
    // The tools are bound elsewhere; here only the workflow counts.
    let mut documents = documents;
    for document in &mut documents {
        if let Some(workflow) = &mut document.workflow {
            for step in &mut workflow.steps {
                step.tools.clear();
            }
        }
    }
    let definition = bind(&documents, &Default::default(), &capabilities()).unwrap();
    let agent = Assembly::new(
        "shop",
        Sources::new(),
        Arc::new(MemoryAuditLog::default()),
        clock(),
    )
    .definition(definition)
    .build()
    .unwrap();
    let body = |severity: &str| {
        let text = format!(
            r#"{{"version":"4","groupKey":"g","status":"firing","alerts":[{{"status":"firing",
            "labels":{{"alertname":"Down","severity":"{severity}"}},"startsAt":"2026-03-01T09:50:00Z",
            "fingerprint":"{severity}"}}]}}"#
        );
        alertmanager::parse(text.as_bytes()).unwrap()
    };
    let receipt = agent.intake().accept(body("critical")).await.unwrap();
    assert_eq!(receipt.opened.len(), 1);
    let receipt = agent.intake().accept(body("info")).await.unwrap();
    assert_eq!((receipt.opened.len(), receipt.filtered), (0, 1));
}

#[tokio::test]
async fn guardrails_are_in_front_of_every_tool() {
    let (clock, audit) = (clock(), Arc::new(MemoryAuditLog::default()));
    let sources = Sources::new().tool(Arc::new(RecordedChanges::default()));
    let agent = Assembly::new("shop", sources, audit.clone(), clock.clone())
        .guardrails(Config::default().with_budgets(Budgets::default().with_calls(0)))
        .build()
        .unwrap();
    let incident = Incident::of_question("is all well?", TimeHints::default(), clock.now());
    agent.investigate(&incident).await.unwrap();
    let events = audit.events();
    assert!(events.iter().any(|event| event.kind == AuditKind::Refuse));
    assert!(!events.iter().any(|event| event.observed.is_some()));
}
