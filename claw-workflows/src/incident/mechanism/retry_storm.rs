//! Callers that try again and again keep a service down.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use claw_metrics::classify::Measure;
use claw_metrics::signal::{Direction, Signal};

use super::rollback::roll_back;
use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::Target;
use crate::incident::degradation;
use crate::incident::facts::{Facts, SKEW};
use crate::incident::units::{self, Strain, Unit};

/// A signal below this many robust standard deviations does not count.
const NOTABLE: f64 = 4.0;
/// So many times as many calls as usual are a storm.
const STORM: f64 = 1.8;
/// Work of the caller that grew no more than so many times does not account for it.
const STEADY: f64 = 1.3;

/// A caller sends many times as many requests as its own work accounts for, and its retries were changed, it says that it
/// tries again, or both its calls and its own work are measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryStorm;

impl Mechanism for RetryStorm {
    fn id(&self) -> &'static str {
        "retry_storm"
    }

    fn area(&self) -> Area {
        Area::Load
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let unit_of = |entity: &EntityRef| facts.unit_of(entity);
        let units = units::units(&facts.case.signals, &unit_of);
        let edges = units::edges(&facts.case.signals, &unit_of);
        let calls: BTreeSet<(EntityRef, EntityRef)> = facts
            .case
            .calls
            .iter()
            .map(|call| (facts.unit_of(&call.caller), facts.unit_of(&call.callee)))
            .collect();
        let measured: BTreeSet<EntityRef> = facts
            .case
            .measured
            .iter()
            .filter(|(_, measure)| *measure == Measure::Traffic)
            .map(|(entity, _)| unit_of(entity))
            .collect();
        calls
            .iter()
            .filter_map(|(caller, callee)| {
                let edge = edges.get(&(caller.clone(), callee.clone()));
                let storm = edge
                    .into_iter()
                    .flatten()
                    .copied()
                    .find(|signal| units::strain(signal) == Strain::Traffic && grows(signal))
                    .or_else(|| growth(units.get(callee)?))?;
                // Work of which nothing is known may have grown as much.
                let known = storm.peer.is_some() || has_traffic(&units, caller) || measured.contains(caller);
                let alone = || calls.iter().filter(|(other, _)| other == caller).count() == 1;
                let about = |target: &Target| match target {
                    Target::Known(named) => named == callee,
                    Target::Unnamed => alone(),
                    _ => false,
                };
                // Its calls are measured, and so is its own work: nobody else needs to say that it tries again.
                let told = storm.peer.is_some() && measured.contains(caller);
                known
                    .then(|| candidate(facts, caller, callee, storm, &units, about, told))
                    .flatten()
            })
            .collect()
    }
}

fn grows(signal: &Signal) -> bool {
    signal.direction == Direction::Up
        && signal.score >= NOTABLE
        && signal.ratio >= STORM
        && signal.baseline > 0.0
}

fn has_traffic(units: &BTreeMap<EntityRef, Unit<'_>>, unit: &EntityRef) -> bool {
    let signals = units
        .get(unit)
        .and_then(|unit| unit.strains.get(&Strain::Traffic));
    signals.is_some_and(|signals| !signals.is_empty())
}

fn growth<'a>(unit: &Unit<'a>) -> Option<&'a Signal> {
    let signals = unit.strains.get(&Strain::Traffic)?;
    signals.iter().copied().find(|signal| grows(signal))
}

/// The change of a caller, or of a route to the called, that is about trying again.
fn retries_changed<'a>(facts: &Facts<'a>, caller: &EntityRef, callee: &EntityRef) -> Option<&'a Change> {
    let about = |change: &Change| {
        let lines = change.detail.iter().chain(std::iter::once(&change.summary));
        lines.into_iter().any(|line| {
            let line = line.to_lowercase();
            ["retry", "retries", "attempts", "backoff"]
                .iter()
                .any(|word| line.contains(word))
        })
    };
    let began = facts.case.began;
    let routes = facts
        .case
        .objects
        .mesh
        .iter()
        .filter(|route| route.kind == "VirtualService");
    let named = routes.map(claw_k8s::model::Object::entity).filter(|route| {
        facts
            .case
            .calls
            .iter()
            .any(|call| call.caller == *route && facts.unit_of(&call.callee) == *callee)
    });
    std::iter::once(caller.clone())
        .chain(named)
        .filter_map(|entity| facts.change_before(&entity, began, about))
        .filter(|change| change.time >= facts.case.window.start)
        .max_by_key(|change| change.time)
}

