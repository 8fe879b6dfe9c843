use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Requests for every combination of what rules look at. Names stand for all names: only overrides look at them.
fn every(mut visit: impl FnMut(&Request)) -> usize {
    let mut cells = 0;
    let replicas = [
        None,
        Some(Replicas {
            at_start: 4,
            wanted: 8,
        }),
        Some(Replicas {
            at_start: 4,
            wanted: 9,
        }),
        Some(Replicas {
            at_start: 90,
            wanted: 101,
        }),
    ];
    for &operation in Operation::ALL {
        for &place in Place::ALL {
            let mut request = Request::new(operation, "Deployment", Some("shop"), "cart");
            request.place = place;
            for &environment in Environment::ALL {
                for &criticality in Criticality::ALL {
                    for &nature in Nature::ALL {
                        for &activity in Activity::ALL {
                            for &reach in Reach::ALL {
                                for &season in Season::ALL {
                                    for replicas in replicas {
                                        request.environment = environment;
                                        request.criticality = criticality;
                                        request.nature = nature;
                                        request.activity = activity;
                                        request.reach = reach;
                                        request.season = season;
                                        request.replicas = replicas;
                                        visit(&request);
                                        cells += 1;
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    cells
}

#[test]
fn the_whole_table_keeps_the_invariants() {
    let mut cells = 0;
    for &phase in Phase::ALL {
        let policy = Policy::default().with_phase(phase);
        cells += every(|request| {
            let tier = policy.tier(request);
            let context = || format!("{phase} {request:?} is {tier}");
            let operation = request.operation;
            assert!(tier >= operation.tier(), "{}", context());
            if !operation.is_change() {
                assert_eq!(tier, operation.tier(), "{}", context());
                return;
            }
            if matches!(request.place, Place::System | Place::Excluded) {
                assert_eq!(tier, Tier::Forbidden, "{}", context());
            }
            if phase == Phase::Observe {
                assert_eq!(tier, Tier::Forbidden, "{}", context());
            }
            if request.environment == Environment::Production || request.season == Season::Frozen {
                assert!(tier >= Tier::AsyncApproval, "{}", context());
            }
            if operation == Operation::ScaleDown || request.reach == Reach::Beyond && operation.is_write() {
                assert!(tier >= Tier::SyncApproval, "{}", context());
            }
            if tier <= Tier::AutoLogged {
                // The one change that an agent makes by itself.
                assert_eq!(operation, Operation::ScaleUp, "{}", context());
                let replicas = request.replicas.unwrap();
                assert!(replicas.wanted <= 2 * replicas.at_start, "{}", context());
                assert_ne!(request.nature, Nature::Stateful, "{}", context());
                assert_ne!(request.criticality, Criticality::Critical, "{}", context());
            }
            let decision = policy.decide(request);
            assert_eq!(decision.tier, tier, "{}", context());
            assert_eq!(decision.approvers > 0, tier.needs_approval(), "{}", context());
        });
    }
    println!("{cells} cells");
    assert!(cells >= 100_000, "{cells}");
}

#[test]
fn the_thresholds_are_those_of_the_specification() {
    let policy = Policy::default().with_phase(Phase::LowRiskWrites);
    let mut request = Request::new(Operation::ScaleUp, "Deployment", Some("shop"), "cart");
    request.environment = Environment::Staging;
    request.criticality = Criticality::Low;
    request.nature = Nature::Stateless;
    request.reach = Reach::Within;
    for (at_start, wanted, tier) in [
        (4, 5, Tier::AutoLogged),
        (4, 8, Tier::AutoLogged),
        (4, 9, Tier::AsyncApproval),
        (0, 1, Tier::AsyncApproval),
        (50, 100, Tier::AutoLogged),
        (51, 101, Tier::AsyncApproval),
        (u32::MAX, u32::MAX, Tier::AsyncApproval),
    ] {
        request.replicas = Some(Replicas { at_start, wanted });
        assert_eq!(policy.tier(&request), tier, "{at_start} to {wanted}");
    }
    request.replicas = None;
    assert_eq!(policy.tier(&request), Tier::AsyncApproval);
    request.operation = Operation::ScaleDown;
    assert_eq!(policy.tier(&request), Tier::SyncApproval);
    request.operation = Operation::ScaleUp;
    request.replicas = Some(Replicas {
        at_start: 4,
        wanted: 5,
    });
    request.environment = Environment::Production;
    assert_eq!(policy.tier(&request), Tier::AsyncApproval);
}

#[test]
fn phases_are_the_sequence_of_the_specification() {
    let allowed = |phase: Phase| -> Vec<&str> {
        let policy = Policy::default().with_phase(phase);
        let changes = Operation::ALL
            .iter()
            .filter(|operation| operation.tier() < Tier::Forbidden && operation.is_change());
        changes
            .filter(|operation| {
                let mut request = Request::new(**operation, "Deployment", Some("shop"), "cart");
                request.activity = Activity::Idle;
                policy.tier(&request) < Tier::Forbidden
            })
            .map(|operation| operation.name())
            .collect()
    };
    assert_eq!(allowed(Phase::Observe), [""; 0]);
    assert_eq!(allowed(Phase::Recommend), ["open_pull_request"]);
    assert_eq!(
        allowed(Phase::LowRiskWrites),
        ["scale_up", "adjust_hpa", "open_pull_request", "scale_down"]
    );
    assert_eq!(allowed(Phase::Expanded).len(), 15);
}

#[test]
fn two_people_approve_what_is_decided_at_once_in_production() {
    let policy = Policy::default().with_phase(Phase::Expanded);
    let mut request = Request::new(Operation::Delete, "Deployment", Some("shop"), "cart");
    request.activity = Activity::Idle;
    let decision = policy.decide(&request);
    assert_eq!((decision.tier, decision.approvers), (Tier::SyncApproval, 2));
    request.environment = Environment::Staging;
    assert_eq!(policy.decide(&request).approvers, 1);
}

#[test]
fn rules_have_names_of_their_own() {
    let names: BTreeSet<_> = RULES.iter().map(|rule| rule.id()).collect();
    assert_eq!(names.len(), RULES.len());
}

#[test]
fn every_rule_decides_somewhere() {
    let mut deciding = BTreeSet::new();
    for &phase in Phase::ALL {
        let policy = Policy::default().with_phase(phase);
        every(|request| {
            let named: Vec<_> = RULES
                .iter()
                .filter_map(|rule| Some((rule.id(), rule.judge(&policy, request)?)))
                .collect();
            let tier = policy.tier(request);
            let mut highest = named.iter().filter(|(_, named)| *named == tier);
            if let (Some((only, _)), None) = (highest.next(), highest.next()) {
                deciding.insert(*only);
            }
        });
    }
    let all: BTreeSet<_> = RULES.iter().map(|rule| rule.id()).collect();
    assert_eq!(deciding, all, "a rule that never decides alone says nothing");
}

fn of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

fn request() -> impl Strategy<Value = Request> {
    let replicas = prop::option::of((0..200_u32, 0..400_u32));
    let target = (
        prop::sample::select(vec!["shop", "pay", "kube-system"]),
        prop::sample::select(vec!["Deployment", "StatefulSet"]),
    );
    let axes = (
        of(Place::ALL),
        of(Environment::ALL),
        of(Criticality::ALL),
        of(Nature::ALL),
    );
    let moment = (of(Activity::ALL), of(Reach::ALL), of(Season::ALL));
    (of(Operation::ALL), target, axes, moment, replicas).prop_map(
        |(operation, (namespace, kind), axes, moment, replicas)| {
            let mut request = Request::new(operation, kind, Some(namespace), "cart");
            (
                request.place,
                request.environment,
                request.criticality,
                request.nature,
            ) = axes;
            (request.activity, request.reach, request.season) = moment;
            request.replicas = replicas.map(|(at_start, wanted)| Replicas { at_start, wanted });
            request
        },
    )
}

fn some<T: Copy + PartialEq + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(of(all), 0..3)
}

fn over() -> impl Strategy<Value = Override> {
    let names = prop::collection::vec(
        prop::sample::select(vec!["shop".to_owned(), "pay".to_owned()]),
        0..2,
    );
    (
        some(Operation::ALL),
        some(Environment::ALL),
        some(Criticality::ALL),
        some(Nature::ALL),
        names,
        of(&Tier::ALL),
    )
        .prop_map(
            |(operations, environments, criticalities, natures, namespaces, tier)| {
                Override::new("any", tier, "because").when(When {
                    namespaces,
                    kinds: Vec::new(),
                    operations,
                    environments,
                    criticalities,
                    natures,
                })
            },
        )
}

fn policy() -> impl Strategy<Value = Policy> {
    (
        of(Phase::ALL),
        100..400_u32,
        1..200_u32,
        of(&Tier::ALL),
        prop::collection::vec(over(), 0..6),
    )
        .prop_map(
            |(phase, scale_up_percent, max_replicas, freeze, overrides)| Policy {
                phase,
                scale_up_percent,
                max_replicas,
                freeze,
                overrides,
                ..Policy::default()
            },
        )
}

/// The same request, and one that differs in one axis and is at least as dangerous there.
fn worse() -> impl Strategy<Value = (Request, Request)> {
    (request(), request(), 0..8_usize).prop_map(|(mut a, other, axis)| {
        let mut b = a.clone();
        macro_rules! order {
            ($field:ident) => {{
                (a.$field, b.$field) = (a.$field.min(other.$field), a.$field.max(other.$field));
            }};
        }
        match axis {
            0 => order!(environment),
            1 => order!(criticality),
            2 => order!(activity),
            3 => order!(reach),
            4 => order!(season),
            5 => order!(place),
            6 => {
                let (low, high) = (other.replicas, a.replicas);
                if let (Some(low), Some(high)) = (low, high) {
                    let at_start = low.at_start;
                    a.replicas = Some(Replicas {
                        at_start,
                        wanted: low.wanted.min(high.wanted),
                    });
                    b.replicas = Some(Replicas {
                        at_start,
                        wanted: low.wanted.max(high.wanted),
                    });
                }
            }
            _ => b.replicas = None,
        }
        (a, b)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4_000) })]

    #[test]
    fn what_is_more_dangerous_is_never_judged_more_mildly(policy in policy(), (a, b) in worse()) {
        // Overrides name values of axes, and may name the lower one only.
        let policy = Policy { overrides: Vec::new(), ..policy };
        prop_assert!(policy.tier(&a) <= policy.tier(&b), "{a:?} {b:?}");
    }

    #[test]
    fn no_policy_lets_an_agent_do_more_by_itself(policy in policy(), request in request()) {
        let policy = Policy { max_replicas: 100, ..policy };
        let built_in = Policy::default().with_phase(policy.phase).tier(&request);
        prop_assert!(policy.tier(&request) >= built_in);
    }

    #[test]
    fn an_override_never_loosens(policy in policy(), over in over(), request in request()) {
        let before = policy.tier(&request);
        prop_assert!(policy.clone().with_override(over).tier(&request) >= before);
    }

    #[test]
    fn neither_order_nor_repetition_of_overrides_counts(policy in policy(), request in request()) {
        let tier = policy.tier(&request);
        let mut other = policy.clone();
        other.overrides.reverse();
        other.overrides.extend(policy.overrides.clone());
        prop_assert_eq!(other.tier(&request), tier);
    }

    #[test]
    fn an_earlier_phase_allows_no_more(policy in policy(), request in request()) {
        let mut before = Tier::Forbidden;
        for &phase in Phase::ALL {
            let tier = policy.clone().with_phase(phase).tier(&request);
            prop_assert!(tier <= before, "{phase}");
            before = tier;
        }
    }

    #[test]
    fn reasons_and_answer_agree(policy in policy(), request in request()) {
        let decision = policy.decide(&request);
        prop_assert_eq!(decision.tier, policy.tier(&request));
        prop_assert_eq!(decision.rules.iter().map(|rule| rule.tier).max(), Some(decision.tier));
    }

    #[test]
    fn requests_read_back_as_they_were(request in request()) {
        let text = serde_json::to_string(&request).unwrap();
        prop_assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request);
    }
}
