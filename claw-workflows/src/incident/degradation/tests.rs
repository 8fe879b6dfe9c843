use claw_metrics::classify::{BadDirection, Classification, Kind, Stat};
use claw_metrics::signal::{Direction, Shape};

use super::own::INCOMPARABLE;
use super::*;
use crate::incident::units;

fn service(name: &str) -> EntityRef {
    EntityRef::namespaced("Service", "shop", name)
}

fn signal(name: &str, measure: Measure, unit: MetricUnit, from: f64, to: f64) -> Signal {
    Signal {
        entity: service(name),
        peer: None,
        related: Vec::new(),
        metric: format!("{name}_{measure:?}"),
        label: format!("{name}_{measure:?}"),
        source: format!("{name}_{measure:?}"),
        measure,
        classification: Classification {
            measure,
            stat: Stat::Mean,
            kind: Kind::Gauge,
            bad_direction: BadDirection::Up,
            unit,
        },
        direction: Direction::Up,
        shape: Shape::Shift,
        harmful: true,
        onset: None,
        onset_uncertainty: 0.0,
        score: 20.0,
        baseline: from,
        observed: to,
        ratio: to / from,
        baseline_samples: 60,
        incident_samples: 30,
    }
}

#[test]
fn a_node_that_uses_a_part_of_one_processor_is_not_short_of_any() {
    let found = |unit: MetricUnit, from: f64, to: f64| {
        let node = EntityRef::cluster("Node", "n1");
        let used = [Signal {
            entity: node,
            ..signal("n1", Measure::Cpu, unit, from, to)
        }];
        let unit_of = |entity: &EntityRef| entity.clone();
        let strains = Strains {
            units: units::units(&used, &unit_of),
            edges: BTreeMap::new(),
            callees: BTreeMap::new(),
            counted: BTreeMap::new(),
            measured: BTreeSet::new(),
        };
        strains.suspects().len()
    };
    assert_eq!(found(MetricUnit::Cores, 0.01, 0.485), 0);
    assert_eq!(found(MetricUnit::Seconds, 0.01, 0.485), 0);
    assert_eq!(found(MetricUnit::Millicores, 10.0, 485.0), 0);
    assert_eq!(found(MetricUnit::Cores, 0.5, 3.9), 1);
    assert_eq!(found(MetricUnit::Ratio, 0.1, 0.98), 1);
}

/// The clue of `front`, which calls `back`, that says how much of the trouble is its own, with what shows it.
fn own(signals: &[Signal], mechanism: &str, clue: &str) -> (f64, Vec<String>, bool) {
    let unit_of = |entity: &EntityRef| entity.clone();
    let strains = Strains {
        units: units::units(signals, &unit_of),
        edges: units::edges(signals, &unit_of),
        callees: units::callees([(service("front"), service("back"))], &unit_of),
        counted: units::callees([(service("front"), service("back"))], &unit_of),
        measured: BTreeSet::new(),
    };
    let suspects = strains.suspects();
    let found = suspects
        .iter()
        .map(|suspect| &suspect.candidate)
        .find(|candidate| candidate.entity == service("front") && candidate.mechanism == mechanism)
        .unwrap();
    let clue = found.clues.iter().find(|known| known.name == clue).unwrap();
    let cited = clue
        .evidence
        .iter()
        .map(|evidence| evidence.source.locator.clone())
        .collect();
    (
        clue.log_odds,
        cited,
        found.unseen.iter().any(|what| what == INCOMPARABLE),
    )
}

