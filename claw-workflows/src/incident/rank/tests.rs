use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_core::evidence::{Evidence, Severity, Source};
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn workload(name: &str) -> EntityRef {
    EntityRef::namespaced("Deployment", "shop", name)
}

fn seen(entity: &EntityRef, text: &str) -> Vec<Evidence> {
    vec![Evidence::new(
        entity.clone(),
        Some(at(0)),
        text,
        Source::object(entity),
        "get_pods",
        text.as_bytes(),
    )]
}

fn symptom(entity: &EntityRef, since: i64) -> Symptom {
    Symptom {
        id: "workload.short",
        entity: entity.clone(),
        severity: Severity::Critical,
        since: Some(at(since)),
        statement: "0 of 2 pods are ready".to_owned(),
        evidence: seen(entity, "short"),
    }
}

fn candidate(mechanism: &'static str, name: &str, weight: f64, since: i64) -> Candidate {
    let entity = workload(name);
    let evidence = seen(&entity, mechanism);
    Candidate::new(mechanism, entity, "cause")
        .clue("seen", weight, evidence)
        .since(Some(at(since)))
}

/// `front` calls `back`.
fn two_tiers() -> FailureGraph {
    let mut graph = FailureGraph::default();
    graph.connect(&workload("back"), &workload("front"));
    graph
}

fn first(candidates: Vec<Candidate>, subject: &[EntityRef], symptoms: &[Symptom]) -> Vec<Ranked> {
    let graph = two_tiers();
    let field = Field {
        measured_only: false,
        subject,
        symptoms,
        graph: &graph,
        changes: &[],
        onset: Some(at(0)),
    };
    rank(candidates, field, &Weights::default())
}

#[test]
fn a_victim_that_shouts_louder_is_explained_by_its_cause() {
    let subject = [workload("front")];
    let symptoms = [symptom(&workload("front"), 0), symptom(&workload("back"), -60)];
    let loud = candidate("application_crash", "front", 3.2, 0).derived(0.8);
    let quiet = candidate("memory_limit", "back", 3.0, -60);
    let ranked = first(vec![loud, quiet], &subject, &symptoms);
    assert_eq!(ranked[0].hypothesis.entity, workload("back"));
    assert_eq!(
        ranked[1].explained_by,
        Some(("memory_limit".to_owned(), workload("back")))
    );
}

#[test]
fn a_fault_of_its_own_is_not_explained_away() {
    let subject = [workload("front")];
    let symptoms = [symptom(&workload("front"), 0)];
    let own = candidate("image_pull", "front", 4.5, -30);
    let other = candidate("memory_limit", "back", 2.0, -60);
    let ranked = first(vec![own, other], &subject, &symptoms);
    assert_eq!(ranked[0].hypothesis.mechanism, "image_pull");
    assert_eq!(ranked[0].explained_by, None);
}

#[test]
fn surer_trouble_elsewhere_is_no_answer_beside_a_likely_one() {
    let subject = [workload("front")];
    let symptoms = [symptom(&workload("front"), 0), symptom(&workload("elsewhere"), 0)];
    let own = candidate("image_pull", "front", 3.0, 0);
    let elsewhere = candidate("cpu_contention", "elsewhere", 12.0, 0);
    let ranked = first(vec![own, elsewhere.clone()], &subject, &symptoms);
    assert_eq!(ranked[0].hypothesis.mechanism, "image_pull");
    let sum: f64 = ranked.iter().map(|found| found.hypothesis.confidence).sum();
    assert!(sum <= 1.001, "one alert has one cause: {sum}");
    // What only says that the alerting entity is unwell answers nothing.
    let unwell = candidate("slow", "front", 3.0, 0).general();
    let ranked = first(vec![unwell, elsewhere.clone()], &subject, &symptoms);
    assert_eq!(ranked[0].hypothesis.mechanism, "cpu_contention");
    // Beside nothing likely it stays what is known best.
    let unlikely = candidate("image_pull", "front", -3.0, 0);
    let ranked = first(vec![unlikely, elsewhere], &subject, &symptoms);
    assert_eq!(ranked[0].hypothesis.mechanism, "cpu_contention");
}

