use std::collections::BTreeSet;

use claw_core::yaml::Located;
use proptest::prelude::*;

use super::*;

#[test]
fn a_namespace_is_in_itself_and_what_names_none_may_be_in_any() {
    let place =
        |operation, kind: &str, namespace, name: &str| Request::new(operation, kind, namespace, name).place;
    let configure = Operation::Configure;
    for system in SYSTEM_NAMESPACES {
        assert_eq!(place(configure, "Namespace", None, system), Place::System);
        assert_eq!(place(configure, "Namespace", Some("shop"), system), Place::System);
        assert_eq!(
            place(configure, "Deployment", Some(system), "cart"),
            Place::System
        );
    }
    assert_eq!(place(configure, "Namespace", None, "shop"), Place::Application);
    assert_eq!(
        place(configure, "Namespace", Some("kube-system"), "shop"),
        Place::Application
    );
    for nowhere in [None, Some("")] {
        assert_eq!(place(configure, "Deployment", nowhere, "cart"), Place::System);
        assert_eq!(place(configure, "Node", nowhere, "n1"), Place::Cluster);
        assert_eq!(
            place(Operation::Notify, "Channel", nowhere, "ops"),
            Place::Cluster
        );
    }
}

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
                                        request.amounts = Amounts::Kept;
                                        request.evidence = Evidence::Enough;
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
            if operation == Operation::AdjustHpa && request.nature == Nature::Stateful {
                assert!(tier >= Tier::SyncApproval, "{}", context());
            }
            let decision = policy.decide(request);
            assert_eq!(decision.tier, tier, "{}", context());
            if operation == Operation::ChangePrivileges && tier.needs_approval() {
                assert_eq!(decision.approvers, 2, "{}", context());
            }
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
        let changes = Operation::ALL.iter().filter(|operation| {
            operation.is_told() && operation.tier() < Tier::Forbidden && operation.is_change()
        });
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
    let bounded = Policy {
        never_reduce_below: Some(Floor::default()),
        min_observation_days: Some(14),
        ..Policy::default()
    };
    for policy in Phase::ALL.iter().map(|phase| bounded.clone().with_phase(*phase)) {
        let mut visit = |policy: &Policy, request: &Request| {
            let named: Vec<_> = RULES
                .iter()
                .filter_map(|rule| Some((rule.id(), rule.judge(policy, request)?)))
                .collect();
            let tier = policy.tier(request);
            let mut highest = named.iter().filter(|(_, named)| *named == tier);
            if let (Some((only, _)), None) = (highest.next(), highest.next()) {
                deciding.insert(*only);
            }
        };
        every(|request| visit(&policy, request));
        // What only some policies ask for.
        let mut request = harmless(Operation::ChangeResources);
        request.amounts = Amounts::Below;
        visit(&policy, &request);
        request.amounts = Amounts::Kept;
        request.evidence = Evidence::Short;
        visit(&policy, &request);
        let mut policy = policy;
        policy.escalation = Some(Escalation::AlwaysHuman);
        visit(&policy, &harmless(Operation::ScaleUp));
        policy.max_actions = Some(MaxActions::ReadOnly);
        visit(&policy, &harmless(Operation::ScaleUp));
    }
    let all: BTreeSet<_> = RULES.iter().map(|rule| rule.id()).collect();
    assert_eq!(deciding, all, "a rule that never decides alone says nothing");
}

/// A request that nothing speaks against.
fn harmless(operation: Operation) -> Request {
    let mut request = Request::new(operation, "Deployment", Some("shop"), "cart");
    request.environment = Environment::Staging;
    request.criticality = Criticality::Low;
    request.nature = Nature::Stateless;
    request.activity = Activity::Idle;
    request.reach = Reach::Within;
    request.amounts = Amounts::Kept;
    request.evidence = Evidence::Enough;
    request.replicas = Some(Replicas {
        at_start: 4,
        wanted: 8,
    });
    request
}