#[test]
fn lateness_is_compared_in_seconds_whatever_the_metrics_count_in() {
    let latency = |name, unit, to| signal(name, Measure::Latency, unit, 0.0, to);
    let share = |front: (MetricUnit, f64), back: (MetricUnit, f64)| {
        let signals = [
            latency("front", front.0, front.1),
            latency("back", back.0, back.1),
        ];
        own(&signals, "latency_degradation", "slowness of its own").0
    };
    let inherited = share((MetricUnit::Milliseconds, 500.0), (MetricUnit::Seconds, 0.5));
    assert!((inherited + 1.0).abs() < 1e-9);
    let alone = share((MetricUnit::Seconds, 0.5), (MetricUnit::Milliseconds, 5.0));
    assert!(alone > 1.4, "{alone}");
    let half = share((MetricUnit::Seconds, 1.0), (MetricUnit::Microseconds, 500_000.0));
    assert!((half - 0.25).abs() < 1e-9);
}

#[test]
fn memory_that_is_used_for_the_first_time_is_no_shortage() {
    let of = |signals: &[Signal]| -> Vec<&'static str> {
        let strains = Strains {
            units: units::units(signals, &EntityRef::clone),
            edges: BTreeMap::new(),
            callees: BTreeMap::new(),
            counted: BTreeMap::new(),
            measured: BTreeSet::new(),
        };
        let suspects = strains.suspects();
        suspects
            .iter()
            .map(|suspect| suspect.candidate.mechanism)
            .collect()
    };
    let memory = |unit, from, to| signal("front", Measure::Memory, unit, from, to);
    let begun = memory(MetricUnit::Bytes, 0.0, 253e6);
    assert_eq!(of(std::slice::from_ref(&begun)), [""; 0]);
    let grown = memory(MetricUnit::Bytes, 100e6, 253e6);
    assert_eq!(of(&[begun, grown]), ["memory_pressure"]);
    // Pages that are fetched again, or waiting for memory: there is none of that where there is enough.
    let waiting = memory(MetricUnit::Ratio, 0.0, 0.4);
    assert_eq!(of(&[waiting]), ["memory_pressure"]);
}

#[test]
fn shares_and_counts_of_failures_are_not_compared() {
    let errors = |name, unit, to| signal(name, Measure::Errors, unit, 0.0, to);
    let signals = [
        errors("front", MetricUnit::Ratio, 0.4),
        errors("back", MetricUnit::PerSecond, 12.0),
    ];
    let (weight, _, incomparable) = own(&signals, "error_degradation", "failures of its own");
    assert!((weight - 0.25).abs() < 1e-9);
    assert!(incomparable);
    let signals = [
        errors("front", MetricUnit::Ratio, 0.4),
        errors("back", MetricUnit::Percent, 40.0),
    ];
    let (weight, _, incomparable) = own(&signals, "error_degradation", "failures of its own");
    assert!((weight + 1.0).abs() < 1e-9);
    assert!(!incomparable);
}

#[test]
fn failures_cite_failures_and_not_lateness() {
    let signals = [
        signal("front", Measure::Errors, MetricUnit::Ratio, 0.0, 0.4),
        signal("back", Measure::Errors, MetricUnit::Ratio, 0.0, 0.35),
        signal("back", Measure::Latency, MetricUnit::Seconds, 0.1, 4.0),
    ];
    let (_, cited, _) = own(&signals, "error_degradation", "failures of its own");
    assert_eq!(cited, ["back_Errors"]);
}

/// What is suspected where each calls the next, and only those of the signals and `well` are measured.
fn chain(names: &[&str], well: &[&str], signals: &[Signal]) -> Vec<Suspect> {
    let calls = names.iter().copied().zip(names.iter().skip(1).copied());
    suspected(&calls.collect::<Vec<_>>(), well, signals)
}