#[test]
fn what_began_after_the_trouble_did_not_cause_it() {
    let subject = [workload("front")];
    let symptoms = [symptom(&workload("front"), 0)];
    let late = candidate("memory_limit", "back", 3.5, 900);
    let early = candidate("crash", "front", 3.0, -10);
    let ranked = first(vec![late, early], &subject, &symptoms);
    assert_eq!(ranked[0].hypothesis.mechanism, "crash");
    let late = ranked
        .iter()
        .find(|r| r.hypothesis.mechanism == "memory_limit")
        .unwrap();
    assert!(
        late.hypothesis
            .terms
            .iter()
            .any(|term| term.name == "began after the symptoms")
    );
}

#[test]
fn a_cause_without_evidence_of_its_mechanism_is_never_sure() {
    let entity = workload("front");
    let bare = Candidate::new("guess", entity.clone(), "a guess").clue("circumstance", 9.0, Vec::new());
    let ranked = first(vec![bare], std::slice::from_ref(&entity), &[symptom(&entity, 0)]);
    assert!(ranked[0].hypothesis.confidence <= Weights::default().cap_without_mechanism);
}

#[test]
fn two_independent_faults_may_both_be_certain() {
    let (a, b) = (workload("a"), workload("b"));
    let graph = FailureGraph::default();
    let symptoms = [symptom(&a, 0), symptom(&b, 0)];
    let field = Field {
        measured_only: false,
        subject: &[],
        symptoms: &symptoms,
        graph: &graph,
        changes: &[],
        onset: None,
    };
    let ranked = rank(
        vec![
            candidate("image_pull", "a", 4.5, 0),
            candidate("memory_limit", "b", 4.5, 0),
        ],
        field,
        &Weights::default(),
    );
    assert!(
        ranked.iter().all(|ranked| ranked.hypothesis.confidence > 0.6),
        "{ranked:#?}"
    );
}

#[test]
fn a_change_just_before_the_onset_counts_and_one_after_it_speaks_against() {
    let entity = workload("front");
    let change = |reference: &str, time: i64| Change {
        reference: reference.to_owned(),
        time: at(time),
        kind: ChangeKind::Deploy,
        entity: entity.clone(),
        summary: "rollout".to_owned(),
        detail: Vec::new(),
        author: None,
    };
    let changes = [change("before", -60), change("after", 600)];
    let graph = FailureGraph::default();
    let symptoms = [symptom(&entity, 0)];
    let subject = [entity.clone()];
    let field = Field {
        measured_only: false,
        subject: &subject,
        symptoms: &symptoms,
        graph: &graph,
        changes: &changes,
        onset: Some(at(0)),
    };
    let term = |reference: &str| {
        let candidate = Candidate::new("crash", entity.clone(), "c")
            .clue("seen", 2.0, seen(&entity, "x"))
            .brought_by(Some(reference));
        let ranked = rank(vec![candidate], field, &Weights::default());
        ranked[0]
            .hypothesis
            .terms
            .iter()
            .find(|term| term.name.starts_with("changed"))
            .map_or(0.0, |term| term.log_odds)
    };
    assert!(term("before") > 0.5);
    assert!(term("after") < 0.0);
    assert_eq!(term("unknown"), 0.0);
}

