use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::policy::Operation;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

const MINUTE: i64 = 60;

fn attempt(id: &str, name: &str) -> Attempt {
    Attempt {
        id: id.to_owned(),
        target: EntityRef::namespaced("Deployment", "shop", name),
        operations: [Operation::ScaleUp].into(),
        workflow: "scaling".to_owned(),
        tier: Tier::AutoLogged,
        moves: BTreeMap::new(),
    }
}

fn replicas(number: i64) -> Value {
    json!({"spec": {"replicas": number}})
}

fn scale(id: &str, from: i64, to: i64) -> Attempt {
    Attempt {
        moves: moves(&replicas(from), &replicas(to)),
        ..attempt(id, "cart")
    }
}

/// A breaker that has seen these writes to `cart`, each a second after the one before.
fn after(outcomes: &[(&str, Outcome)]) -> (Breaker, Settings) {
    let (mut breaker, settings) = (Breaker::new(), Settings::default());
    for ((name, outcome), second) in outcomes.iter().zip(0..) {
        let attempt = attempt(&second.to_string(), name);
        breaker.begin(&attempt, &settings, at(second)).unwrap();
        breaker.end(&attempt, *outcome, &settings, at(second));
    }
    (breaker, settings)
}

#[test]
fn a_third_failure_opens_the_circuit_of_the_object_and_no_other() {
    let failed = ("cart", Outcome::Failed);
    let (two, _) = after(&[failed; 2]);
    two.ask(&attempt("next", "cart"), at(10)).unwrap();
    let (three, _) = after(&[failed; 3]);
    let tripped = three.ask(&attempt("next", "cart"), at(10)).unwrap_err();
    assert_eq!(
        tripped.to_string(),
        "the circuit of Deployment shop/cart is open since 2027-01-15T08:00:02Z: 3 writes failed within 30m; \
         one write may try at 2027-01-15T08:15:02Z; or close the circuit"
    );
    three.ask(&attempt("next", "other"), at(10)).unwrap();
}

#[test]
fn failures_of_three_objects_open_the_circuits_around_them() {
    let failed = |name| (name, Outcome::Failed);
    let (breaker, _) = after(&[failed("a"), failed("b"), failed("c")]);
    let scopes: Vec<_> = breaker.tripped().map(|(scope, _)| scope.to_string()).collect();
    assert_eq!(
        scopes,
        [
            "the cluster",
            "namespace shop",
            "operation scale_up",
            "workflow scaling"
        ]
    );
    breaker.ask(&attempt("next", "d"), at(10)).unwrap_err();
}

#[test]
fn failures_that_lie_far_apart_open_nothing() {
    let (mut breaker, settings) = (Breaker::new(), Settings::default());
    for number in 0..10 {
        let attempt = attempt(&number.to_string(), "cart");
        let now = at(number * 16 * MINUTE);
        breaker.begin(&attempt, &settings, now).unwrap();
        breaker.end(&attempt, Outcome::Failed, &settings, now);
    }
    assert_eq!(breaker.tripped().count(), 0);
}

#[test]
fn one_regression_is_enough_for_its_surroundings_and_two_for_the_cluster() {
    let (mut breaker, settings) = (Breaker::new(), Settings::default());
    breaker.regressed(&attempt("1", "cart"), &settings, at(0));
    breaker.ask(&attempt("2", "other"), at(1)).unwrap_err();
    let mut elsewhere = attempt("3", "other");
    elsewhere.target.namespace = Some("bank".to_owned());
    elsewhere.workflow = "rightsizing".to_owned();
    elsewhere.operations = [Operation::AdjustHpa].into();
    breaker.ask(&elsewhere, at(1)).unwrap();
    breaker.regressed(&elsewhere, &settings, at(2));
    let cluster = breaker.tripped().find(|(scope, _)| **scope == Scope::Cluster);
    assert!(
        matches!(cluster, Some((_, State::Open { until: None, .. }))),
        "{cluster:?}"
    );
}

#[test]
fn what_goes_up_and_down_is_stopped_until_it_has_come_to_rest() {
    let (mut breaker, settings) = (Breaker::new(), Settings::default());
    let mut second = 0;
    let mut write = |breaker: &mut Breaker, from, to| {
        second += 10;
        let attempt = scale(&second.to_string(), from, to);
        breaker.begin(&attempt, &settings, at(second))?;
        breaker.end(&attempt, Outcome::Applied, &settings, at(second));
        Ok::<_, Box<Tripped>>(())
    };
    write(&mut breaker, 3, 5).unwrap();
    write(&mut breaker, 5, 8).unwrap();
    write(&mut breaker, 8, 6).unwrap();
    let tripped = write(&mut breaker, 6, 9).unwrap_err();
    assert_eq!(
        tripped.cause,
        Cause::Flapping {
            within: settings.flap_window
        }
    );
}

