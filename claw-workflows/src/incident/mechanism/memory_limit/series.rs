//! What series alone tell of containers that reach their memory limit.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_metrics::classify::Measure;
use claw_metrics::signal::{Shape, Signal};
use jiff::Timestamp;

use super::{NOTABLE, more_work};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::degradation;
use crate::incident::facts::Facts;
use crate::incident::mechanism::recent_change;
use crate::incident::memory::MemoryUse;

/// From this share of its limit on, a container is about to be killed.
const NEAR: f64 = 0.85;

/// That the memory of a workload grows steadily, and from when on: as its signal says, or its form between two kills.
pub(super) fn grows(
    facts: &Facts<'_>,
    workload: &EntityRef,
    signal: Option<&Signal>,
) -> Option<(Evidence, Option<Timestamp>)> {
    if let Some(signal) = signal.filter(|signal| signal.shape == Shape::Trend) {
        return Some((degradation::evidence(signal), signal.onset));
    }
    // What fills at once is no leak, and what falls back only once may be anything.
    let mut uses = facts.case.memory.iter();
    let grown = uses.find(|used| used.rises && facts.unit_of(&used.entity) == *workload)?;
    Some((grown.evidence(), grown.since))
}

/// One candidate for each unit whose memory comes near its limit, or that starts again and again whenever its memory is full,
/// but for those of which kills are known.
pub(super) fn candidates(facts: &Facts<'_>, known: &BTreeSet<EntityRef>) -> Vec<Candidate> {
    let mut units: BTreeMap<EntityRef, Vec<&MemoryUse>> = BTreeMap::new();
    for used in &facts.case.memory {
        units.entry(facts.unit_of(&used.entity)).or_default().push(used);
    }
    units
        .iter()
        .filter(|(unit, _)| !known.contains(*unit))
        .filter_map(|(unit, uses)| candidate(facts, unit, uses))
        .collect()
}

/// The strongest harmful signal of a unit for one of some measures.
fn worst<'a>(facts: &Facts<'a>, unit: &EntityRef, measures: &[Measure]) -> Option<&'a Signal> {
    let signals = facts.case.signals.iter();
    signals
        .filter(|signal| signal.harmful && signal.score >= NOTABLE && measures.contains(&signal.measure))
        .filter(|signal| signal.peer.is_none() && facts.unit_of(&signal.entity) == *unit)
        .max_by(|a, b| a.score.total_cmp(&b.score))
}