#[test]
fn a_second_fault_of_the_same_kind_keeps_its_cause_and_its_advice() {
    let entity = workload("front");
    let missing = |name: &str, other: &'static str| {
        Candidate::new("config_missing", entity.clone(), format!("{name} is missing"))
            .aspect(name)
            .clue("seen", 4.0, seen(&entity, name))
            .clue(other, 2.0, seen(&entity, other))
            .advise(Advice::new(format!("Create {name}"), "it is missing"))
    };
    let ranked = first(
        vec![
            missing("b", "second"),
            missing("a", "first"),
            missing("a", "first"),
        ],
        std::slice::from_ref(&entity),
        &[symptom(&entity, 0)],
    );
    assert_eq!(ranked.len(), 1);
    let hypothesis = &ranked[0].hypothesis;
    assert_eq!(hypothesis.cause, "a is missing; also: b is missing");
    let titles: Vec<&str> = ranked[0]
        .advice
        .iter()
        .map(|advice| advice.title.as_str())
        .collect();
    assert_eq!(titles, ["Create a", "Create b"]);
    assert_eq!(hypothesis.evidence.len(), 4);
    let weight = |name: &str| {
        hypothesis
            .terms
            .iter()
            .find(|term| term.name == name)
            .map(|term| term.log_odds)
    };
    assert_eq!((weight("first"), weight("second")), (Some(2.0), Some(0.5)));
}

#[test]
fn what_began_long_before_gets_nothing_for_being_first() {
    let entity = workload("front");
    let term = |since: i64| {
        let ranked = first(
            vec![candidate("memory_limit", "front", 3.5, since)],
            std::slice::from_ref(&entity),
            &[symptom(&entity, 0)],
        );
        let terms = &ranked[0].hypothesis.terms;
        terms.iter().any(|term| term.name == "began before the symptoms")
    };
    assert!(term(-600));
    assert!(!term(-40 * 86_400));
}

#[test]
fn scores_beyond_measure_do_not_make_sure() {
    let entity = workload("front");
    let ranked = first(
        vec![
            candidate("a", "front", f64::NAN, 0),
            candidate("b", "front", 1e6, 0),
            candidate("c", "front", 1e6, 0),
        ],
        std::slice::from_ref(&entity),
        &[symptom(&entity, 0)],
    );
    let confidence = |mechanism: &str| {
        let found = ranked
            .iter()
            .find(|ranked| ranked.hypothesis.mechanism == mechanism);
        found.unwrap().hypothesis.confidence
    };
    assert_eq!(
        (confidence("a"), confidence("b"), confidence("c")),
        (0.0, 0.5, 0.5)
    );
}

#[test]
fn the_terms_add_up_to_the_score() {
    let entity = workload("front");
    let ranked = first(
        vec![candidate("crash", "front", 2.0, -5)],
        std::slice::from_ref(&entity),
        &[symptom(&entity, 0)],
    );
    let sum: f64 = ranked[0].hypothesis.terms.iter().map(|term| term.log_odds).sum();
    assert!((sum - ranked[0].score).abs() < 1e-9);
}

#[test]
fn ways_in_which_an_entity_is_in_trouble_are_one_hypothesis() {
    let front = workload("front");
    let ranked = first(
        vec![
            candidate("latency_degradation", "front", 3.0, 0).general(),
            candidate("cpu_contention", "front", 4.0, 0).general(),
            candidate("error_degradation", "back", 1.0, 0).general(),
            candidate("memory_limit", "front", 0.5, -9000),
        ],
        std::slice::from_ref(&front),
        &[symptom(&front, 0)],
    );
    let names: Vec<(&str, &str)> = ranked
        .iter()
        .map(|ranked| {
            (
                ranked.hypothesis.entity.name.as_str(),
                ranked.hypothesis.mechanism.as_str(),
            )
        })
        .collect();
    assert_eq!(
        names,
        [
            ("front", "cpu_contention"),
            ("front", "memory_limit"),
            ("back", "error_degradation")
        ]
    );
}

