use proptest::prelude::*;

use super::*;
use crate::entity::EntityRef;
use crate::evidence::{Source, SourceKind};

fn evidence(statement: &str) -> Evidence {
    let entity = EntityRef::namespaced("Pod", "shop", "cart-1");
    Evidence::new(
        entity,
        None,
        statement,
        Source::new(SourceKind::Log, "shop/cart-1/app"),
        "get_pod_logs",
        b"raw",
    )
}

fn hypothesis(rank: u32, confidence: f64) -> Hypothesis {
    Hypothesis {
        rank,
        entity: EntityRef::namespaced("Deployment", "shop", format!("cause-{rank}")),
        cause: format!("cause {rank}"),
        mechanism: "test".to_owned(),
        confidence,
        terms: Vec::new(),
        evidence: vec![evidence(&format!("shows {rank}")).id],
        against: Vec::new(),
        unseen: Vec::new(),
        explains: Vec::new(),
    }
}

fn question(confidences: &[f64], offers: Vec<Offer>, calls: u32) -> Question {
    Question {
        goal: "why?".to_owned(),
        evidence: (1..9).map(|rank| evidence(&format!("shows {rank}"))).collect(),
        hypotheses: (1..)
            .zip(confidences)
            .map(|(rank, confidence)| hypothesis(rank, *confidence))
            .collect(),
        offers,
        budget: Budget {
            calls,
            time: Duration::from_secs(1),
        },
    }
}

fn offer(id: &str, likelihoods: &[f64]) -> Offer {
    (1..)
        .zip(likelihoods)
        .fold(Offer::new(id, "tool", "is it so?"), |offer, (rank, p)| {
            offer.expecting(rank, *p)
        })
}

fn observed(thought: &Thought) -> Option<&str> {
    match thought {
        Thought::Observe(ids) => ids.first().map(String::as_str),
        Thought::Conclude(_) => None,
    }
}

fn verdict(thought: &Thought) -> Option<Verdict> {
    match thought {
        Thought::Conclude(conclusion) => Some(conclusion.verdict),
        Thought::Observe(_) => None,
    }
}

#[test]
fn asks_what_tells_the_best_apart() {
    let offers = vec![
        offer("says nothing", &[0.7, 0.7, 0.7]),
        offer("tells the third", &[0.5, 0.5, 0.9]),
        offer("tells the first two", &[0.95, 0.05, 0.5]),
    ];
    let question = question(&[0.45, 0.4, 0.05], offers, 3);
    assert_eq!(
        observed(&RuleReasoner::default().decide(&question)),
        Some("tells the first two")
    );
}

#[test]
fn asks_on_where_nothing_is_probable() {
    let reasoner = RuleReasoner::default();
    let tells = || vec![offer("tells", &[0.9])];
    // That nothing explains it is all that is known.
    let unlikely = question(&[0.13], tells(), 4);
    assert_eq!(observed(&reasoner.decide(&unlikely)), Some("tells"));
    let sure = question(&[0.95], tells(), 4);
    assert_eq!(verdict(&reasoner.decide(&sure)), Some(Verdict::Cause));
}

#[test]
fn prefers_two_cheap_observations_to_a_dear_one() {
    let dear = Offer {
        calls: 10,
        ..offer("dear", &[1.0, 0.0])
    };
    let question = question(&[0.45, 0.45], vec![dear, offer("cheap", &[0.8, 0.2])], 10);
    assert_eq!(
        observed(&RuleReasoner::default().decide(&question)),
        Some("cheap")
    );
}

#[test]
fn a_sure_test_of_two_equal_causes_is_worth_one_bit() {
    let question = question(&[0.5, 0.5], vec![offer("a", &[1.0, 0.0])], 1);
    assert!((RuleReasoner::gain(&question, &question.offers[0]) - 1.0).abs() < 1e-12);
}

#[test]
fn concludes_when_there_is_nothing_to_ask_with() {
    let offers = vec![offer("a", &[1.0, 0.0])];
    let reasoner = RuleReasoner::default();
    assert_eq!(
        verdict(&reasoner.decide(&question(&[0.45, 0.45], offers.clone(), 0))),
        Some(Verdict::Ambiguous)
    );
    let mut late = question(&[0.45, 0.45], offers.clone(), 5);
    late.budget.time = Duration::ZERO;
    assert_eq!(verdict(&reasoner.decide(&late)), Some(Verdict::Ambiguous));
    assert_eq!(
        verdict(&reasoner.decide(&question(&[0.9, 0.05], offers, 5))),
        Some(Verdict::Cause)
    );
    assert_eq!(
        verdict(&reasoner.decide(&question(&[0.45, 0.45], vec![offer("b", &[0.6, 0.6])], 5))),
        Some(Verdict::Ambiguous)
    );
    assert_eq!(
        verdict(&reasoner.decide(&question(&[0.1, 0.05], Vec::new(), 5))),
        Some(Verdict::Unknown)
    );
    assert_eq!(
        verdict(&reasoner.decide(&question(&[], Vec::new(), 5))),
        Some(Verdict::Unknown)
    );
}