fn candidate(facts: &Facts<'_>, unit: &EntityRef, uses: &[&MemoryUse]) -> Option<Candidate> {
    let near = |used: &&&MemoryUse| used.share().is_some_and(|share| share >= NEAR);
    let killed = uses.iter().find(|used| used.kills > 0);
    let started = uses
        .iter()
        .find(|used| used.restarts > 0 && (used.drops.len() > 1 || near(used) && !used.drops.is_empty()));
    let full = uses.iter().find(near);
    let fell = uses.iter().find(|used| !used.drops.is_empty());
    let rises = uses.iter().find(|used| used.rises);
    let slow = worst(facts, unit, &[Measure::Latency]);
    let ends = killed.is_some() || started.is_some();
    let of = |used: &MemoryUse| match used.container.as_str() {
        "" => unit.to_string(),
        container => format!("container {container} of {unit}"),
    };
    let told = if ends {
        fell.or(full).or(rises)?
    } else {
        // Nothing was killed yet: what rises steadily to near its limit will be, and is slow for it before.
        full.filter(|used| used.rises && used.drops.is_empty())?
    };
    let leak = rises.is_some() && (ends || slow.is_some());
    if !ends && !leak {
        return None;
    }
    let what = match (ends, leak) {
        (true, true) => "starts again and again for want of memory: it grows steadily, as with a leak",
        (true, false) => "starts again and again for want of memory",
        (false, _) => "runs out of memory: it grows steadily, as with a leak, and is near its limit",
    };
    let mut found = Candidate::new(
        if leak { "memory_leak" } else { "memory_limit" },
        unit.clone(),
        format!("{} {what}", of(told)),
    )
    .aspect(told.container.as_str())
    .since(told.since.or(told.drops.first().copied()))
    .hurting(uses.iter().map(|used| used.entity.clone()))
    .derived(0.2)
    .advise(Advice::new(
        format!("Raise the memory limit of {}, and find what fills it", of(told)),
        "It is killed whenever it reaches the limit",
    ));
    if let Some(killed) = killed {
        found = found.clue("killed for memory", 3.2, vec![killed.ends()]);
    } else if let Some(started) = started {
        let weight = match started.drops.len() {
            1 => 1.2,
            _ => 1.8,
        };
        found = found.clue(
            "starts again when its memory is full",
            weight,
            vec![started.ends()],
        );
    }
    if let Some(full) = full {
        found = found.clue("memory comes near its limit", 1.4, vec![full.evidence()]);
    } else {
        found = found.unseen("how much memory it may use");
    }
    if leak {
        let seen = rises.map(|used| used.evidence()).into_iter().collect();
        found = found.clue("memory grows steadily", 1.2, seen);
    }
    if let Some(signal) = slow {
        found = found.clue(
            "answers late at the same time",
            0.6,
            vec![degradation::evidence(signal)],
        );
    }
    if let Some(signal) = more_work(facts, unit) {
        found = found
            .clue("more work than before", -0.8, vec![degradation::evidence(signal)])
            .derived(0.5);
    }
    if let Some((change, _)) = recent_change::of_unit(facts, unit, found.onset) {
        found = found
            .clue("changed before", 0.7, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use claw_core::report::Window;
    use claw_metrics::series::Series;

    use super::super::MemoryLimit;
    use crate::incident::case::Case;
    use crate::incident::testing::{at, case, of};
    use crate::incident::{memory, metrics};

    fn series(name: &str, value: impl Fn(i64) -> f64) -> Series {
        let labels = [
            ("__name__", name),
            ("namespace", "shop"),
            ("pod", "cart-7d9f8b6c5-x1"),
            ("container", "app"),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let points = (-120..30).map(|minute| (at(60 * minute), value(minute)));
        Series::new(labels.into_iter().collect(), points.collect())
    }

    fn world(all: &[Series]) -> Case {
        let mut case = case();
        case.baseline = Window {
            start: at(-7200),
            end: at(0),
        };
        metrics::compare(&mut case, all);
        let window = Window {
            start: at(-7200),
            end: at(1800),
        };
        assert_eq!(case.memory, memory::uses(all, &window));
        case
    }

    fn blamed(all: &[Series]) -> Vec<&'static str> {
        let found = of(&MemoryLimit, &world(all));
        found.iter().map(|found| found.mechanism).collect()
    }

    const USED: &str = "container_memory_working_set_bytes";
    const LIMIT: &str = "container_spec_memory_limit_bytes";
    const RESTARTS: &str = "kube_pod_container_status_restarts_total";
    const LATE: &str = "request_duration_seconds";

    /// Even before the trouble, from then on a tooth every ten minutes up to the limit of 500.
    fn saw(minute: i64) -> f64 {
        match minute {
            0.. => 5e7 * (1.0 + (minute % 10) as f64),
            _ => 5e7,
        }
    }

    /// Restarts after each tooth.
    fn ends(minute: i64) -> f64 {
        (minute.max(0) / 10) as f64
    }

    #[test]
    fn a_saw_tooth_with_restarts_is_told_as_memory() {
        let limit = series(LIMIT, |_| 5.2e8);
        let restarts = series(RESTARTS, ends);
        assert_eq!(
            blamed(&[series(USED, saw), limit.clone(), restarts.clone()]),
            ["memory_leak"]
        );
        // Full at once each time.
        let fills = |minute: i64| match minute {
            0.. if minute % 10 == 0 => 5e7,
            0.. => 5e8,
            _ => 5e7,
        };
        assert_eq!(
            blamed(&[series(USED, fills), limit.clone(), restarts.clone()]),
            ["memory_limit"]
        );
        // It starts again and again, and its memory is as ever; or its memory falls back, and nothing starts.
        assert!(blamed(&[series(USED, |_| 5e7), limit, restarts]).is_empty());
        assert!(blamed(&[series(USED, saw), series(LIMIT, |_| 5e9)]).is_empty());
    }

    #[test]
    fn what_grows_to_near_its_limit_and_is_slow_leaks() {
        let grows = |minute: i64| 2e8 + 2e6 * (minute + 120) as f64;
        let late = |minute: i64| {
            if minute < 0 {
                0.1 + 0.001 * (minute % 3) as f64
            } else {
                0.9
            }
        };
        let all = |limit: f64| {
            [
                series(USED, grows),
                series(LIMIT, move |_| limit),
                series(LATE, late),
            ]
        };
        assert_eq!(blamed(&all(5.2e8)), ["memory_leak"]);
        // There is much room left.
        assert!(blamed(&all(5e9)).is_empty());
        // Nobody is slow for it.
        assert!(blamed(&all(5.2e8)[..2]).is_empty());
    }
}
