//! More work arrives than there is room for.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_metrics::signal::{Direction, Signal};

use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::degradation;
use crate::incident::facts::Facts;
use crate::incident::units::{self, Asked, Strain, Unit};

/// A signal below this many robust standard deviations does not count.
const NOTABLE: f64 = 4.0;
/// So many times as much work as usual is a surge.
const SURGE: f64 = 1.8;
/// So many times as much use as work is still in proportion.
const PROPORTION: f64 = 1.3;
/// A caller with this share of the growth of the one it calls hands it on, or sends it.
const HANDED_ON: f64 = 0.7;

/// A service gets much more work than usual, not from another one that is watched, and it or what it calls strains.
#[derive(Clone, Copy, Debug)]
pub(super) struct TrafficSurge;

impl Mechanism for TrafficSurge {
    fn id(&self) -> &'static str {
        "traffic_surge"
    }

    fn area(&self) -> Area {
        Area::Load
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let unit_of = |entity: &EntityRef| facts.unit_of(entity);
        let units = units::units(&facts.case.signals, &unit_of);
        let surges: BTreeMap<&EntityRef, &Signal> = units
            .iter()
            .filter_map(|(entity, unit)| Some((entity, surge(unit)?)))
            .collect();
        let calls: Vec<(EntityRef, EntityRef)> = facts
            .case
            .calls
            .iter()
            .map(|call| (facts.unit_of(&call.caller), facts.unit_of(&call.callee)))
            .collect();
        let edges = units::edges(&facts.case.signals, &unit_of);
        surges
            .iter()
            .filter(|(entity, signal)| {
                let handed_on = |call: &&(EntityRef, EntityRef)| {
                    let (caller, callee) = call;
                    callee == **entity
                        && (edges
                            .get(*call)
                            .is_some_and(|edge| sends(edge, units.get(callee)))
                            || surges
                                .get(caller)
                                .is_some_and(|theirs| theirs.ratio.ln() >= HANDED_ON * signal.ratio.ln()))
                };
                !calls.iter().any(|call| handed_on(&call))
            })
            .filter_map(|(entity, signal)| candidate(facts, entity, signal, &units, &calls))
            .collect()
    }
}

/// The growth of a unit's work, where it is one. What begins from nothing was started, not swamped.
fn surge<'a>(unit: &Unit<'a>) -> Option<&'a Signal> {
    let signals = unit.strains.get(&Strain::Traffic)?;
    signals.iter().copied().find(|signal| {
        signal.direction == Direction::Up
            && signal.score >= NOTABLE
            && signal.ratio >= SURGE
            && signal.baseline > 0.0
    })
}

/// Whether the calls on an edge make up most of what the called gets more.
fn sends(edge: &[&Signal], called: Option<&Unit<'_>>) -> bool {
    let sent = Asked::of(edge, NOTABLE);
    let got = called.and_then(Unit::asked);
    sent.zip(got)
        .is_some_and(|(sent, got)| sent.more() >= HANDED_ON * got.more())
}

/// The strain that work brings about.
fn strains<'a>(unit: &Unit<'a>) -> Vec<&'a Signal> {
    [Strain::Cpu, Strain::Queue, Strain::Latency, Strain::Errors]
        .into_iter()
        .filter_map(|strain| unit.worst(strain))
        .filter(|signal| signal.score >= NOTABLE)
        .collect()
}

/// A unit and all that it calls, directly or by way of others.
fn called<'c>(entity: &'c EntityRef, calls: &'c [(EntityRef, EntityRef)]) -> BTreeSet<&'c EntityRef> {
    let mut found = BTreeSet::from([entity]);
    let mut new = vec![entity];
    while let Some(caller) = new.pop() {
        let callees = calls
            .iter()
            .filter(|(one, _)| one == caller)
            .map(|(_, callee)| callee);
        new.extend(callees.filter(|callee| found.insert(*callee)).collect::<Vec<_>>());
    }
    found
}

