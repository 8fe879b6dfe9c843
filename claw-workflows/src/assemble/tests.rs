use std::sync::Arc;

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::audit::AuditKind;
use claw_core::clock::{Clock as _, ManualClock};
use claw_core::definition::{Located, bind, parse};
use claw_core::gate::{ObserveError, Scope};
use claw_core::report::Verdict;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use claw_guardrails::audit::MemoryAuditLog;
use claw_guardrails::engine::{Budgets, Config, Mode};
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
    assert!(matches!(error, AssemblyError::Tool(tool) if tool.name == "query_changes"));
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
async fn an_instruction_is_recorded_as_the_purpose_of_its_step() {
    let instruction = "Look at\n  recent changes first";
    let mut documents = parse("workflow.yaml", WORKFLOW.as_bytes()).unwrap();
    for workflow in documents
        .iter_mut()
        .filter_map(|document| document.workflow.as_mut())
    {
        for step in &mut workflow.steps {
            step.tools.clear();
            step.instruction = (step.name.value == "correlate_changes").then(|| Located {
                value: instruction.to_owned(),
                place: step.name.place,
            });
        }
    }
    let definition = bind(&documents, &Default::default(), &capabilities()).unwrap();
    let (clock, audit) = (clock(), Arc::new(MemoryAuditLog::default()));
    let sources = Sources::new().tool(Arc::new(RecordedChanges::default()));
    let agent = Assembly::new("shop", sources, audit.clone(), clock.clone())
        .definition(definition)
        .build()
        .unwrap();
    let incident = Incident::of_question("is all well?", TimeHints::default(), clock.now());
    agent.investigate(&incident).await.unwrap();
    let (mut with, mut without) = (0, 0);
    for event in audit.events().iter().filter(|event| event.step.is_some()) {
        if event.kind != AuditKind::Observe && event.kind != AuditKind::Reason {
            continue;
        }
        let said = event
            .why
            .contains("purpose of the step: Look at recent changes first)");
        assert_eq!(
            said,
            event.step.as_deref() == Some("correlate_changes"),
            "{event:?}"
        );
        if said {
            with += 1;
        } else {
            without += 1;
        }
    }
    assert!(with > 0 && without > 0, "{with} {without}");
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

/// A tool that answers with a write as data.
struct Scale;

#[async_trait]
impl Tool for Scale {
    const NAME: &'static str = "propose_scale";
    const EFFECT: Effect = Effect::Propose;
    type Input = String;
    type Output = String;

    fn description(&self) -> &str {
        "Proposes more replicas"
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, _: &ToolContext, name: String) -> Result<String, ToolError> {
        Ok(format!("3 replicas of {name}"))
    }
}

#[tokio::test]
async fn tools_propose_only_where_neither_guardrails_nor_definition_say_read_only() {
    let defined = || {
        let text = "workflow:\n  name: incident_investigation\n  guardrails: {max_actions: read_only}\n  steps:\n  \
             - {name: gather_context}\n  - {name: analyze_logs}\n  - {name: check_dependencies}\n  \
             - {name: correlate_changes}\n  - {name: synthesize}\n";
        let documents = parse("workflow.yaml", text.as_bytes()).unwrap();
        bind(&documents, &Default::default(), &capabilities()).unwrap()
    };
    let proposing = Config::default().with_mode(Mode::Propose);
    for (guardrails, definition, refused) in [
        (Config::default(), None, true),
        (proposing.clone(), Some(defined()), true),
        (proposing, None, false),
    ] {
        let (clock, audit) = (clock(), Arc::new(MemoryAuditLog::default()));
        let scope = Scope {
            run: "r".to_owned(),
            step: None,
            actor: "claw".to_owned(),
            deadline: clock.deadline(std::time::Duration::from_secs(60)),
            cancel: Default::default(),
        };
        let sources = Sources::new().tool(Arc::new(Scale));
        let agent = Assembly::new("shop", sources, audit.clone(), clock)
            .guardrails(guardrails)
            .definition(definition.unwrap_or_default())
            .build()
            .unwrap();
        let tool = agent.tools().get(Scale::NAME).unwrap();
        let answer = agent
            .gate()
            .observe::<Scale>(&scope, tool, "cart".to_owned(), "the load grows")
            .await;
        let kind = audit.events().first().map(|event| event.kind);
        if refused {
            assert!(
                matches!(&answer, Err(ObserveError::Refused(refusal)) if refusal.rule == "mode.read_only"),
                "{answer:?}"
            );
            assert_eq!(kind, Some(AuditKind::Refuse));
        } else {
            assert_eq!(answer.unwrap(), "3 replicas of cart");
            assert_eq!(kind, Some(AuditKind::Observe));
        }
    }
}