#[test]
fn a_value_that_comes_back_is_flapping_and_a_new_one_is_not() {
    let image = |tag: &str| json!({"spec": {"image": tag}});
    let write = |id: &str, from: &str, to: &str| Attempt {
        moves: moves(&image(from), &image(to)),
        ..attempt(id, "cart")
    };
    let forth = write("1", "a", "b");
    assert!(write("2", "b", "a").takes_back(&forth.moves));
    assert!(!write("2", "b", "c").takes_back(&forth.moves));
    assert!(!scale("2", 2, 1).takes_back(&forth.moves));
}

#[test]
fn a_half_open_circuit_lets_one_write_try_that_needs_no_approval() {
    let (mut breaker, settings) = after(&[("cart", Outcome::Failed); 3]);
    let now = at(2 + 15 * MINUTE);
    breaker
        .ask(&attempt("early", "cart"), at(15 * MINUTE))
        .unwrap_err();
    let risky = Attempt {
        tier: Tier::SyncApproval,
        ..attempt("risky", "cart")
    };
    let refused = breaker.begin(&risky, &settings, now).unwrap_err();
    assert!(refused.remedy.contains("needs no approval"), "{refused}");
    breaker.begin(&attempt("probe", "cart"), &settings, now).unwrap();
    let refused = breaker
        .begin(&attempt("another", "cart"), &settings, now)
        .unwrap_err();
    assert!(refused.remedy.contains("under way"), "{refused}");
    // It fails: the circuit is open for twice as long.
    breaker.end(&attempt("probe", "cart"), Outcome::Failed, &settings, now);
    let later = |minutes| now.checked_add(SignedDuration::from_mins(minutes)).unwrap();
    breaker.ask(&attempt("third", "cart"), later(29)).unwrap_err();
    breaker
        .begin(&attempt("third", "cart"), &settings, later(30))
        .unwrap();
    breaker.end(&attempt("third", "cart"), Outcome::Applied, &settings, later(30));
    assert_eq!(breaker.tripped().count(), 0);
    // And for as long as it is not quiet for a good while, the next time for four times as long.
    for number in 0..3 {
        let attempt = attempt(&format!("again-{number}"), "cart");
        breaker.begin(&attempt, &settings, later(31)).unwrap();
        breaker.end(&attempt, Outcome::Failed, &settings, later(31));
    }
    breaker
        .ask(&attempt("fourth", "cart"), later(31 + 59))
        .unwrap_err();
    breaker.ask(&attempt("fourth", "cart"), later(31 + 60)).unwrap();
}

#[test]
fn a_probe_that_is_never_heard_of_again_does_not_hold_the_circuit_for_ever() {
    let (mut breaker, settings) = after(&[("cart", Outcome::Failed); 3]);
    breaker
        .begin(&attempt("lost", "cart"), &settings, at(16 * MINUTE))
        .unwrap();
    breaker
        .ask(&attempt("next", "cart"), at(30 * MINUTE))
        .unwrap_err();
    breaker
        .begin(&attempt("next", "cart"), &settings, at(31 * MINUTE))
        .unwrap();
    // Should the lost one turn up after all, it settles nothing.
    breaker.end(
        &attempt("lost", "cart"),
        Outcome::Applied,
        &settings,
        at(32 * MINUTE),
    );
    breaker
        .ask(&attempt("more", "cart"), at(32 * MINUTE))
        .unwrap_err();
}

#[test]
fn a_backend_that_is_down_stops_everything_until_it_is_up() {
    let mut breaker = Breaker::new();
    breaker.down(Backend::Audit, "the disk is full", at(0));
    breaker.down(Backend::Audit, "the disk is still full", at(5));
    let refusal: claw_core::gate::Refusal = (*breaker.ask(&attempt("1", "cart"), at(9)).unwrap_err()).into();
    assert_eq!(refusal.rule, "breaker.backend");
    assert_eq!(
        refusal.reason,
        "the circuit of the audit log is open since 2027-01-15T08:00:00Z: it is down: the disk is full"
    );
    breaker.up(Backend::Audit);
    breaker.ask(&attempt("1", "cart"), at(10)).unwrap();
    breaker.open(Scope::Backend(Backend::Audit), "kim", "moving the disk", at(11));
    breaker.up(Backend::Audit);
    breaker.ask(&attempt("1", "cart"), at(12)).unwrap_err();
}

