//! Tool and workflow definitions, bound to the tools that an agent really has, and honoured by its runs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

use std::sync::Arc;

use claw_core::audit::AuditKind;
use claw_core::definition::{Definition, DefinitionError, bind, parse};
use claw_core::report::{Report, Verdict};
use claw_guardrails::audit::MemoryAuditLog;
use claw_k8s::bundle::Bundle;
use claw_testkit::replay::{Replay, boot};
use claw_testkit::scenario::load_all;
use claw_workflows::assemble::capabilities;

const TOOLS: &str = include_str!("../../claw-core/src/definition/fixtures/tools.yaml");
const INCIDENT: &str = include_str!("../../claw-core/src/definition/fixtures/incident_investigation.yaml");
const RIGHTSIZING: &str = include_str!("../../claw-core/src/definition/fixtures/resource_rightsizing.yaml");

fn bundle(name: &str) -> Bundle {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    Bundle::load(folder.join(name)).unwrap()
}

/// The documents, against the tools of an agent with every source.
async fn bound(text: &str) -> Result<Definition, DefinitionError> {
    let (sources, _world) = boot(&bundle("oom-limit-lowered"), &mut Vec::new()).await.unwrap();
    bind(
        &parse("agent.yaml", text.as_bytes())?,
        &sources.tools().unwrap(),
        &capabilities(),
    )
}

async fn run(name: &str, definition: &str) -> (Report, Arc<MemoryAuditLog>) {
    let definition = bound(definition).await.unwrap();
    let audit = Arc::new(MemoryAuditLog::default());
    let bundle = bundle(name);
    let log = Arc::clone(&audit) as Arc<dyn claw_core::audit::AuditLog>;
    let replay = Replay::with(&bundle, log, |assembly| assembly.definition(definition)).await;
    (replay.unwrap().run().await.unwrap(), audit)
}

#[tokio::test]
async fn the_documents_of_the_specification_bind_to_the_tools_that_there_are() {
    let definition = bound(&format!("{TOOLS}\n---\n{INCIDENT}")).await.unwrap();
    assert_eq!(definition.tools.len(), 3);
    assert_eq!(definition.workflows["incident_investigation"].steps.len(), 5);
}

#[tokio::test]
async fn what_is_not_there_yet_is_refused_by_name_and_place() {
    let error = bound(RIGHTSIZING).await.unwrap_err().to_string();
    for missing in [
        "resource_rightsizing",
        "a schedule",
        "create_gitops_pr",
        "send_slack_summary",
    ] {
        let line = error
            .lines()
            .find(|line| line.contains(missing))
            .unwrap_or_else(|| panic!("{missing}: {error}"));
        assert!(line.starts_with("agent.yaml:"), "{line}");
        assert!(line.contains("not available yet"), "{line}");
    }
}

#[tokio::test]
async fn a_step_calls_the_tools_that_it_lists_and_no_others() {
    let (report, audit) = run("image-tag-typo", &format!("{TOOLS}\n---\n{INCIDENT}")).await;
    let first = &report.hypotheses[0];
    assert_eq!(
        (report.verdict, first.mechanism.as_str()),
        (Verdict::Cause, "image_pull")
    );
    // What the lists keep from the steps is said, and was not called.
    for tool in ["get_workloads", "get_nodes", "get_dependencies"] {
        let gap = report.gaps.iter().find(|gap| gap.source == tool);
        assert!(
            gap.is_some_and(|gap| gap.reason.contains("does not list it for this step")),
            "{tool}: {:?}",
            report.gaps
        );
    }
    let called: Vec<String> = audit.events().iter().map(|event| event.subject.clone()).collect();
    assert!(
        called.iter().any(|subject| subject.contains("get_pods")),
        "{called:?}"
    );
    assert!(
        !called.iter().any(|subject| subject.contains("get_workloads")),
        "{called:?}"
    );
}

#[tokio::test]
async fn steps_call_no_tools_but_those_that_they_are_said_to_use() {
    let capabilities = capabilities();
    let steps = capabilities.workflows()[0].steps();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut called = std::collections::BTreeSet::new();
    for scenario in load_all(folder).unwrap() {
        let audit = Arc::new(MemoryAuditLog::default());
        let log = Arc::clone(&audit) as Arc<dyn claw_core::audit::AuditLog>;
        let replay = Replay::with(&scenario.bundle, log, |assembly| assembly).await;
        replay.unwrap().run().await.unwrap();
        let calls = audit
            .events()
            .into_iter()
            .filter(|event| event.kind == AuditKind::Observe);
        called.extend(calls.map(|event| (event.step, event.subject)));
    }
    assert!(called.len() > steps.len(), "{called:?}");
    for (step, tool) in called {
        let step = step.unwrap();
        let known = steps.iter().find(|known| known.name() == step).unwrap();
        assert!(known.tools().any(|name| name == tool), "{step} calls {tool}");
    }
}

#[tokio::test]
async fn steps_without_a_list_call_whatever_there_is() {
    let bare: String = INCIDENT
        .lines()
        .filter(|line| !line.contains("tools:"))
        .map(|line| format!("{line}\n"))
        .collect();
    let (report, _) = run("selector-mismatch", &bare).await;
    assert_eq!(report.hypotheses[0].mechanism, "selector_mismatch");
    // The recording itself does not hold everything.
    let steps_lack = report.gaps.iter().any(|gap| gap.source != "objects");
    assert!(!steps_lack, "{:?}", report.gaps);
}