fn candidate(
    facts: &Facts<'_>,
    caller: &EntityRef,
    callee: &EntityRef,
    storm: &Signal,
    units: &BTreeMap<EntityRef, Unit<'_>>,
    about: impl Fn(&Target) -> bool,
    told: bool,
) -> Option<Candidate> {
    let own = units
        .get(caller)
        .and_then(|unit| unit.strains.get(&Strain::Traffic)?.first().copied())
        .filter(|signal| signal.direction == Direction::Up)
        .map_or(1.0, |signal| signal.ratio);
    let strained = units.get(callee)?;
    let failing = [Strain::Errors, Strain::Latency]
        .into_iter()
        .filter_map(|strain| strained.worst(strain))
        .find(|signal| signal.score >= NOTABLE)?;
    if own > STEADY {
        return None;
    }
    let change = retries_changed(facts, caller, callee);
    let says = facts.complaints().iter().find(|complaint| {
        complaint.workload == *caller
            && about(&complaint.target)
            && complaint.entries.iter().any(|(_, pattern)| {
                let said = pattern.sample.to_lowercase();
                said.contains("retry") || said.contains("attempt")
            })
    });
    if change.is_none() && says.is_none() && !told {
        return None;
    }
    let mut found = Candidate::new(
        "retry_storm",
        caller.clone(),
        format!(
            "{caller} tries again so often that {callee} gets {:.1} times as many requests as usual",
            storm.ratio
        ),
    )
    .clue(
        "more calls than its work accounts for",
        2.4,
        vec![degradation::evidence(storm), degradation::evidence(failing)],
    )
    .since(storm.onset)
    .hurting([callee.clone()])
    .derived(0.3);
    if told {
        found = found.clue("its calls multiplied, and its own work did not", 0.6, Vec::new());
    }
    // Who tries again because the other side fails makes it worse, and is not how it began.
    let failed_first = storm
        .onset
        .zip(failing.onset)
        .is_some_and(|(storm, failing)| storm.duration_since(failing) > SKEW);
    if failed_first && change.is_none() {
        found = found.derived(0.6);
    }
    if let Some(complaint) = says {
        found = found.clue("says that it tries again", 0.8, complaint.evidence(facts));
    }
    if let Some(change) = change {
        found = found
            .clue(
                "its retries were changed",
                3.5,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference))
            .since(Some(change.time))
            .derived(0.1);
        let back = roll_back(facts, caller, change, "It tried again less often before");
        found.advice.extend(back);
    }
    Some(found.advise(Advice::new(
        format!(
            "Have {caller} try again fewer times, with growing pauses, and stop trying while {callee} fails"
        ),
        "Each failure makes more requests, and those more failures",
    )))
}

#[cfg(test)]
mod tests {
    use claw_metrics::classify::Measure;
    use serde_json::json;

    use super::super::fixture;
    use super::RetryStorm;
    use crate::incident::case::{Call, Case};
    use crate::incident::testing::{at, of};
    use claw_core::entity::EntityRef;

    fn service(name: &str) -> EntityRef {
        EntityRef::namespaced("Service", "shop", name)
    }