#[test]
fn what_a_person_opened_and_a_budget_that_was_overrun_only_a_person_closes() {
    let year = 365 * 24 * 60 * MINUTE;
    let (mut breaker, settings) = (Breaker::new(), Settings::default());
    breaker.over_budget("scaling", "10 objects in an hour", at(0));
    breaker.open(Scope::Namespace("shop".to_owned()), "kim", "release day", at(0));
    let later = at(year);
    breaker.end(&attempt("0", "x"), Outcome::Withdrawn, &settings, later);
    let refused = breaker.ask(&attempt("1", "cart"), later).unwrap_err();
    assert_eq!(refused.scope, Scope::Workflow("scaling".to_owned()));
    assert!(breaker.close(&refused.scope));
    let refused = breaker.ask(&attempt("1", "cart"), later).unwrap_err();
    assert!(
        refused.to_string().contains("kim opened it: release day"),
        "{refused}"
    );
    assert!(breaker.close(&refused.scope));
    assert!(!breaker.close(&refused.scope));
    breaker.ask(&attempt("1", "cart"), later).unwrap();
}

/// Opens the circuit of `cart` for 15 min at the second 2.
fn opened() -> (Breaker, Settings) {
    after(&[("cart", Outcome::Failed); 3])
}

#[test]
fn one_wrong_reading_of_the_clock_neither_closes_circuits_nor_keeps_them_open() {
    let decades = 70 * 365 * 24 * 60 * MINUTE;
    let (mut breaker, settings) = opened();
    // A second and a third time, for half an hour and for an hour.
    for minutes in [16, 50] {
        let attempt = attempt(&minutes.to_string(), "cart");
        breaker.begin(&attempt, &settings, at(minutes * MINUTE)).unwrap();
        breaker.end(&attempt, Outcome::Failed, &settings, at(minutes * MINUTE));
    }
    let held = |breaker: &Breaker, minutes: i64| {
        breaker
            .ask(&attempt("next", "cart"), at(minutes * MINUTE))
            .is_err()
    };
    assert!(held(&breaker, 109));
    // The other circuits hear of it as well.
    breaker.end(
        &attempt("x", "other"),
        Outcome::Failed,
        &settings,
        at(51 * MINUTE),
    );
    breaker.tick(&Settings::default(), at(decades));
    breaker.tick(&Settings::default(), at(51 * MINUTE));
    // An hour of it counts, in the other direction none.
    assert!(!held(&breaker, 52));
    let trip = |breaker: &mut Breaker, from: i64| {
        for number in 0..3 {
            let attempt = attempt(&format!("{from}-{number}"), "late");
            breaker.begin(&attempt, &settings, at(from * MINUTE)).unwrap();
            breaker.end(&attempt, Outcome::Failed, &settings, at(from * MINUTE));
        }
    };
    // What opens at the wrong time opens again in time.
    breaker.tick(&Settings::default(), at(decades));
    let wrong = decades / MINUTE;
    trip(&mut breaker, wrong);
    breaker.tick(&Settings::default(), at(60 * MINUTE));
    let late = |breaker: &Breaker, minutes: i64| {
        breaker
            .ask(&attempt("next", "late"), at(minutes * MINUTE))
            .is_err()
    };
    assert!(late(&breaker, 74));
    assert!(!late(&breaker, 75));
}

#[test]
fn a_circuit_that_is_open_for_long_is_not_closed_by_one_reading() {
    let (mut breaker, settings) = opened();
    let (mut minute, mut told) = (0, 0);
    // Probes fail until the circuit is open for hours.
    for number in 0..4 {
        minute += 16 << number;
        while told + 30 < minute {
            told += 30;
            breaker.tick(&Settings::default(), at(told * MINUTE));
        }
        let attempt = attempt(&number.to_string(), "cart");
        breaker.begin(&attempt, &settings, at(minute * MINUTE)).unwrap();
        breaker.end(&attempt, Outcome::Failed, &settings, at(minute * MINUTE));
    }
    let next = attempt("next", "cart");
    let jumped = at(minute * MINUTE + 70 * 365 * 24 * 60 * MINUTE);
    breaker.ask(&next, jumped).unwrap_err();
    breaker.begin(&next, &settings, jumped).unwrap_err();
    // And what is asked again and again gets there in its time.
    let mut hours = 0;
    while breaker
        .begin(&next, &settings, at(minute * MINUTE + hours * 60 * MINUTE))
        .is_err()
    {
        hours += 1;
        assert!(hours < 9);
    }
    assert!(hours >= 2, "{hours}");
}