#[test]
fn claims_only_what_it_can_show() {
    let question = question(&[0.9, 0.05], Vec::new(), 0);
    let thought = RuleReasoner::default().decide(&question);
    assert_eq!(validate(&thought, &question), Ok(()));
    let Thought::Conclude(conclusion) = thought else {
        panic!()
    };
    assert_eq!(conclusion.claims.len(), 1);
    assert_eq!(conclusion.claims[0].statement, "cause 1");
}

#[test]
fn refuses_thoughts_that_do_not_fit() {
    let question = question(
        &[0.5, 0.4],
        vec![
            offer("a", &[1.0, 0.0]),
            Offer {
                calls: 2,
                ..offer("b", &[1.0, 0.0])
            },
        ],
        2,
    );
    let observe = |ids: &[&str]| Thought::Observe(ids.iter().map(|id| (*id).to_owned()).collect());
    assert_eq!(validate(&observe(&["b"]), &question), Ok(()));
    assert_eq!(validate(&observe(&[]), &question), Err(InvalidThought::Nothing));
    assert_eq!(
        validate(&observe(&["kubectl delete"]), &question),
        Err(InvalidThought::UnknownOffer {
            id: "kubectl delete".into()
        })
    );
    assert_eq!(
        validate(&observe(&["a", "b"]), &question),
        Err(InvalidThought::OverBudget { calls: 3, budget: 2 })
    );

    let claim = |evidence: Vec<EvidenceId>| Conclusion {
        verdict: Verdict::Cause,
        claims: vec![Claim {
            statement: "so".into(),
            evidence,
        }],
    };
    let known = evidence("shows 1").id;
    let made_up = evidence("never seen").id;
    assert_eq!(
        validate_citations(&claim(vec![known.clone()]), &question.evidence),
        Ok(())
    );
    assert!(matches!(
        validate_citations(&claim(vec![]), &question.evidence),
        Err(InvalidThought::Uncited { .. })
    ));
    let error = validate_citations(&claim(vec![known, made_up.clone()]), &question.evidence).unwrap_err();
    assert_eq!(
        error,
        InvalidThought::UnknownEvidence {
            statement: "so".into(),
            id: made_up
        }
    );
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![8 => 0.0..=1.0_f64, 1 => Just(0.0), 1 => Just(1.0), 1 => prop::num::f64::ANY]
}

fn questions() -> impl Strategy<Value = Question> {
    let offer = (prop::collection::vec(number(), 0..5), number(), 0..4_u32);
    (
        prop::collection::vec(number(), 0..5),
        prop::collection::vec(offer, 0..6),
        0..4_u32,
    )
        .prop_map(|(confidences, offers, calls)| {
            let offers = offers
                .into_iter()
                .enumerate()
                .map(|(index, (likelihoods, otherwise, calls))| Offer {
                    otherwise,
                    calls,
                    ..offer_of(index, &likelihoods)
                });
            question(&confidences, offers.collect(), calls)
        })
}

fn offer_of(index: usize, likelihoods: &[f64]) -> Offer {
    offer(&format!("offer-{index}"), likelihoods)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn answers_fit_the_question(question in questions()) {
        let thought = RuleReasoner::default().decide(&question);
        prop_assert_eq!(validate(&thought, &question), Ok(()));
    }

    #[test]
    fn gains_are_between_nothing_and_one_bit(question in questions()) {
        for offer in &question.offers {
            let gain = RuleReasoner::gain(&question, offer);
            prop_assert!((0.0..=1.0 + 1e-9).contains(&gain), "{}", gain);
        }
    }

    #[test]
    fn the_order_of_offers_and_hypotheses_does_not_matter(question in questions(), seed in 0..7_usize) {
        let mut shuffled = question.clone();
        shuffled.offers.reverse();
        let places = shuffled.offers.len().max(1);
        shuffled.offers.rotate_left(seed % places);
        shuffled.hypotheses.reverse();
        let reasoner = RuleReasoner::default();
        prop_assert_eq!(reasoner.decide(&question), reasoner.decide(&shuffled));
    }

    #[test]
    fn concludes_when_no_offer_helps(confidences in prop::collection::vec(0.0..1.0_f64, 0..5), same in 0.0..1.0_f64) {
        let useless = Offer { otherwise: same, ..offer("a", &vec![same; confidences.len()]) };
        let question = question(&confidences, vec![useless], 9);
        prop_assert!(verdict(&RuleReasoner::default().decide(&question)).is_some());
    }
}