    fn signal(case: &mut Case, metric: &str, service: &str, values: (f64, f64)) {
        let labels = [("__name__", metric), ("service", service), ("namespace", "shop")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let points = (-60..30).map(|minute| {
            let level = if minute < 0 { values.0 } else { values.1 };
            (
                at(60 * minute),
                level * (1.0 + 0.02 * (minute.rem_euclid(5)) as f64),
            )
        });
        let series = claw_metrics::series::Series::new(labels.into_iter().collect(), points.collect());
        let incident = claw_core::report::Window {
            start: at(0),
            end: at(1800),
        };
        case.signals.extend(claw_metrics::signal::detect(
            &series,
            &incident,
            None,
            &Default::default(),
        ));
    }

    fn blamed(front: f64, detail: &str) -> Vec<String> {
        let mut case = fixture::case(json!({}));
        case.calls.push(Call {
            caller: service("front"),
            callee: service("back"),
            via: "topology".to_owned(),
        });
        case.measured.insert((service("front"), Measure::Traffic));
        signal(&mut case, "service_requests_per_second", "front", (100.0, front));
        signal(&mut case, "service_requests_per_second", "back", (100.0, 600.0));
        signal(&mut case, "service_error_ratio", "back", (0.001, 0.4));
        case.changes.push(fixture::change(
            "2026-05-01T09:59:00Z",
            &service("front"),
            &[detail],
        ));
        of(&RetryStorm, &case)
            .into_iter()
            .map(|found| found.entity.name)
            .collect()
    }

    #[test]
    fn calls_that_the_work_does_not_account_for_are_retries() {
        assert_eq!(blamed(100.0, "env RETRY_ATTEMPTS: 2 → 10"), ["front"]);
        // Its own work grew as much, or nothing speaks of trying again.
        assert!(blamed(600.0, "env RETRY_ATTEMPTS: 2 → 10").is_empty());
        assert!(blamed(100.0, "image: web:1 → web:2").is_empty());
    }

    /// What is said where nothing of `front` was changed, and it logs this.
    fn told(measured: bool, line: &str) -> Vec<String> {
        let mut case = fixture::case(json!({}));
        for callee in ["back", "side"] {
            case.calls.push(Call {
                caller: service("front"),
                callee: service(callee),
                via: "topology".to_owned(),
            });
        }
        if measured {
            case.measured.insert((service("front"), Measure::Traffic));
        }
        signal(&mut case, "service_requests_per_second", "back", (100.0, 600.0));
        signal(&mut case, "service_error_ratio", "back", (0.001, 0.4));
        fixture::log(&mut case, "front-7d9f8b6c5-x1", line);
        let found = of(&RetryStorm, &case);
        found.into_iter().map(|found| found.entity.name).collect()
    }

    #[test]
    fn work_of_which_nothing_is_known_is_not_steady_and_words_count_for_whom_they_name() {
        let named = "retry 4 of 10: back:8080: connection refused";
        assert_eq!(told(true, named), ["front"]);
        assert!(told(false, named).is_empty());
        assert!(told(true, "retry 4 of 10: side:8080: connection refused").is_empty());
        // It calls two, and does not say which of them it tries again.
        assert!(told(true, "retry 4 of 10: connection refused").is_empty());
    }
    /// `front` gets so many requests, and calls `back` so many times; nothing was changed, and nobody says anything.
    fn measured(own: f64, calls: f64) -> Vec<String> {
        let mut case = fixture::case(json!({}));
        case.calls.push(Call {
            caller: service("front"),
            callee: service("back"),
            via: "metrics".to_owned(),
        });
        case.measured.insert((service("front"), Measure::Traffic));
        signal(&mut case, "service_requests_per_second", "front", (100.0, own));
        signal(&mut case, "service_error_ratio", "back", (0.001, 0.4));
        let labels = [
            ("__name__", "service_requests_per_second"),
            ("source", "front"),
            ("destination", "back"),
            ("namespace", "shop"),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let points = (-60_i64..30).map(|minute| {
            let level = if minute < 0 { 100.0 } else { calls };
            let noise = 1.0 + 0.02 * (minute.rem_euclid(5)) as f64;
            (at(60 * minute), level * noise)
        });
        let series = claw_metrics::series::Series::new(labels.into_iter().collect(), points.collect());
        let incident = claw_core::report::Window {
            start: at(0),
            end: at(1800),
        };
        let found = claw_metrics::signal::detect(&series, &incident, None, &Default::default());
        assert_eq!(found.is_some(), calls > 100.0);
        case.signals.extend(found);
        of(&RetryStorm, &case)
            .into_iter()
            .map(|found| found.entity.name)
            .collect()
    }

    #[test]
    fn calls_that_multiply_while_the_work_stays_are_retries_without_a_word() {
        assert_eq!(measured(100.0, 500.0), ["front"]);
        // It has as much more work itself, or calls no more often.
        assert!(measured(500.0, 500.0).is_empty());
        assert!(measured(100.0, 100.0).is_empty());
    }
}