/// What is suspected where these calls are made, and only those of the signals and `well` are measured.
fn suspected(calls: &[(&str, &str)], well: &[&str], signals: &[Signal]) -> Vec<Suspect> {
    let calls = calls
        .iter()
        .map(|(caller, callee)| (service(caller), service(callee)));
    const TRAVELS: [Strain; 3] = [Strain::Latency, Strain::Errors, Strain::Traffic];
    let measured = signals
        .iter()
        .filter(|signal| signal.peer.is_none())
        .map(|signal| (signal.entity.clone(), units::strain(signal)));
    let well = well
        .iter()
        .flat_map(|name| TRAVELS.map(|strain| (service(name), strain)));
    Strains {
        units: units::units(signals, &EntityRef::clone),
        edges: units::edges(signals, &EntityRef::clone),
        callees: units::callees(calls.clone(), &EntityRef::clone),
        counted: units::callees(calls, &EntityRef::clone),
        measured: measured.chain(well).collect(),
    }
    .suspects()
}

fn clue_of(suspects: &[Suspect], name: &str, mechanism: &str, clue: &str) -> Option<f64> {
    let found = suspects.iter().map(|suspect| &suspect.candidate);
    let mut found = found.filter(|found| found.entity == service(name) && found.mechanism == mechanism);
    let clues = &found.next()?.clues;
    clues
        .iter()
        .find(|known| known.name == clue)
        .map(|clue| clue.log_odds)
}

#[test]
fn what_is_not_measured_is_looked_through() {
    let late = |name| signal(name, Measure::Latency, MetricUnit::Seconds, 0.1, 0.6);
    let own = |well: &[&str]| {
        let suspects = chain(
            &["front", "between", "back"],
            well,
            &[late("front"), late("back")],
        );
        clue_of(&suspects, "front", "latency_degradation", "slowness of its own")
    };
    assert_eq!(own(&[]), Some(-1.0));
    // One that is measured and is not late passes nothing on.
    assert_eq!(own(&["between"]), Some(1.5));
}

#[test]
fn a_unit_is_measured_only_in_what_its_series_show() {
    let late = |name| signal(name, Measure::Latency, MetricUnit::Seconds, 0.1, 0.6);
    let fails = |name| signal(name, Measure::Errors, MetricUnit::Ratio, 0.0, 0.4);
    let grown = signal("between", Measure::Memory, MetricUnit::Bytes, 100e6, 253e6);
    let names = ["front", "between", "back"];
    let unseen = |suspects: &[Suspect], mechanism: &str| {
        let mut found = suspects.iter().map(|suspect| &suspect.candidate);
        let found = found.find(|found| found.entity == service("front") && found.mechanism == mechanism);
        found
            .unwrap()
            .unseen
            .iter()
            .any(|what| what == super::own::UNMEASURED)
    };
    for (of, mechanism, clue) in [
        (
            [late("front"), late("back")],
            "latency_degradation",
            "slowness of its own",
        ),
        (
            [fails("front"), fails("back")],
            "error_degradation",
            "failures of its own",
        ),
    ] {
        let [front, back] = of;
        let signals = [front, back, grown.clone()];
        let suspects = chain(&names, &[], &signals);
        assert_eq!(clue_of(&suspects, "front", mechanism, clue), Some(-1.0));
        assert!(unseen(&suspects, mechanism));
        let suspects = chain(&names, &["between"], &signals);
        assert_eq!(clue_of(&suspects, "front", mechanism, clue), Some(1.5));
        assert!(!unseen(&suspects, mechanism));
    }
}

#[test]
fn seconds_come_before_what_is_counted_in_nobody_knows_what() {
    let seconds = signal("front", Measure::Latency, MetricUnit::Seconds, 0.1, 0.5);
    let untold = Signal {
        metric: "front_other".to_owned(),
        ..signal("front", Measure::Latency, MetricUnit::Unknown, 50.0, 300.0)
    };
    let late = |signals: &[Signal]| {
        let suspects = chain(&["front"], &[], signals);
        let mut slow = suspects
            .iter()
            .filter(|suspect| suspect.candidate.mechanism == "latency_degradation");
        slow.next().unwrap().late
    };
    let both = late(&[seconds, untold.clone()]).unwrap();
    assert!((both - 0.4).abs() < 1e-9, "{both}");
    assert_eq!(late(&[untold]), None);
}