#[test]
fn the_bounds_of_a_workflow_hold() {
    let policy = Policy::default().with_phase(Phase::Expanded);
    let mut bounds = Guardrails::default();
    let place = PLACE;
    bounds.max_actions = Some(Located {
        value: MaxActions::ReadOnly,
        place,
    });
    let read_only = policy.clone().bounded_by(&bounds);
    assert_eq!(read_only.tier(&harmless(Operation::ScaleUp)), Tier::Forbidden);
    assert_eq!(read_only.tier(&harmless(Operation::Notify)), Tier::AutoLogged);

    let mut bounds = Guardrails::default();
    bounds.escalation = Some(Located {
        value: Escalation::AlwaysHuman,
        place,
    });
    let always = policy.clone().bounded_by(&bounds);
    assert_eq!(policy.tier(&harmless(Operation::ScaleUp)), Tier::AutoLogged);
    assert_eq!(always.tier(&harmless(Operation::ScaleUp)), Tier::AsyncApproval);

    let mut floor = Floor::default();
    floor.cpu = Some("50m".parse().unwrap());
    let mut bounds = Guardrails::default();
    bounds.never_reduce_below = Some(Located { value: floor, place });
    bounds.min_observation_days = Some(Located { value: 14, place });
    bounds.excluded_namespaces = Some(Located {
        value: vec!["vault".to_owned()],
        place,
    });
    let bounded = policy.clone().bounded_by(&bounds).bounded_by(&bounds);
    assert_eq!(bounded.excluded_namespaces, ["vault"]);
    let mut request = harmless(Operation::ChangeResources);
    assert_eq!(bounded.tier(&request), Tier::AsyncApproval);
    request.amounts = Amounts::Below;
    assert_eq!(
        (bounded.tier(&request), policy.tier(&request)),
        (Tier::Forbidden, Tier::AsyncApproval)
    );
    request.amounts = Amounts::Kept;
    request.evidence = Evidence::Short;
    assert_eq!(
        (bounded.tier(&request), policy.tier(&request)),
        (Tier::Forbidden, Tier::AsyncApproval)
    );
    // Of two bounds the stricter one holds.
    let mut more = Guardrails::default();
    more.min_observation_days = Some(Located { value: 7, place });
    assert_eq!(bounded.bounded_by(&more).min_observation_days, Some(14));
}

#[test]
fn an_autoscaler_is_bounded_as_replicas_are() {
    let policy = Policy::default().with_phase(Phase::LowRiskWrites);
    let mut request = harmless(Operation::AdjustHpa);
    for (wanted, tier) in [
        (8, Tier::AsyncApproval),
        (100, Tier::AsyncApproval),
        (101, Tier::SyncApproval),
    ] {
        request.replicas = Some(Replicas { at_start: 4, wanted });
        assert_eq!(policy.tier(&request), tier, "{wanted}");
    }
    request.replicas = None;
    assert_eq!(policy.tier(&request), Tier::SyncApproval);
}

#[test]
fn what_lets_pods_do_more_takes_two_people_and_can_be_forbidden() {
    let policy = Policy::default().with_phase(Phase::Expanded);
    let decision = policy.decide(&harmless(Operation::ChangePrivileges));
    assert_eq!((decision.tier, decision.approvers), (Tier::SyncApproval, 2));
    let when = When {
        operations: vec![Operation::ChangePrivileges],
        ..When::default()
    };
    let policy = policy.with_override(Override::new("a", Tier::Forbidden, "because").when(when));
    assert_eq!(
        policy.tier(&harmless(Operation::ChangePrivileges)),
        Tier::Forbidden
    );
}

fn of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

/// Where a definition says something.
const PLACE: claw_core::yaml::Place = claw_core::yaml::Place { line: 1, column: 1 };

/// Kinds that overrides name and targets have.
const KINDS: [&str; 4] = [
    "Deployment",
    "StatefulSet",
    "HorizontalPodAutoscaler",
    "ClusterRole",
];