fn candidate(
    facts: &Facts<'_>,
    entity: &EntityRef,
    surge: &Signal,
    units: &BTreeMap<EntityRef, Unit<'_>>,
    calls: &[(EntityRef, EntityRef)],
) -> Option<Candidate> {
    let called = called(entity, calls);
    let strained: Vec<(&EntityRef, Vec<&Signal>)> = called
        .into_iter()
        .filter_map(|unit| Some((unit, strains(units.get(unit)?))))
        .filter(|(_, signals)| !signals.is_empty())
        .collect();
    let first = strained
        .iter()
        .flat_map(|(_, signals)| signals)
        .filter_map(|signal| signal.onset)
        .min()?;
    // Work that comes after the trouble is tried again because of it.
    let slack = surge.onset_uncertainty.max(60.0);
    if surge
        .onset
        .is_some_and(|onset| onset.duration_since(first).as_secs_f64() > slack)
    {
        return None;
    }
    // What the work needs grows as the work does; a fault needs more than that.
    let used = || {
        let all = strained.iter().flat_map(|(_, signals)| signals);
        all.filter(|signal| matches!(units::strain(signal), Strain::Cpu | Strain::Queue))
    };
    let weight = match (
        used().next(),
        used().all(|one| one.ratio <= PROPORTION * surge.ratio),
    ) {
        (None, _) => 0.3,
        (Some(_), false) => 1.0,
        (Some(_), true) => 2.4,
    };
    let evidence = strained
        .iter()
        .flat_map(|(_, signals)| signals.iter().take(2))
        .take(6)
        .map(|signal| degradation::evidence(signal))
        .collect();
    let mut found = Candidate::new(
        "traffic_surge",
        entity.clone(),
        format!(
            "{entity} gets {:.1} times as much work as usual: {}",
            surge.ratio,
            surge.statement()
        ),
    )
    // That work grew counts for this cause already where nobody is known to send it (`super::degradation`); what this adds is
    // what the work meets.
    .clue(
        "much more work than usual",
        0.5 * surge.ratio.ln().min(1.5),
        vec![degradation::evidence(surge)],
    )
    .clue("strain under the work", weight, evidence)
    .since(surge.onset)
    .hurting(strained.into_iter().map(|(unit, _)| unit.clone()))
    .derived(0.2);
    let autoscaler = facts.case.objects.autoscalers.iter().find(|autoscaler| {
        let target = &autoscaler.spec.scale_target_ref;
        autoscaler.metadata.namespace == entity.namespace && target.name == entity.name
    });
    let advice = match autoscaler {
        Some(autoscaler) => Advice::new(
            format!("Raise the most pods that {entity} may have, or limit who may ask so much"),
            "There is more work than its pods can do",
        )
        .command(format!(
            "kubectl -n {} get hpa {}",
            autoscaler.metadata.namespace.as_deref().unwrap_or("default"),
            autoscaler.metadata.name
        )),
        None => Advice::new(
            format!("Give {entity} more pods, or limit who may ask so much"),
            "There is more work than its pods can do",
        ),
    };
    if let Some(autoscaler) = autoscaler.filter(|autoscaler| autoscaler.is_hindered()) {
        let statement = "cannot add pods for the work";
        found = found.clue(
            "an autoscaler that would meet it cannot act",
            -3.0,
            vec![facts.object(autoscaler, None, statement)],
        );
    }
    found = found.unseen("where the additional work comes from");
    Some(found.advise(advice))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture;
    use super::TrafficSurge;
    use crate::incident::case::{Call, Case};
    use crate::incident::testing::{at, of};
    use claw_core::entity::EntityRef;

    fn signal(case: &mut Case, metric: &str, service: &str, values: (f64, f64), from: i64) {
        let labels = [("__name__", metric), ("service", service), ("namespace", "shop")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let points = (-60..30).map(|minute| {
            let level = if minute < from { values.0 } else { values.1 };
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

    fn surging(front: f64, back: f64, latency_from: i64) -> Case {
        let mut case = fixture::case(json!({}));
        let service = |name| EntityRef::namespaced("Service", "shop", name);
        case.calls.push(Call {
            caller: service("front"),
            callee: service("back"),
            via: "topology".to_owned(),
        });
        signal(
            &mut case,
            "service_requests_per_second",
            "front",
            (100.0, front),
            5,
        );
        signal(&mut case, "service_requests_per_second", "back", (100.0, back), 5);
        signal(
            &mut case,
            "service_latency_seconds",
            "back",
            (0.1, 1.5),
            latency_from,
        );
        case
    }

    fn named(case: &Case) -> Vec<String> {
        let found = of(&TrafficSurge, case).into_iter();
        found.map(|found| found.entity.name).collect()
    }

    fn blamed(front: f64, back: f64, latency_from: i64) -> Vec<String> {
        named(&surging(front, back, latency_from))
    }

    #[test]
    fn work_that_one_caller_sends_is_that_callers() {
        let sent = |more: f64| {
            let mut case = surging(100.0, 500.0, 5);
            let of_back = case
                .signals
                .iter()
                .find(|signal| signal.entity.name == "back")
                .unwrap();
            let edge = claw_metrics::signal::Signal {
                entity: EntityRef::namespaced("Service", "shop", "front"),
                peer: Some(of_back.entity.clone()),
                measure: claw_metrics::classify::Measure::Traffic,
                baseline: 20.0,
                observed: 20.0 + more,
                ..of_back.clone()
            };
            case.signals.push(edge);
            named(&case)
        };
        assert_eq!(sent(400.0), [""; 0]);
        assert_eq!(sent(100.0), ["back"]);
    }

    #[test]
    fn the_first_service_that_gets_more_work_is_named() {
        assert_eq!(blamed(500.0, 500.0, 5), ["front"]);
        assert_eq!(blamed(100.0, 500.0, 5), ["back"]);
        assert!(blamed(110.0, 110.0, 5).is_empty());
    }

    #[test]
    fn work_that_comes_after_the_trouble_did_not_bring_it() {
        assert!(blamed(100.0, 500.0, 0).is_empty());
    }
}
