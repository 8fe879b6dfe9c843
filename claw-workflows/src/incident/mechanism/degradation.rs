//! A unit's metrics stand out by themselves.

use std::cmp::Reverse;

use claw_core::entity::EntityRef;
use claw_metrics::classify::Measure;
use claw_metrics::logs::indicators::Indicator;
use claw_metrics::signal::Shape;
use jiff::{SignedDuration, Timestamp};

use super::rollback::roll_back;
use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Complaint, Target};
use crate::incident::degradation::{Strains, Suspect};
use crate::incident::facts::{Closeness, Facts, clip};
use crate::incident::units;

/// Share of a unit's strain that has to be its own for a change of the unit to count as what brought it.
const MOSTLY: f64 = 0.5;
/// How soon after a change the strain has to begin.
const SOON: SignedDuration = SignedDuration::from_hours(1);
/// What a change right before strain that is wholly the unit's own weighs.
const CHANGED: f64 = 1.0;
/// How much of that counts where the change's name has the unit's words and others, or only its summary has them.
const NAMED_WITHIN: f64 = 0.8;
const ONLY_TOLD: f64 = 0.6;
/// How much where they have no more than a word in common.
const WORD_IN_COMMON: f64 = 0.4;
/// How much where the trouble came later than soon, and something of the unit grew steadily until then.
const GROWN: f64 = 0.7;

/// Strain that the metrics show and that the units which are called do not account for.
///
/// Its candidates carry the mechanism that the strain speaks for: `cpu_contention`, `memory_pressure`,
/// `storage_pressure`, `saturation`, `latency_degradation`, `error_degradation`, `network_degradation`, `traffic_surge` or
/// `traffic_loss`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Degradation;

impl Mechanism for Degradation {
    fn id(&self) -> &'static str {
        "degradation"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &[
            "cpu_contention",
            "memory_pressure",
            "storage_pressure",
            "saturation",
            "latency_degradation",
            "error_degradation",
            "network_degradation",
            "traffic_surge",
            "traffic_loss",
        ]
    }

    fn area(&self) -> Area {
        Area::Load
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let unit_of = |entity: &EntityRef| facts.unit_of(entity);
        let calls = facts
            .case
            .calls
            .iter()
            .map(|call| (call.caller.clone(), call.callee.clone()));
        // Who only names another in its configuration may never call it.
        let counted = facts.case.calls.iter().filter(|call| call.via == "metrics");
        let counted = counted.map(|call| (call.caller.clone(), call.callee.clone()));
        let strains = Strains {
            units: units::units(&facts.case.signals, &unit_of),
            edges: units::edges(&facts.case.signals, &unit_of),
            callees: units::callees(calls, &unit_of),
            counted: units::callees(counted, &unit_of),
            measured: facts
                .case
                .measured
                .iter()
                .map(|(entity, measure)| (unit_of(entity), units::strain_of(*measure)))
                .collect(),
        };
        let suspects = strains.suspects();
        suspects
            .into_iter()
            .map(|suspect| judge(facts, suspect))
            .collect()
    }
}

/// What else is known of a unit that stands out: whom its own logs blame, or what was changed of it.
fn judge(facts: &Facts<'_>, suspect: Suspect) -> Candidate {
    let Suspect { candidate, own, .. } = suspect;
    let candidate = candidate.general();
    match blamed(facts, &candidate) {
        Some(complaint) => candidate.clue("its logs blame another", -2.0, complaint.evidence(facts)),
        None if own >= MOSTLY => brought(facts, candidate, own),
        None => candidate,
    }
}

/// Strain of a unit's own that began soon after a change of the unit was probably brought by it. The sooner, the more that
/// tells.
fn brought(facts: &Facts<'_>, candidate: Candidate, own: f64) -> Candidate {
    let unit = &candidate.entity;
    // What came soon before, and of that what is named; otherwise the last before what fills up since then.
    let soon = |age: &SignedDuration| *age <= SOON;
    let changes = recent_change::all_of_unit(facts, unit, candidate.onset);
    let likeliest = changes
        .into_iter()
        .filter(|(change, age)| soon(age) || fills_up(facts, unit, change.time))
        .max_by_key(|(change, age)| {
            let named = recent_change::is_named(facts, change);
            (soon(age), named, change.time, Reverse(&change.reference))
        });
    let Some((change, age)) = likeliest else {
        return candidate;
    };
    let near = 1.0 - 0.5 * age.as_secs_f64() / SOON.as_secs_f64();
    let nearness = match fills_up(facts, unit, change.time) {
        true => near.max(GROWN),
        false => near,
    };
    let sure = match facts.concern_of(change).map(|concern| concern.closeness) {
        Some(Closeness::Shared) => WORD_IN_COMMON,
        Some(Closeness::Told) => ONLY_TOLD,
        Some(Closeness::Within) => NAMED_WITHIN,
        Some(Closeness::Alike | Closeness::Exact) | None => 1.0,
    };
    let reason = format!("{unit} was well before that, and its trouble is its own");
    let advice = roll_back(facts, &change.entity, change, &reason).or_else(|| {
        // What was just created has no state before it that was well.
        (!facts.is_creation(change)).then(|| {
            Advice::new(
                match recent_change::is_named(facts, change) {
                    true => format!("Take back the change of {unit}: {}", clip(&change.summary, 80)),
                    false => format!(
                        "Find out whether it was a change that has a word in common with {unit}: {}",
                        clip(&change.summary, 80)
                    ),
                },
                reason,
            )
        })
    });
    let mut candidate = candidate
        .clue(
            "changed before its own trouble",
            CHANGED * own * nearness * sure,
            vec![facts.change_evidence(change)],
        )
        .brought_by(Some(&change.reference));
    candidate
        .cause
        .push_str(&format!("; before that: {}", clip(&change.summary, 120)));
    candidate.advice.splice(0..0, advice);
    candidate
}

