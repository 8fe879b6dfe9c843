use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_core::evidence::{Evidence, Hypothesis, Source};
use claw_core::report::{ChangeAssessment, Report, Verdict};
use claw_core::workflow::{FailureKind, RunFailure, RunId};
use serde_json::{Value, json};

use super::{Expectation, Miss, ScenarioError, load_all};

fn deployment(name: &str) -> EntityRef {
    EntityRef::namespaced("Deployment", "shop", name)
}

fn expect() -> Value {
    json!({
        "verdict": "cause",
        "root_cause": {
            "entity": {"kind": "Deployment", "namespace": "shop", "name": "cart"},
            "accept": [{"kind": "Pod", "namespace": "shop", "name": "cart-1"}],
            "mechanisms": ["memory_limit"],
        },
        "must_not_blame": {
            "entities": [{"kind": "Deployment", "namespace": "shop", "name": "web"}],
            "changes": ["web@2"],
        },
        "cited": true,
    })
}

fn evidence() -> Evidence {
    let cart = deployment("cart");
    Evidence::new(
        cart.clone(),
        None,
        "killed",
        Source::object(&cart),
        "get_pods",
        b"{}",
    )
}

/// A report with one hypothesis about `entity` and a change that it blames.
fn report(verdict: Verdict, entity: EntityRef, mechanism: &str, blamed: &str) -> Report {
    let now = jiff::Timestamp::UNIX_EPOCH;
    let failure = RunFailure {
        run: RunId("r".to_owned()),
        step: "synthesize".to_owned(),
        kind: FailureKind::Step,
        reason: "none".to_owned(),
        started_at: now,
        ended_at: now,
    };
    let mut report = failure.report("incident_investigation");
    report.verdict = verdict;
    report.evidence = vec![evidence()];
    report.hypotheses = vec![Hypothesis {
        rank: 1,
        entity: entity.clone(),
        cause: "it is killed".to_owned(),
        mechanism: mechanism.to_owned(),
        confidence: 0.9,
        evidence: vec![evidence().id],
        against: Vec::new(),
        unseen: Vec::new(),
        explains: Vec::new(),
        terms: Vec::new(),
    }];
    let change = Change {
        reference: blamed.to_owned(),
        time: now,
        kind: ChangeKind::Deploy,
        entity,
        summary: "rollout".to_owned(),
        detail: Vec::new(),
        author: None,
    };
    report.changes = vec![ChangeAssessment {
        change,
        blamed: true,
        confidence: 0.9,
        reason: "rests on it".to_owned(),
    }];
    report
}

fn misses(expect: Value, report: &Report) -> Vec<Miss> {
    Expectation::parse(expect).unwrap().misses(report)
}

#[test]
fn a_right_report_misses_nothing() {
    let right = report(Verdict::Cause, deployment("cart"), "memory_limit", "cart@7");
    assert_eq!(misses(expect(), &right), []);
    let pod = EntityRef::namespaced("Pod", "shop", "cart-1");
    assert_eq!(
        misses(expect(), &report(Verdict::Cause, pod, "memory_limit", "cart@7")),
        []
    );
}

#[test]
fn the_change_that_brought_it_has_to_be_blamed() {
    let mut expected = expect();
    expected["root_cause"]["change"] = json!("cart@7");
    let with = |blamed| report(Verdict::Cause, deployment("cart"), "memory_limit", blamed);
    assert_eq!(misses(expected.clone(), &with("cart@7")), []);
    assert_eq!(
        misses(expected, &with("cart@6")),
        [Miss::ChangeNotBlamed("cart@7".to_owned())]
    );
}

#[test]
fn each_difference_is_named() {
    let wrong = report(Verdict::Ambiguous, deployment("web"), "image_pull", "web@2");
    let found: Vec<String> = misses(expect(), &wrong).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "the verdict is Ambiguous and should be Cause",
            "the first hypothesis names Deployment shop/web; the cause is Deployment shop/cart",
            "the first hypothesis speaks of image_pull; at work is memory_limit",
            "Deployment shop/web is blamed and must not be",
            "the change web@2 is blamed and must not be",
        ]
    );
    let mut silent = report(Verdict::Cause, deployment("cart"), "memory_limit", "cart@7");
    silent.hypotheses[0].evidence.clear();
    assert_eq!(misses(expect(), &silent), [Miss::Uncited]);
    silent.hypotheses.clear();
    assert_eq!(
        misses(expect(), &silent),
        [Miss::NoCause {
            expected: deployment("cart")
        }]
    );
}

#[test]
fn cited_evidence_has_to_be_there() {
    let mut report = report(Verdict::Cause, deployment("cart"), "memory_limit", "cart@7");
    report.evidence.clear();
    assert_eq!(misses(expect(), &report), [Miss::Dangling(evidence().id)]);
}

#[test]
fn a_healthy_world_has_no_change_to_blame() {
    let healthy = json!({"verdict": "healthy"});
    let mut report = report(Verdict::Healthy, deployment("cart"), "memory_limit", "cart@7");
    assert_eq!(
        misses(healthy.clone(), &report),
        [Miss::BlamedChange("cart@7".to_owned())]
    );
    report.changes.clear();
    assert_eq!(misses(healthy, &report), []);
}

#[test]
fn answers_that_make_no_sense_are_refused() {
    let with = |pointer: &str, value: Value| {
        let mut changed = expect();
        *changed.pointer_mut(pointer).unwrap() = value;
        Expectation::parse(changed).unwrap_err().to_string()
    };
    assert!(with("/verdict", json!("ambiguous")).contains("`cause`, `unknown` or `healthy`"));
    assert!(with("/verdict", json!("healthy")).contains("goes with the verdict `cause` only"));
    assert!(with("/root_cause", Value::Null).contains("needs a `root_cause`"));
    assert!(with("/root_cause/mechanisms", json!([])).contains("names no mechanism"));
    assert!(with("/must_not_blame/entities/0/name", json!("cart")).contains("both at fault"));
    assert!(with("/must_not_blame", json!({"entity": []})).contains("unknown field"));
    assert!(Expectation::parse(json!({"verdict": "unknown", "cited": true})).is_err());
}

#[test]
fn a_folder_that_is_read_in_part_is_no_scenario() {
    let root = tempfile::tempdir().unwrap();
    let case = root.path().join("a");
    std::fs::create_dir_all(case.join("objects")).unwrap();
    let manifest = json!({
        "version": 1, "case": "a", "cluster": "c", "collected_at": "2026-03-01T10:00:00Z",
        "window": {"start": "2026-03-01T08:00:00Z", "end": "2026-03-01T10:00:00Z"},
        "incident": {"start": "2026-03-01T09:30:00Z"},
    });
    std::fs::write(case.join("bundle.json"), manifest.to_string()).unwrap();
    let error = load_all(root.path()).unwrap_err();
    assert!(matches!(error, ScenarioError::Expectation { .. }), "{error}");
    std::fs::write(case.join("expect.json"), r#"{"verdict":"healthy"}"#).unwrap();
    assert_eq!(load_all(root.path()).unwrap()[0].name(), "a");
    std::fs::write(case.join("objects/pods.json"), "{").unwrap();
    let error = load_all(root.path()).unwrap_err();
    assert!(matches!(error, ScenarioError::Unreadable { .. }), "{error}");
    assert!(matches!(
        load_all(root.path().join("none")),
        Err(ScenarioError::Root { .. })
    ));
}
