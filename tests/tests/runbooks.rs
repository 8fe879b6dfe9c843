//! Runbooks are followed through the gate, named in reports, and refused where they cannot be honoured.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

use std::path::{Path, PathBuf};
use std::sync::Arc;

use claw_core::audit::AuditKind;
use claw_core::report::Report;
use claw_guardrails::audit::MemoryAuditLog;
use claw_k8s::bundle::Bundle;
use claw_testkit::replay::{Replay, ReplayError};
use claw_workflows::deliver::{html, markdown, slack};
use claw_workflows::incident::runbook::Runbooks;
use serde_json::json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn bundle(name: &str) -> Bundle {
    Bundle::load(root().join("tests/scenarios").join(name)).unwrap()
}

/// A scenario whose alert bears that name.
fn alerted(name: &str, alert: &str) -> Bundle {
    let mut bundle = bundle(name);
    let body = bundle.alert.as_mut().unwrap();
    for fired in body["alerts"].as_array_mut().unwrap() {
        fired["labels"]["alertname"] = json!(alert);
    }
    bundle
}

async fn run(bundle: &Bundle, runbooks: Runbooks) -> Result<(Report, Arc<MemoryAuditLog>), ReplayError> {
    let audit = Arc::new(MemoryAuditLog::default());
    let log = Arc::clone(&audit) as Arc<dyn claw_core::audit::AuditLog>;
    let replay = Replay::with(bundle, log, |assembly| assembly.runbooks(runbooks)).await?;
    Ok((replay.run().await?, audit))
}

fn runbook(front: &str) -> Runbooks {
    let text =
        format!("---\ntitle: Of <b>ours</b>\nmatch: {{alert: Ours}}\n{front}\n---\nAsk *ann* <script>.\n");
    Runbooks::parse("ours.md", text.as_bytes()).unwrap()
}

#[tokio::test]
async fn the_shipped_ones_are_followed_and_named() {
    let runbooks = Runbooks::read(root().join("deploy/runbooks")).unwrap();
    assert!(!runbooks.is_empty());
    let plain = run(&bundle("oom-limit-lowered"), Runbooks::default())
        .await
        .unwrap()
        .0;
    let (report, audit) = run(&bundle("oom-limit-lowered"), runbooks).await.unwrap();
    let [named, ..] = report.runbooks.as_slice() else {
        panic!("none is named: {:?}", report.gaps);
    };
    assert!(named.place.ends_with("deploy/runbooks/container-memory.md"));
    assert_eq!(
        named.because,
        ["KubePodCrashLooping fires", "cause 1 is memory_limit"]
    );
    assert!(named.text.starts_with("1. Was the limit lowered?"));
    assert_eq!(named.calls.len(), 2);
    assert!(
        named.calls.iter().all(|call| call.answer.is_some()),
        "{:?} {:?}",
        named.calls,
        report.gaps
    );
    assert!(named.calls[0].answer.as_ref().unwrap().contains("revision"));
    let asked = audit.events().into_iter().filter(|event| {
        event.kind == AuditKind::Observe && event.why.contains("the runbook A container is killed")
    });
    assert_eq!(asked.count(), 2, "both calls are on record");
    // What is concluded is what would have been.
    assert_eq!(report.hypotheses, plain.hypotheses);
}

#[tokio::test]
async fn the_example_of_the_page_can_be_used() {
    let page = std::fs::read_to_string(root().join("docs/runbooks.md")).unwrap();
    let example = page
        .split("```markdown\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let runbooks = Runbooks::parse("docs/runbooks.md", example.as_bytes()).unwrap();
    let (report, _) = run(&bundle("oom-limit-lowered"), runbooks).await.unwrap();
    let named = report.runbooks.first().unwrap();
    assert_eq!(named.title, "A container is killed for its memory");
    assert!(
        named.calls.iter().all(|call| call.answer.is_some()),
        "{:?} {:?}",
        named.calls,
        report.gaps
    );
}

#[tokio::test]
async fn what_cannot_be_called_is_refused_with_its_place() {
    let bundle = bundle("oom-limit-lowered");
    for (front, said) in [
        (
            "tools: [{name: scale_workload}]",
            "ours.md:4:16: tools[0]: no tool `scale_workload` is registered",
        ),
        (
            "tools: [{name: get_podz}]",
            "no tool `get_podz` is registered; did you mean `get_pods`?",
        ),
        (
            "tools: [{name: get_pods, input: {namspace: shop}}]",
            "has no argument `namspace`; did you mean `namespace`?",
        ),
        ("tools: [{name: get_pod_logs}]", "needs the argument"),
        (
            "tools: [{name: get_pods, input: {namespace: [shop]}}]",
            "`namespace` of `get_pods` does not fit",
        ),
    ] {
        let error = run(&bundle, runbook(front)).await.unwrap_err().to_string();
        assert!(error.contains(said), "{front}\n{error}");
    }
}

#[tokio::test]
async fn what_a_call_lacks_is_a_gap_and_too_many_are_left_out() {
    let call = "- {name: get_pods, input: {namespace: \"{{alert.labels.nothing}}\"}}\n";
    let unknown = "- {name: get_pod_logs, input: {namespace: shop, pod_name: not-there}}\n";
    let front = format!("tools:\n{call}{unknown}{}", "- {name: get_nodes}\n".repeat(8));
    let (report, _) = run(&alerted("oom-limit-lowered", "Ours"), runbook(&front))
        .await
        .unwrap();
    let gap = |text: &str| report.gaps.iter().any(|gap| gap.reason.contains(text));
    assert!(
        gap("the alert says nothing for {{alert.labels.nothing}}"),
        "{:?}",
        report.gaps
    );
    assert!(gap("calls of runbooks were not made"), "{:?}", report.gaps);
    let answers: Vec<bool> = report.runbooks[0]
        .calls
        .iter()
        .map(|call| call.answer.is_some())
        .collect();
    assert_eq!(answers, [false, true, true, true, true, true, true, true]);
}

#[tokio::test]
async fn its_text_is_no_markup_anywhere() {
    let (report, _) = run(&alerted("oom-limit-lowered", "Ours"), runbook(""))
        .await
        .unwrap();
    let page = html::render(&report).unwrap();
    assert!(
        page.contains("Of &lt;b&gt;ours&lt;&#x2f;b&gt;") && !page.contains("<script>"),
        "{page}"
    );
    let text = markdown::render(&report);
    assert!(
        text.contains("**Of &lt;b&gt;ours&lt;/b&gt;** (Ours fires): `ours.md`"),
        "{text}"
    );
    let message = serde_json::to_string(&slack::message(&report, &slack::MessageOptions::default())).unwrap();
    assert!(
        message.contains("Of &lt;b&gt;ours&lt;/b&gt;: `ours.md`"),
        "{message}"
    );
    assert!(!message.contains("Ask "), "Slack gets the title only");
}