fn request() -> impl Strategy<Value = Request> {
    let replicas = prop::option::of((0..200_u32, 0..400_u32));
    let target = (
        prop::sample::select(vec!["shop", "pay", "kube-system"]),
        prop::sample::select(KINDS.to_vec()),
    );
    let axes = (
        of(Place::ALL),
        of(Environment::ALL),
        of(Criticality::ALL),
        of(Nature::ALL),
    );
    let moment = (
        of(Activity::ALL),
        of(Reach::ALL),
        of(Season::ALL),
        of(Amounts::ALL),
        of(Evidence::ALL),
    );
    (of(Operation::ALL), target, axes, moment, replicas).prop_map(
        |(operation, (namespace, kind), axes, moment, replicas)| {
            let mut request = Request::new(operation, kind, Some(namespace), "cart");
            (
                request.place,
                request.environment,
                request.criticality,
                request.nature,
            ) = axes;
            (
                request.activity,
                request.reach,
                request.season,
                request.amounts,
                request.evidence,
            ) = moment;
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
    let kinds = prop::collection::vec(prop::sample::select(KINDS.map(str::to_owned).to_vec()), 0..2);
    (
        some(Operation::ALL),
        some(Environment::ALL),
        some(Criticality::ALL),
        some(Nature::ALL),
        (names, kinds),
        of(&Tier::ALL),
    )
        .prop_map(
            |(operations, environments, criticalities, natures, (namespaces, kinds), tier)| {
                Override::new("any", tier, "because").when(When {
                    namespaces,
                    kinds,
                    operations,
                    environments,
                    criticalities,
                    natures,
                })
            },
        )
}

/// Every key of a policy, set to anything that programs can set it to. The labels are for properties of facts.
pub(super) fn policy() -> impl Strategy<Value = Policy> {
    let numbers = (of(Phase::ALL), 0..400_u32, 0..200_000_u32, of(&Tier::ALL));
    let bounds = (
        prop::option::of(Just(MaxActions::ReadOnly)),
        prop::option::of(Just(Escalation::AlwaysHuman)),
        prop::option::of((0..200_i64, 0..1_i64 << 30)),
        prop::option::of(0..30_u32),
    );
    let names = prop::collection::vec(
        prop::sample::select(["shop", "pay", "claw-agent"].map(str::to_owned).to_vec()),
        0..3,
    );
    let places = (
        names.clone(),
        prop::sample::select(vec!["claw", "agents", "shop"]),
        names,
    );
    let overrides = prop::collection::vec(over(), 0..6);
    (numbers, bounds, places, labels(), overrides).prop_map(
        |((phase, scale_up_percent, max_replicas, freeze), bounds, places, labels, overrides)| {
            let floor = bounds.2.map(|(cpu, memory)| {
                let mut floor = Floor::default();
                floor.cpu = Some(claw_core::quantity::Cpu(cpu));
                floor.memory = Some(claw_core::quantity::Memory(memory));
                floor
            });
            Policy {
                phase,
                scale_up_percent,
                max_replicas,
                excluded_namespaces: places.0,
                own_namespace: places.1.to_owned(),
                own_roles: places.2,
                max_actions: bounds.0,
                escalation: bounds.1,
                never_reduce_below: floor,
                min_observation_days: bounds.3,
                labels,
                freezes: Vec::new(),
                freeze,
                overrides,
            }
        },
    )
}

/// Labels that are read elsewhere too, and meanings of the usual names.
fn labels() -> impl Strategy<Value = Labels> {
    let usual = prop::sample::select(vec!["prod", "production", "staging", "dev", "test"]);
    let meanings = prop::collection::btree_map(usual.prop_map(str::to_owned), of(Environment::ALL), 0..4);
    let keys = prop::collection::vec(
        prop::sample::select(vec!["stage".to_owned(), "env".to_owned()]),
        0..2,
    );
    let own = || {
        prop::sample::select(vec![
            "claw.dev/criticality",
            "claw.dev/nature",
            "acme.example/tier",
        ])
    };
    (keys, meanings, own(), own(), of(Criticality::ALL)).prop_map(
        |(environment, environments, criticality, nature, least_criticality)| Labels {
            environment,
            environments,
            criticality: criticality.to_owned(),
            nature: nature.to_owned(),
            least_criticality,
        },
    )
}

/// The same request, and one that differs in one axis and is at least as dangerous there.
fn worse() -> impl Strategy<Value = (Request, Request)> {
    (request(), request(), 0..10_usize).prop_map(|(mut a, other, axis)| {
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
            7 => order!(amounts),
            8 => order!(evidence),
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
        other.overrides.sort_by_key(|over| (over.tier, over.when.kinds.clone()));
        prop_assert_eq!(other.tier(&request), tier);
    }

    #[test]
    fn bounds_of_a_workflow_never_loosen(policy in policy(), bounds in policy(), request in request()) {
        let place = PLACE;
        let mut guardrails = Guardrails::default();
        guardrails.max_actions = bounds.max_actions.map(|value| Located { value, place });
        guardrails.escalation = bounds.escalation.map(|value| Located { value, place });
        guardrails.never_reduce_below = bounds.never_reduce_below.map(|value| Located { value, place });
        guardrails.min_observation_days = bounds.min_observation_days.map(|value| Located { value, place });
        guardrails.excluded_namespaces = Some(Located { value: bounds.excluded_namespaces, place });
        let bounded = policy.clone().bounded_by(&guardrails);
        prop_assert!(bounded.tier(&request) >= policy.tier(&request));
        prop_assert_eq!(bounded.clone().bounded_by(&guardrails), bounded, "twice is once");
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