/// Whether a unit uses up something little by little since some time: trouble by that comes long after what brought it.
fn fills_up(facts: &Facts<'_>, unit: &EntityRef, since: Timestamp) -> bool {
    facts.case.signals.iter().any(|signal| {
        let of_what_is_used_up = matches!(
            signal.measure,
            Measure::Memory | Measure::Handles | Measure::Connections | Measure::Disk
        );
        of_what_is_used_up
            && signal.shape == Shape::Trend
            && signal.harmful
            && signal.peer.is_none()
            && signal.onset.is_some_and(|onset| onset >= since)
            && facts.unit_of(&signal.entity) == *unit
    })
}

/// Failures that a unit's own logs put down to somebody else are not the unit's own, even where nothing was measured of
/// that somebody.
fn blamed<'f, 'a>(facts: &'f Facts<'a>, candidate: &Candidate) -> Option<&'f Complaint<'a>> {
    if !matches!(candidate.mechanism, "error_degradation" | "latency_degradation") {
        return None;
    }
    facts.complaints().iter().find(|complaint| {
        let fails = matches!(
            complaint.kind,
            Indicator::ConnectionRefused
                | Indicator::ConnectionReset
                | Indicator::Timeout
                | Indicator::UnknownHost
                | Indicator::ResolverFailed
                | Indicator::Unreachable
                | Indicator::UpstreamError
                | Indicator::RateLimited
        );
        fails && complaint.workload == candidate.entity && complaint.target != Target::Unnamed
    })
}

#[cfg(test)]
mod tests {
    use claw_core::change::ChangeKind;
    use claw_metrics::series::Series;
    use claw_metrics::signal;

    use super::*;
    use crate::incident::case::{Call, Case};
    use crate::incident::testing::{at, case, deploy, of};

    fn service(name: &str) -> EntityRef {
        EntityRef::namespaced("Service", "shop", name)
    }

    /// `front` calls `back`, and both fail from second 0 on, `front` in a share of `front_share` of its requests.
    fn failing(front_share: f64) -> Case {
        let mut case = case();
        for (name, share) in [("front", front_share), ("back", 0.3)] {
            let labels = [
                ("__name__", "service_error_ratio"),
                ("service", name),
                ("namespace", "shop"),
            ];
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let points = (-60..30).map(|minute| (at(60 * minute), if minute < 0 { 0.002 } else { share }));
            let series = Series::new(labels.into_iter().collect(), points.collect());
            let incident = claw_core::report::Window {
                start: at(0),
                end: at(1800),
            };
            case.signals
                .extend(signal::detect(&series, &incident, None, &Default::default()));
        }
        assert_eq!(case.signals.len(), 2);
        case.calls.push(Call {
            caller: service("front"),
            callee: service("back"),
            via: "topology".to_owned(),
        });
        case
    }

    /// The changes that the candidates of `front` and `back` rest on.
    fn rests_on(case: &Case) -> [Option<String>; 2] {
        let candidates = of(&Degradation, case);
        ["front", "back"].map(|name| {
            let mut all = candidates.iter();
            let found = all.find(|candidate| candidate.entity == service(name));
            found.unwrap().change.clone()
        })
    }

