use claw_metrics::classify::{BadDirection, Classification, Kind, Measure, Stat};
use claw_metrics::signal::Shape;

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

/// The clue of `front`, which calls `back`, that says how much of the trouble is its own, with what shows it.
fn own(signals: &[Signal], mechanism: &str, clue: &str) -> (f64, Vec<String>, bool) {
    let unit_of = |entity: &EntityRef| entity.clone();
    let strains = Strains {
        units: units::units(signals, &unit_of),
        edges: units::edges(signals, &unit_of),
        callees: units::callees([(service("front"), service("back"))], &unit_of),
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
        signal("back", Measure::Errors, MetricUnit::Ratio, 0.0, 0.3),
        signal("back", Measure::Latency, MetricUnit::Seconds, 0.1, 4.0),
    ];
    let (_, cited, _) = own(&signals, "error_degradation", "failures of its own");
    assert_eq!(cited, ["back_Errors"]);
}