#[test]
fn callers_that_give_up_fail_for_whom_they_call() {
    let signals = |factor: f64| {
        [
            signal("front", Measure::Errors, MetricUnit::Ratio, 0.0, 0.4),
            signal("back", Measure::Latency, MetricUnit::Seconds, 1.0, factor),
        ]
    };
    let own = |factor| {
        let suspects = chain(&["front", "back"], &[], &signals(factor));
        clue_of(&suspects, "front", "error_degradation", "failures of its own").unwrap()
    };
    assert!(own(5.0) < -0.4);
    assert_eq!(own(1.2), 1.5);
}

#[test]
fn who_is_late_by_little_does_not_account_for_much() {
    let late = |name, to| signal(name, Measure::Latency, MetricUnit::Seconds, 0.1, to);
    let signals = [late("front", 2.2), late("aside", 0.3), late("back", 2.1)];
    let suspects = chain(&["front", "back"], &["aside"], &signals);
    let less = |name| clue_of(&suspects, name, "latency_degradation", "late by less than others");
    assert_eq!(less("back"), None);
    assert!((less("aside").unwrap() - 0.1_f64.ln()).abs() < 1e-9);
}

#[test]
fn work_from_elsewhere_and_calls_that_do_not_arrive() {
    let load = |name, to| Signal {
        direction: if to > 10.0 { Direction::Up } else { Direction::Down },
        ..signal(name, Measure::Traffic, MetricUnit::PerSecond, 10.0, to)
    };
    let names = ["front", "middle", "back"];
    let suspects = chain(&names, &["front"], &[load("middle", 40.0), load("back", 40.0)]);
    let surge = |name| {
        clue_of(
            &suspects,
            name,
            "traffic_surge",
            "work that its callers do not send",
        )
    };
    assert!(surge("middle").unwrap() > 0.3);
    assert_eq!(surge("back"), None, "it gets what it is sent");

    let fails = signal("front", Measure::Errors, MetricUnit::Ratio, 0.0, 0.6);
    let suspects = chain(&names, &["front"], &[fails, load("middle", 4.0)]);
    assert!(clue_of(&suspects, "middle", "traffic_loss", "its callers fail").unwrap() > 1.0);
    let own = clue_of(&suspects, "front", "error_degradation", "failures of its own").unwrap();
    assert!(own < 0.5, "{own}");
}

#[test]
fn who_asks_more_often_for_the_same_work_floods_whom_it_asks() {
    let calls = [("web", "price"), ("price", "db")];
    let more = |name, peer: Option<&str>, to| Signal {
        peer: peer.map(service),
        ..signal(name, Measure::Traffic, MetricUnit::PerSecond, 10.0, to)
    };
    let late = signal("db", Measure::Latency, MetricUnit::Seconds, 0.01, 0.4);
    let surges = |signals: &[Signal]| {
        let suspects = suspected(&calls, &["web", "price"], signals);
        let surges = suspects.into_iter().map(|suspect| suspect.candidate);
        let surges = surges.filter(|found| found.mechanism == "traffic_surge");
        surges.map(|found| found.entity.name).collect::<Vec<_>>()
    };
    let flood = more("price", Some("db"), 90.0);
    assert_eq!(surges(&[flood.clone(), late.clone()]), ["price"]);
    // Its own work is not counted, and may be what grew.
    let unknown = suspected(&calls, &["web"], &[flood.clone(), late.clone()]);
    assert!(
        !unknown
            .iter()
            .any(|found| found.candidate.entity == service("price")
                && found.candidate.mechanism == "traffic_surge")
    );
    // Nobody suffers; or it has as much more work itself, which comes from elsewhere.
    assert_eq!(surges(std::slice::from_ref(&flood)), [""; 0]);
    let work = more("web", None, 90.0);
    let busy = [flood.clone(), late.clone(), work, more("price", None, 90.0)];
    assert_eq!(surges(&busy), ["web"]);
    // Who answers with errors is asked again, and so is who is late before that.
    let fails = signal("db", Measure::Errors, MetricUnit::Ratio, 0.0, 0.6);
    assert_eq!(surges(&[flood.clone(), late.clone(), fails]), [""; 0]);
    use crate::incident::testing::at;
    let late = Signal {
        onset: Some(at(0)),
        ..late
    };
    let asked = |second| Signal {
        onset: Some(at(second)),
        ..flood.clone()
    };
    assert_eq!(surges(&[asked(30), late.clone()]), ["price"]);
    assert_eq!(surges(&[asked(300), late]), [""; 0]);
}