#[test]
fn a_backend_that_is_down_behind_what_a_person_opened_is_down_when_it_is_closed() {
    let scope = Scope::Backend(Backend::Audit);
    let mut breaker = Breaker::new();
    breaker.down(Backend::Audit, "the disk is full", at(0));
    breaker.open(scope.clone(), "kim", "moving the disk", at(1));
    assert!(breaker.close(&scope));
    let held = breaker.ask(&attempt("1", "cart"), at(2)).unwrap_err();
    assert!(held.to_string().contains("the disk is full"), "{held}");
    // The other way round: what falls while a person holds it.
    let mut other = Breaker::new();
    other.open(scope.clone(), "kim", "moving the disk", at(1));
    other.down(Backend::Audit, "the disk is full", at(2));
    assert!(other.close(&scope));
    other.ask(&attempt("1", "cart"), at(3)).unwrap_err();
    // It is up in between: then nothing is left.
    let mut third = Breaker::new();
    third.down(Backend::Audit, "the disk is full", at(0));
    third.open(scope.clone(), "kim", "moving the disk", at(1));
    third.up(Backend::Audit);
    third.ask(&attempt("1", "cart"), at(2)).unwrap_err();
    assert!(third.close(&scope));
    third.ask(&attempt("1", "cart"), at(3)).unwrap();
    // Closed a second time, by somebody who has read why it is open, it is closed.
    assert!(breaker.close(&scope));
    breaker.ask(&attempt("1", "cart"), at(4)).unwrap();
}

#[test]
fn nothing_is_remembered_that_no_decision_rests_on() {
    let (mut breaker, settings) = (Breaker::new(), Settings::default());
    for number in 0..500 {
        let attempt = scale(&number.to_string(), number, number + 1);
        let now = at(number * 20 * MINUTE);
        breaker.begin(&attempt, &settings, now).unwrap();
        let outcome = if number % 2 == 0 {
            Outcome::Applied
        } else {
            Outcome::Failed
        };
        breaker.end(&attempt, outcome, &settings, now);
    }
    assert!(breaker.writes.len() <= 4, "{}", breaker.writes.len());
    assert!(serde_json::to_string(&breaker).unwrap().len() < 4000);
}