#[test]
fn a_fault_takes_the_place_of_what_the_metrics_show_since_it_began() {
    let front = workload("front");
    let first_of = |fault_since: i64| {
        let general = candidate("error_degradation", "front", 4.0, 0)
            .general()
            .derived(0.8);
        let fault = candidate("authentication_failed", "front", 0.8, fault_since);
        let ranked = first(
            vec![general, fault],
            std::slice::from_ref(&front),
            &[symptom(&front, 0)],
        );
        ranked[0].hypothesis.mechanism.clone()
    };
    assert_eq!(first_of(0), "authentication_failed");
    assert_eq!(first_of(-300), "authentication_failed");
    // It went on for an hour before, and came only later.
    assert_eq!(first_of(-3600), "error_degradation");
    assert_eq!(first_of(300), "error_degradation");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn who_ranks_before_is_no_less_sure(
        weights in proptest::collection::vec(
            (0_usize..4, 0_usize..3, -2.0..5.0_f64, -300_i64..300, 0.0..1.0_f64, any::<bool>()), 1..8),
        alerts in 0_usize..3,
    ) {
        const MECHANISMS: [&str; 4] = ["a", "b", "c", "d"];
        const NAMES: [&str; 3] = ["front", "back", "other"];
        let candidates = weights
            .iter()
            .map(|&(mechanism, name, weight, since, derived, general)| {
                let made = candidate(MECHANISMS[mechanism], NAMES[name], weight, since).derived(derived);
                if general { made.general() } else { made }
            })
            .collect();
        let subject: Vec<EntityRef> = NAMES.iter().take(alerts).map(|name| workload(name)).collect();
        let symptoms = [symptom(&workload("front"), 0), symptom(&workload("other"), 60)];
        let ranked = first(candidates, &subject, &symptoms);
        for (place, pair) in ranked.windows(2).enumerate() {
            prop_assert!(pair[0].hypothesis.confidence >= pair[1].hypothesis.confidence);
            prop_assert_eq!(pair[0].hypothesis.rank as usize, place + 1);
        }
    }

    #[test]
    fn the_order_of_candidates_does_not_matter(
        weights in proptest::collection::vec((0_usize..4, 0_usize..3, -2.0..5.0_f64, -300_i64..300, 0.0..1.0_f64), 1..8),
        seed in any::<u64>(),
    ) {
        const MECHANISMS: [&str; 4] = ["a", "b", "c", "d"];
        const NAMES: [&str; 3] = ["front", "back", "other"];
        let make = |order: &[usize]| -> Vec<Candidate> {
            order
                .iter()
                .map(|&index| {
                    let (mechanism, name, weight, since, derived) = weights[index];
                    candidate(MECHANISMS[mechanism], NAMES[name], weight, since).derived(derived)
                })
                .collect()
        };
        let forward: Vec<usize> = (0..weights.len()).collect();
        let mut shuffled = forward.clone();
        shuffled.sort_by_key(|index| (*index as u64).wrapping_mul(seed | 1).rotate_left(17));
        let subject = [workload("front")];
        let symptoms = [symptom(&workload("front"), 0)];
        let names = |ranked: Vec<Ranked>| -> Vec<(String, EntityRef)> {
            ranked.into_iter().map(|r| (r.hypothesis.mechanism, r.hypothesis.entity)).collect()
        };
        prop_assert_eq!(
            names(first(make(&forward), &subject, &symptoms)),
            names(first(make(&shuffled), &subject, &symptoms))
        );
    }
}

#[test]
fn only_where_nothing_but_series_is_known_does_the_way_to_the_alert_say_nothing() {
    let alerting = workload("front");
    let mut graph = FailureGraph::default();
    graph.insert(&alerting);
    graph.insert(&workload("aside"));
    let terms = |name: &str, measured_only| -> Vec<String> {
        let field = Field {
            subject: std::slice::from_ref(&alerting),
            measured_only,
            symptoms: &[],
            graph: &graph,
            changes: &[],
            onset: None,
        };
        let candidates = vec![candidate("cpu_contention", name, 2.0, 0).general()];
        let ranked = rank(candidates, field, &Weights::default()).remove(0);
        ranked
            .hypothesis
            .terms
            .into_iter()
            .map(|term| term.name)
            .collect()
    };
    let has = |terms: Vec<String>, name: &str| terms.iter().any(|term| term == name);
    assert!(has(terms("front", false), "explains the alert"));
    assert!(
        has(terms("front", true), "explains the alert"),
        "it is the alerting entity itself"
    );
    assert!(has(terms("aside", false), "does not explain the alert"));
    assert!(!has(terms("aside", true), "does not explain the alert"));
}
