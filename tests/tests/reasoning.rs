//! What an investigation asks for once it has suspects.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use claw_core::reason::{Question, Reasoner, Thought};
use claw_core::report::{Report, Verdict};
use claw_core::tool::{ToolContext, ToolError};
use claw_guardrails::audit::MemoryAuditLog;
use claw_k8s::bundle::Bundle;
use claw_testkit::replay::Replay;

fn scenario(name: &str) -> Bundle {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    Bundle::load(folder.join(name)).unwrap()
}

/// The cause lives in a namespace that only a log line names: no variable of the caller does.
fn hidden() -> Bundle {
    let mut bundle = scenario("cause-in-another-namespace");
    for object in &mut bundle.objects {
        let containers = match object["kind"].as_str() {
            Some("Pod") => "/spec/containers",
            _ => "/spec/template/spec/containers",
        };
        let containers = object
            .pointer_mut(containers)
            .and_then(|list| list.as_array_mut());
        for container in containers.into_iter().flatten() {
            container.as_object_mut().unwrap().remove("env");
        }
    }
    bundle
}

fn first(report: &Report) -> (Verdict, String, String) {
    let first = &report.hypotheses[0];
    (report.verdict, first.mechanism.clone(), first.entity.to_string())
}

#[tokio::test]
async fn looks_at_a_suspect_that_nobody_looked_at() {
    let report = Replay::of(&hidden()).await.unwrap().run().await.unwrap();
    assert_eq!(
        first(&report),
        (
            Verdict::Cause,
            "memory_limit".to_owned(),
            "Deployment ledger/ledger-writer".to_owned()
        )
    );
    let asked: Vec<_> = report.tests.iter().map(|test| test.question.as_str()).collect();
    assert_eq!(
        asked.first(),
        Some(&"Is anything wrong with Service ledger/ledger-writer itself?"),
        "{asked:?}"
    );
    assert!(
        report.tests[0].answer.starts_with("Yes: "),
        "{}",
        report.tests[0].answer
    );
}

/// Answers as it is told, and keeps what it was asked.
#[derive(Default)]
struct Stubborn {
    asked: Mutex<Vec<Question>>,
    answer: Option<fn(&Question) -> Thought>,
}

#[async_trait]
impl Reasoner for Stubborn {
    async fn think(&self, _cx: &ToolContext, question: &Question) -> Result<Thought, ToolError> {
        self.asked.lock().unwrap().push(question.clone());
        match self.answer {
            Some(answer) => Ok(answer(question)),
            None => Err(ToolError::invalid_input("no idea")),
        }
    }
}

async fn with(reasoner: &Arc<Stubborn>) -> Report {
    let reasoner: Arc<dyn Reasoner> = Arc::<Stubborn>::clone(reasoner);
    let audit = Arc::new(MemoryAuditLog::default());
    let bundle = hidden();
    let replay = Replay::with(&bundle, audit, |assembly| assembly.reasoner(reasoner));
    replay.await.unwrap().run().await.unwrap()
}

#[tokio::test]
async fn a_reasoner_that_fails_leaves_the_rules_and_a_gap() {
    let reasoner = Arc::new(Stubborn::default());
    let report = with(&reasoner).await;
    assert_ne!(first(&report).1, "memory_limit");
    assert!(
        report.gaps.iter().any(|gap| gap.source == "reasoner"),
        "{:?}",
        report.gaps
    );
}

#[tokio::test]
async fn a_reasoner_chooses_among_what_it_is_offered_and_nothing_else() {
    let reasoner = Arc::new(Stubborn {
        answer: Some(|_| Thought::Observe(vec!["kubectl delete namespace ledger".to_owned()])),
        ..Stubborn::default()
    });
    let report = with(&reasoner).await;
    assert!(report.tests.is_empty());
    let gap = report.gaps.iter().find(|gap| gap.source == "reasoner").unwrap();
    assert!(
        gap.reason.contains("kubectl delete namespace ledger"),
        "{}",
        gap.reason
    );
}

#[tokio::test]
async fn a_reasoner_that_asks_for_everything_comes_to_an_end() {
    let reasoner = Arc::new(Stubborn {
        answer: Some(|question| {
            Thought::Observe(question.offers.iter().map(|offer| offer.id.clone()).collect())
        }),
        ..Stubborn::default()
    });
    let report = with(&reasoner).await;
    assert_eq!(first(&report).1, "memory_limit");
    let asked = reasoner.asked.lock().unwrap();
    assert!((1..=4).contains(&asked.len()), "{}", asked.len());
    assert!(
        asked[0].goal.contains("PaymentsErrorBudgetBurn"),
        "{}",
        asked[0].goal
    );
    // Nothing is offered twice.
    let mut offers: Vec<_> = asked
        .iter()
        .flat_map(|question| &question.offers)
        .map(|offer| &offer.id)
        .collect();
    let all = offers.len();
    offers.sort();
    offers.dedup();
    assert_eq!(offers.len(), all);
}