#[test]
fn settings_that_protect_nothing_are_refused() {
    Settings::default().check().unwrap();
    let read = |text: &str| serde_json::from_str::<Settings>(text);
    assert_eq!(
        read(r#"{"window": "45m"}"#).unwrap().window,
        SignedDuration::from_mins(45)
    );
    read(r#"{"failures": 0}"#).unwrap_err();
    read(r#"{"fialures": 1}"#).unwrap_err();
    assert_eq!(
        read(r#"{"window": "0s"}"#).unwrap().check(),
        Err(SettingsError::NoTime("window"))
    );
    assert_eq!(
        read(r#"{"open_at_most": "1m"}"#).unwrap().check(),
        Err(SettingsError::AtMostIsLess)
    );
}

/// What may happen to a breaker.
#[derive(Clone, Debug)]
enum Step {
    Write {
        name: usize,
        tier: usize,
        outcome: usize,
    },
    Regress {
        name: usize,
    },
    Person {
        open: bool,
        scope: usize,
    },
    Backend {
        up: bool,
    },
    Wait {
        seconds: i64,
    },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_usize..3, 0_usize..5, 0_usize..4).prop_map(|(name, tier, outcome)| Step::Write { name, tier, outcome }),
        1 => (0_usize..3).prop_map(|name| Step::Regress { name }),
        1 => (any::<bool>(), 0_usize..3).prop_map(|(open, scope)| Step::Person { open, scope }),
        1 => any::<bool>().prop_map(|up| Step::Backend { up }),
        // Clocks are also set back.
        3 => (-4000_i64..8000).prop_map(|seconds| Step::Wait { seconds }),
        // And jump by years, in both directions.
        1 => any::<bool>().prop_map(|ahead| Step::Wait { seconds: if ahead { YEARS } else { -YEARS } }),
        1 => Just(Step::Restart),
    ]
}

const YEARS: i64 = 10 * 365 * 24 * 60 * MINUTE;
const NAMES: [&str; 3] = ["a", "b", "c"];
const OUTCOMES: [Outcome; 4] = [
    Outcome::Applied,
    Outcome::Failed,
    Outcome::Conflict,
    Outcome::Withdrawn,
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn whatever_happens_open_circuits_hold(steps in proptest::collection::vec(step(), 1..120)) {
        let settings = Settings::default();
        let (mut breaker, mut now) = (Breaker::new(), 0);
        let scopes = [
            Scope::Cluster,
            Scope::Namespace("shop".to_owned()),
            Scope::Object(attempt("", "a").target),
        ];
        let mut by_person: BTreeSet<Scope> = BTreeSet::new();
        let mut down = false;
        for (number, step) in steps.into_iter().enumerate() {
            let cluster_was = breaker.circuits.get(&Scope::Cluster).map(|circuit| circuit.state().clone());
            let was_person = by_person.clone();
            match step {
                Step::Write { name, tier, outcome } => {
                    let attempt = Attempt { tier: Tier::ALL[tier], ..attempt(&number.to_string(), NAMES[name]) };
                    let asked = breaker.ask(&attempt, at(now));
                    let begun = breaker.begin(&attempt, &settings, at(now));
                    prop_assert_eq!(&asked, &begun, "asking and beginning agree");
                    if begun.is_ok() {
                        let held = by_person.iter().any(|scope| attempt.scopes().any(|own| own == *scope));
                        prop_assert!(!held, "a person holds it");
                        prop_assert!(!down, "a backend is down");
                        // No second probe, and nothing risky as a probe.
                        let probes = breaker.tripped().filter(|(scope, _)| attempt.scopes().any(|own| own == **scope));
                        for (_, state) in probes {
                            let is_probe = matches!(state, State::HalfOpen { probe, .. } if *probe == attempt.id);
                            prop_assert!(is_probe, "{:?}", state);
                            prop_assert!(attempt.tier <= Tier::AutoLogged);
                        }
                        breaker.end(&attempt, OUTCOMES[outcome], &settings, at(now));
                    }
                }
                Step::Regress { name } => {
                    let attempt = attempt(&number.to_string(), NAMES[name]);
                    breaker.regressed(&attempt, &settings, at(now));
                    let next = Attempt { id: "next".to_owned(), ..attempt };
                    prop_assert!(breaker.ask(&next, at(now)).is_err());
                }
                Step::Person { open: true, scope } => {
                    breaker.open(scopes[scope].clone(), "kim", "to look", at(now));
                    by_person.insert(scopes[scope].clone());
                }
                Step::Person { open: false, scope } => {
                    breaker.close(&scopes[scope]);
                    by_person.remove(&scopes[scope]);
                    continue;
                }
                Step::Backend { up } => {
                    if up { breaker.up(Backend::Approvals) } else { breaker.down(Backend::Approvals, "away", at(now)) }
                    down = !up;
                }
                Step::Wait { seconds } => now += seconds,
                Step::Restart => {
                    let kept = serde_json::to_string(&breaker).unwrap();
                    let back: Breaker = serde_json::from_str(&kept).unwrap();
                    prop_assert_eq!(&back, &breaker);
                    breaker = back;
                }
            }
            // The cluster's circuit is closed by nobody but a person.
            if let Some(State::Open { .. }) = cluster_was {
                let is = breaker.circuits.get(&Scope::Cluster).map(Circuit::state);
                let holds = matches!(is, Some(State::Open { until: None, .. }));
                prop_assert!(holds);
            }
            // No jump of the clock keeps a circuit open for longer than the settings do.
            let seen = breaker.seen.latest(Timestamp::MIN);
            for (scope, state) in breaker.tripped() {
                if let State::Open { until: Some(until), .. } = state {
                    prop_assert!(until.duration_since(seen) <= settings.open_at_most, "{scope}");
                }
            }
            for scope in &was_person {
                prop_assert!(breaker.tripped().any(|(open, _)| open == scope));
            }
        }
    }
}

#[test]
fn every_circuit_has_a_key_that_leads_back_to_it() {
    let object = |namespace: Option<&str>, kind: &str, name: &str| {
        Scope::Object(EntityRef {
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        })
    };
    let mut scopes = vec![
        Scope::Cluster,
        Scope::Namespace("shop".to_owned()),
        Scope::Workflow("change".to_owned()),
        object(Some("shop"), "Deployment", "cart"),
        object(None, "Node", "n1"),
        object(None, "ClusterRole", "system:node"),
    ];
    scopes.extend(
        crate::policy::Operation::ALL
            .iter()
            .copied()
            .map(Scope::Operation),
    );
    scopes.extend(Backend::ALL.map(Scope::Backend));
    for scope in scopes {
        assert_eq!(scope.key().parse(), Ok(scope.clone()), "{scope}");
    }
    for wrong in [
        "",
        "Cluster",
        "cluster:x",
        "namespace",
        "namespace:",
        "namespace:a b",
        "object:Pod:shop",
        "object::shop:a",
        "object:Pod:shop:",
        "operation:dance",
        "backend:disk",
        "pod:a",
    ] {
        let error = wrong.parse::<Scope>().unwrap_err().to_string();
        assert!(error.contains("write cluster, namespace:NAME"), "{error}");
    }
}