#[test]
fn who_fails_at_one_callee_does_not_lose_the_calls_that_would_have_followed() {
    let calls = [("shop", "pay"), ("shop", "mail"), ("shop", "stock")];
    let fails = |name| signal(name, Measure::Errors, MetricUnit::Ratio, 0.0, 0.5);
    let fewer = |to| Signal {
        direction: Direction::Down,
        ..signal("mail", Measure::Traffic, MetricUnit::PerSecond, 10.0, to)
    };
    let lost = |signals: &[Signal]| {
        let suspects = suspected(&calls, &["shop", "pay", "stock"], signals);
        clue_of(&suspects, "mail", "traffic_loss", "calls that are lost")
    };
    // Its callers send as many as before, and nobody else can be why they fail.
    let own = lost(&[fails("shop"), fewer(5.0)]).unwrap();
    assert!(own > 0.39, "{own}");
    assert_eq!(lost(&[fails("shop"), fails("pay"), fewer(5.0)]), None);
    let on_its_way = Signal {
        peer: Some(service("pay")),
        ..fails("shop")
    };
    assert_eq!(lost(&[fails("shop"), on_its_way, fewer(5.0)]), None);
    // Of its failures few are of those at the other callee, so that most calls would have followed.
    let few = signal("pay", Measure::Errors, MetricUnit::Ratio, 0.0, 0.02);
    let own = lost(&[fails("shop"), few, fewer(5.0)]).unwrap();
    assert!(own > 0.3, "{own}");
    // More than those are missing.
    let some = lost(&[fails("shop"), fails("pay"), fewer(1.0)]).unwrap();
    assert!(-1.6 < some && some < 0.4, "{some}");
}

#[test]
fn of_a_caller_without_series_it_is_not_known_that_its_work_did_not_change() {
    let load = |to| Signal {
        direction: if to > 10.0 { Direction::Up } else { Direction::Down },
        ..signal("front", Measure::Traffic, MetricUnit::PerSecond, 10.0, to)
    };
    let cause = |well: &[&str], to, mechanism: &str| {
        let suspects = chain(&["web", "front"], well, &[load(to)]);
        let mut found = suspects
            .iter()
            .filter(|suspect| suspect.candidate.mechanism == mechanism);
        let found = found.next().unwrap();
        (found.candidate.cause.clone(), found.own)
    };
    let (text, own) = cause(&[], 30.0, "traffic_surge");
    assert!(
        (own - 0.4).abs() < 1e-9 && text.contains("it is not measured who sends it"),
        "{text}"
    );
    let (text, own) = cause(&["web"], 30.0, "traffic_surge");
    assert!(
        (own - 1.0).abs() < 1e-9 && text.contains("more work than its callers send"),
        "{text}"
    );
    let (text, own) = cause(&[], 3.0, "traffic_loss");
    assert!(
        (own - 0.4).abs() < 1e-9 && text.contains("it is not measured who makes them"),
        "{text}"
    );
    let (text, own) = cause(&["web"], 3.0, "traffic_loss");
    assert!(
        (own - 1.0).abs() < 1e-9 && text.contains("fewer calls than its callers make"),
        "{text}"
    );
}