    #[test]
    fn a_change_right_before_trouble_of_its_own_brought_it() {
        let mut case = failing(0.3);
        case.changes = vec![
            deploy(&service("back"), "old", -3000),
            deploy(&service("back"), "new", -120),
            deploy(&service("front"), "decoy", -120),
            deploy(&service("other"), "elsewhere", -60),
            deploy(&service("back"), "repair", 600),
        ];
        // The caller fails because of whom it calls, whatever was deployed of it.
        assert_eq!(rests_on(&case), [None, Some("new".to_owned())]);
        let found = of(&Degradation, &case);
        let back = found.iter().find(|c| c.entity == service("back")).unwrap();
        assert!(
            back.advice[0].title.starts_with("Take back the change"),
            "{:?}",
            back.advice
        );
        // Most of its failures are its own.
        case = Case {
            changes: case.changes,
            ..failing(0.9)
        };
        assert_eq!(rests_on(&case)[0].as_deref(), Some("decoy"));
    }

    #[test]
    fn changes_of_long_before_and_of_the_number_of_replicas_are_not_blamed() {
        let mut case = failing(0.3);
        case.changes = vec![deploy(&service("back"), "old", -4000)];
        assert_eq!(rests_on(&case), [None, None]);
        case.changes = vec![deploy(&service("back"), "scaled", -60)];
        case.changes[0].kind = ChangeKind::Scale;
        assert_eq!(rests_on(&case), [None, None]);
        case.changes[0].detail = vec!["spec.replicas: 2 → 5".to_owned()];
        assert_eq!(rests_on(&case), [None, None]);
    }

    #[test]
    fn what_fills_up_since_a_change_is_brought_by_it_however_late_it_fails() {
        let mut case = failing(0.3);
        case.window.start = at(-20_000);
        case.changes = vec![deploy(&service("back"), "leaky", -9000)];
        assert_eq!(rests_on(&case), [None, None]);
        let grown = claw_metrics::signal::Signal {
            measure: Measure::Memory,
            shape: Shape::Trend,
            onset: Some(at(-8900)),
            ..case
                .signals
                .iter()
                .find(|s| s.entity == service("back"))
                .unwrap()
                .clone()
        };
        case.signals.push(grown);
        assert_eq!(rests_on(&case), [None, Some("leaky".to_owned())]);
        // It grew before.
        case.signals.last_mut().unwrap().onset = Some(at(-9600));
        assert_eq!(rests_on(&case), [None, None]);
    }

    #[test]
    fn a_name_counts_before_a_word_in_common() {
        let mut case = failing(0.3);
        let flag = EntityRef::cluster("FeatureFlag", "backs.new-way");
        case.changes = vec![
            deploy(&service("back"), "named", -300),
            deploy(&flag, "flag", -60),
        ];
        assert_eq!(rests_on(&case)[1].as_deref(), Some("named"));
        case.changes.remove(0);
        assert_eq!(rests_on(&case)[1].as_deref(), Some("flag"));
    }

    #[test]
    fn replicas_that_a_person_took_away_brought_what_came_right_after() {
        let mut case = failing(0.3);
        case.changes = vec![deploy(&service("back"), "scaled", -60)];
        case.changes[0].kind = ChangeKind::Scale;
        case.changes[0].detail = vec!["spec.replicas: 5 → 2".to_owned()];
        assert_eq!(rests_on(&case)[1].as_deref(), Some("scaled"));
        case.changes[0].author = Some("kube-controller-manager".to_owned());
        assert_eq!(rests_on(&case), [None, None]);
        case.changes[0].author = Some("kustomize-controller".to_owned());
        assert_eq!(rests_on(&case)[1].as_deref(), Some("scaled"));
    }

    #[test]
    fn a_change_is_that_of_the_unit_however_it_is_named() {
        for named in [
            EntityRef::cluster("Service", "back"),
            EntityRef::namespaced("Deployment", "shop", "back"),
            EntityRef::cluster("Deployment", "back"),
            EntityRef::namespaced("Deployment", "shop", "BackService"),
            EntityRef::cluster("Repository", "acme/shop-back"),
        ] {
            let mut case = failing(0.3);
            case.changes = vec![deploy(&named, "new", -120)];
            assert_eq!(rests_on(&case)[1].as_deref(), Some("new"), "{named}");
        }
        let mut case = failing(0.3);
        case.changes = vec![deploy(
            &EntityRef::namespaced("Service", "test", "back"),
            "new",
            -120,
        )];
        assert_eq!(rests_on(&case), [None, None]);
    }

    #[test]
    fn who_is_refused_elsewhere_does_not_fail_by_a_change_of_its_own() {
        let refused = |line: &str| {
            let mut case = failing(0.3);
            case.changes = vec![deploy(&service("back"), "new", -120)];
            super::super::fixture::log(&mut case, "back-0", line);
            rests_on(&case)[1].clone()
        };
        assert_eq!(
            refused("GET https://maps.example.com/v1: 429 Too Many Requests: daily quota exceeded"),
            None
        );
        // Nobody is named: it may be the one who refuses.
        assert_eq!(refused("429 Too Many Requests").as_deref(), Some("new"));
    }
}
