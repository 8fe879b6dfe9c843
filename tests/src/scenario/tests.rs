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
pub(super) fn report(verdict: Verdict, entity: EntityRef, mechanism: &str, blamed: &str) -> Report {
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
fn no_hypothesis_may_speak_of_what_is_in_order() {
    let mut expected = expect();
    expected["absent"] = json!({"network_policy": "it lets web in"});
    let mut report = report(Verdict::Cause, deployment("cart"), "memory_limit", "cart@7");
    assert_eq!(misses(expected.clone(), &report), []);
    let mut unlikely = report.hypotheses[0].clone();
    unlikely.mechanism = "network_policy".to_owned();
    unlikely.confidence = 0.01;
    report.hypotheses.push(unlikely);
    let found: Vec<String> = misses(expected, &report)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        found,
        ["network_policy of Deployment shop/cart is among the hypotheses; but it lets web in"]
    );
}

#[test]
fn a_decoy_may_be_thought_of_and_not_be_likely() {
    let decoy = json!({"application_crash": "it crashed nine days ago"});
    let mut expected = expect();
    expected["decoys"] = decoy.clone();
    let mut second = report(Verdict::Cause, deployment("cart"), "memory_limit", "cart@7");
    let mut other = second.hypotheses[0].clone();
    other.mechanism = "application_crash".to_owned();
    other.confidence = 0.34;
    second.hypotheses.push(other);
    assert_eq!(misses(expected.clone(), &second), []);
    second.hypotheses[1].confidence = 0.35;
    let found: Vec<String> = misses(expected, &second)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        found,
        [
            "application_crash of Deployment shop/cart is the first or a likely hypothesis; but it crashed nine days ago"
        ]
    );
    // Unlikely as it is, it comes first.
    let mut first = report(
        Verdict::Healthy,
        deployment("cart"),
        "application_crash",
        "cart@7",
    );
    first.changes.clear();
    first.hypotheses[0].confidence = 0.1;
    let healthy = json!({"verdict": "healthy", "decoys": decoy});
    assert!(matches!(&*misses(healthy, &first), [Miss::TakenIn { .. }]));
}

#[test]
fn counterexamples_that_make_no_sense_are_refused() {
    let with = |absent: Value, decoys: Value| {
        let mut changed = expect();
        changed["absent"] = absent;
        changed["decoys"] = decoys;
        Expectation::parse(changed).map_err(|error| error.to_string())
    };
    assert!(with(json!({"a": "x"}), json!({"b": "y"})).is_ok());
    let error = with(json!({"memory_limit": "x"}), json!({})).unwrap_err();
    assert!(error.contains("a mechanism that is right"), "{error}");
    let error = with(json!({}), json!({"memory_limit": "x"})).unwrap_err();
    assert!(error.contains("a mechanism that is right"), "{error}");
    let error = with(json!({"a": "x"}), json!({"a": "x"})).unwrap_err();
    assert!(error.contains("both in `absent` and in `decoys`"), "{error}");
    let error = with(json!({"a": " "}), json!({})).unwrap_err();
    assert!(error.contains("what is there"), "{error}");
    assert!(with(json!(["a"]), json!({})).is_err());
}

#[test]
fn a_draft_claims_no_counterexamples() {
    let drafted = super::draft(&report(
        Verdict::Cause,
        deployment("cart"),
        "memory_limit",
        "cart@7",
    ));
    assert!(drafted.draft && drafted.absent.is_empty() && drafted.decoys.is_empty());
    let written = serde_json::to_value(&drafted).unwrap();
    assert!(written.get("absent").is_none() && written.get("decoys").is_none());
    assert_eq!(Expectation::parse(written).unwrap(), drafted);
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