#[test]
fn calls_that_fail_at_the_other_end_did_not_fail_on_the_way() {
    let edge = |measure, unit, to| Signal {
        peer: Some(service("back")),
        ..signal("front", measure, unit, 0.0, to)
    };
    let share = |signals: &[Signal]| {
        let suspects = chain(&["front", "back"], &["back"], signals);
        clue_of(
            &suspects,
            "back",
            "network_degradation",
            "share of its calls affected",
        )
    };
    let calls = edge(Measure::Errors, MetricUnit::Ratio, 0.3);
    let back = |unit, to| signal("back", Measure::Errors, unit, 0.0, to);
    assert_eq!(share(std::slice::from_ref(&calls)), Some(1.0));
    assert_eq!(share(&[calls.clone(), back(MetricUnit::Ratio, 0.3)]), None);
    assert_eq!(share(&[calls.clone(), back(MetricUnit::PerSecond, 12.0)]), None);
    let third = share(&[calls, back(MetricUnit::Percent, 10.0)]).unwrap();
    assert!((third - 1.0 / 3.0).abs() < 1e-9, "{third}");
    // The slowest request of all is no measure of the way.
    let slowest = Signal {
        classification: Classification {
            stat: Stat::Max,
            ..calls_of_latency().classification
        },
        ..calls_of_latency()
    };
    assert_eq!(share(&[slowest]), None);
    assert_eq!(share(&[calls_of_latency()]), Some(1.0));
}

fn calls_of_latency() -> Signal {
    Signal {
        peer: Some(service("back")),
        ..signal("front", Measure::Latency, MetricUnit::Seconds, 0.01, 0.51)
    }
}

#[test]
fn the_way_is_blamed_only_where_the_called_is_not_late() {
    let edge = Signal {
        peer: Some(service("back")),
        ..signal("front", Measure::Latency, MetricUnit::Seconds, 0.01, 0.51)
    };
    let share = |signals: &[Signal]| {
        let suspects = chain(&["front", "back"], &["back"], signals);
        clue_of(
            &suspects,
            "back",
            "network_degradation",
            "share of its calls affected",
        )
    };
    assert_eq!(share(std::slice::from_ref(&edge)), Some(1.0));
    let late = signal("back", Measure::Latency, MetricUnit::Seconds, 0.01, 0.51);
    assert_eq!(share(&[edge, late]), None);
}

/// What is suspected of the network of a unit where these calls are known and some of them counted, and those of `failing` fail.
fn ways(
    calls: &[(&str, &str)],
    counted: &[(&str, &str)],
    failing: &[(&str, &str)],
    name: &str,
) -> Option<(f64, Vec<String>)> {
    let signals: Vec<Signal> = failing
        .iter()
        .map(|(from, to)| Signal {
            peer: Some(service(to)),
            ..signal(from, Measure::Errors, MetricUnit::Ratio, 0.0, 0.5)
        })
        .collect();
    let named = |calls: &[(&str, &str)]| {
        let calls = calls.iter().map(|(from, to)| (service(from), service(to)));
        units::callees(calls, &EntityRef::clone)
    };
    let strains = Strains {
        units: units::units(&signals, &EntityRef::clone),
        edges: units::edges(&signals, &EntityRef::clone),
        callees: named(calls),
        counted: named(counted),
        measured: BTreeSet::new(),
    };
    let suspects = strains.suspects();
    let share = clue_of(
        &suspects,
        name,
        "network_degradation",
        "share of its calls affected",
    )?;
    let found = suspects.iter().map(|suspect| &suspect.candidate);
    let found = found
        .clone()
        .find(|found| found.entity == service(name) && found.mechanism == "network_degradation")?;
    Some((share, found.hurts.iter().map(|hurt| hurt.name.clone()).collect()))
}

