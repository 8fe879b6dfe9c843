//! A cache throws away what is still asked for.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_metrics::classify::Measure;
use claw_metrics::signal::{Direction, Signal};
use jiff::SignedDuration;

use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::degradation;
use crate::incident::facts::Facts;

/// A signal below this many robust standard deviations is no storm.
const NOTABLE: f64 = 4.0;
/// How soon after a change the evictions have to begin.
const SOON: SignedDuration = SignedDuration::from_hours(2);

/// Entries are evicted, and look-ups miss: what stands behind the cache gets its load.
#[derive(Clone, Copy, Debug)]
pub(super) struct CacheEviction;

impl Mechanism for CacheEviction {
    fn id(&self) -> &'static str {
        "cache_eviction"
    }

    fn area(&self) -> Area {
        Area::Dependency
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut caches: BTreeMap<EntityRef, Vec<&Signal>> = BTreeMap::new();
        for signal in facts.case.signals.iter().filter(|signal| signal.score >= NOTABLE) {
            let evicts = signal.measure == Measure::Evictions && signal.direction == Direction::Up;
            let misses = signal.measure == Measure::CacheHits && signal.direction == Direction::Down;
            if evicts || misses {
                caches
                    .entry(facts.unit_of(&signal.entity))
                    .or_default()
                    .push(signal);
            }
        }
        caches
            .into_iter()
            .map(|(cache, signals)| candidate(facts, &cache, &signals))
            .collect()
    }
}

fn candidate(facts: &Facts<'_>, cache: &EntityRef, signals: &[&Signal]) -> Candidate {
    let since = signals.iter().filter_map(|signal| signal.onset).min();
    let of = |measure: Measure| -> Vec<&Signal> {
        let all = signals.iter().copied();
        all.filter(|signal| signal.measure == measure).take(4).collect()
    };
    let (evicting, missing) = (of(Measure::Evictions), of(Measure::CacheHits));
    let evidence = |signals: &[&Signal]| {
        signals
            .iter()
            .map(|signal| degradation::evidence(signal))
            .collect()
    };
    let mut found = Candidate::new(
        "cache_eviction",
        cache.clone(),
        if evicting.is_empty() {
            format!(
                "{cache} is asked for entries that it does not have, as after a restart, a change of keys or evictions, and what stands behind it gets the load"
            )
        } else {
            format!("{cache} evicts entries that are still asked for, and what stands behind it gets the load")
        },
    )
    .since(since)
    .derived(0.2)
    .hurting(behind(facts, cache));
    if !evicting.is_empty() {
        found = found.clue("entries are evicted", 2.0, evidence(&evicting));
    }
    if !missing.is_empty() {
        found = found.clue("look-ups miss", 1.2, evidence(&missing));
    }
    if let Some((change, _)) = recent_change::of_unit(facts, cache, since).filter(|(_, age)| *age <= SOON) {
        found = found
            .clue(
                "cache was changed before",
                1.2,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
    }
    if evicting.is_empty() {
        return found.advise(Advice::new(
            format!("See why {cache} does not have what it is asked for: emptied by a restart, other keys, entries that expire at once"),
            "Every miss is work for the services and databases behind it",
        ));
    }
    found.advise(Advice::new(
        format!("Give {cache} more memory, or see what fills it: larger entries, new keys, a lower limit"),
        "Every miss is work for the services and databases behind it",
    ))
}

/// The users of a cache, and what else they call: misses are asked for there.
fn behind(facts: &Facts<'_>, cache: &EntityRef) -> Vec<EntityRef> {
    let calls = || {
        let all = facts.case.calls.iter();
        all.map(|call| (facts.unit_of(&call.caller), facts.unit_of(&call.callee)))
    };
    let users: BTreeSet<EntityRef> = calls()
        .filter(|(_, callee)| callee == cache)
        .map(|(user, _)| user)
        .collect();
    let others = calls()
        .filter(|(user, callee)| users.contains(user) && callee != cache)
        .map(|(_, callee)| callee);
    let mut all: Vec<EntityRef> = users.iter().cloned().chain(others).collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture;
    use super::CacheEviction;
    use crate::incident::candidate::Candidate;
    use crate::incident::testing::{at, of};

    fn found(before: f64, after: f64) -> Option<Candidate> {
        let mut case = fixture::case(json!({
            "workloads": [
                fixture::workload("shop", "web", json!([])), fixture::workload("shop", "cache", json!([])),
                fixture::workload("shop", "db", json!([])),
            ],
            "services": [
                fixture::service("shop", "cache", json!({"port": 6379})),
                fixture::service("shop", "db", json!({"port": 5432})),
            ],
        }));
        fixture::call(&mut case, "web", "cache");
        fixture::call(&mut case, "web", "db");
        let labels = [
            ("__name__", "cache_evictions_per_second"),
            ("service", "cache"),
            ("namespace", "shop"),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let points = (-60..30).map(|minute| {
            let noise = f64::from(minute % 3) * 0.1;
            (
                at(60 * i64::from(minute)),
                noise + if minute < 0 { before } else { after },
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
        of(&CacheEviction, &case).pop()
    }

    #[test]
    fn a_storm_hurts_users_and_what_they_ask_instead() {
        let found = found(1.0, 900.0).unwrap();
        assert_eq!(found.entity, fixture::deployment("cache"));
        assert_eq!(
            found.hurts,
            [fixture::deployment("db"), fixture::deployment("web")]
        );
    }

    #[test]
    fn evictions_as_ever_are_none() {
        assert!(found(50.0, 50.0).is_none());
    }
}