#[test]
fn calls_of_others_that_arrive_speak_against_the_network_of_the_called() {
    let failing = [("web", "mail"), ("shop", "cart")];
    let calls = [("web", "mail"), ("shop", "cart"), ("web", "cart")];
    let (share, hurts) = ways(&calls, &calls, &failing, "cart").unwrap();
    assert!(share.abs() < 1e-9 && hurts.is_empty(), "{share} {hurts:?}");
    // Of calls that nobody counts that is not known; who calls alone may be to blame.
    let calls = [("shop", "cart"), ("batch", "cart")];
    assert_eq!(
        ways(&calls, &calls[..1], &failing, "cart"),
        Some((1.0, vec!["shop".to_owned()]))
    );
}

#[test]
fn calls_that_fail_since_the_called_fails_with_its_own_calls_did_arrive() {
    let calls = [("front", "back"), ("back", "store")];
    assert_eq!(
        ways(&calls, &calls, &[("front", "back")], "back").map(|way| way.0),
        Some(1.0)
    );
    let both = [("front", "back"), ("back", "store")];
    assert_eq!(ways(&calls, &calls, &both, "store").map(|way| way.0), Some(1.0));
    let passed_on = ways(&calls, &calls, &both, "back").map(|way| way.0);
    assert!(passed_on.is_none_or(|share| share <= 0.0), "{passed_on:?}");
}

#[test]
fn what_began_long_before_the_trouble_is_not_its_cause() {
    use crate::incident::testing::at;
    let since = |name, second| Signal {
        onset: Some(at(second)),
        ..signal(name, Measure::Latency, MetricUnit::Seconds, 0.1, 0.6)
    };
    let grown = Signal {
        onset: Some(at(-900)),
        ..signal("aside", Measure::Memory, MetricUnit::Bytes, 100e6, 253e6)
    };
    let suspects = chain(
        &["front", "back"],
        &[],
        &[since("front", 0), since("back", 30), grown],
    );
    let apart = |name, mechanism| {
        clue_of(
            &suspects,
            name,
            mechanism,
            "began at another time than the trouble",
        )
    };
    assert_eq!(apart("back", "latency_degradation"), None);
    assert_eq!(apart("aside", "memory_pressure"), Some(-2.0));
}

#[test]
fn of_a_host_outside_it_is_said_how_calls_to_it_go_and_whom_to_ask() {
    let told = |callee: EntityRef, measure: Measure| {
        let signals = [Signal {
            peer: Some(callee.clone()),
            ..signal("front", measure, MetricUnit::Ratio, 0.0, 0.5)
        }];
        let calls = || units::callees([(service("front"), callee.clone())], &EntityRef::clone);
        let strains = Strains {
            units: units::units(&signals, &EntityRef::clone),
            edges: units::edges(&signals, &EntityRef::clone),
            callees: calls(),
            counted: calls(),
            measured: BTreeSet::new(),
        };
        let suspects = strains.suspects();
        let mut found = suspects.iter().map(|suspect| &suspect.candidate);
        let found = found.find(|found| found.entity == callee && found.mechanism == "network_degradation");
        let found = found.unwrap();
        let (cause, _) = found.cause.split_once(": ").unwrap();
        (cause.to_owned(), found.advice[0].title.clone())
    };
    let host = || EntityRef::external("api.bank.example");
    let ask = "Ask those who run api.bank.example, and check the way out of the cluster";
    for (measure, cause) in [
        (Measure::Errors, "calls to api.bank.example fail"),
        (
            Measure::NetworkErrors,
            "packets to or from api.bank.example are lost",
        ),
        (Measure::Latency, "calls to api.bank.example are answered late"),
    ] {
        assert_eq!(told(host(), measure), (cause.to_owned(), ask.to_owned()));
    }
    let (cause, look) = told(service("back"), Measure::Errors);
    assert_eq!(cause, "calls fail on the way to or from Service shop/back");
    assert_eq!(look, "Check the network of the node and pod of Service shop/back");
}
