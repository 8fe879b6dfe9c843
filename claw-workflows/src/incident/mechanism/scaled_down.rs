//! A workload has fewer replicas than its work needs, since somebody lowered their number.

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{HorizontalPodAutoscaler, Object as _, Workload};
use claw_metrics::signal::{Direction, Signal};
use jiff::{SignedDuration, Timestamp};

use super::scaling::{about_maximum, about_replicas, counts, scales, target};
use super::{Area, Mechanism, recent_change, webhook_unavailable};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::Target;
use crate::incident::degradation;
use crate::incident::facts::{Facts, SKEW};
use crate::incident::units::{self, Strain};
use crate::incident::witness;

/// A signal below this many robust standard deviations does not show that replicas are missing.
const NOTABLE: f64 = 5.0;
/// So many times as much work as usual accounts for strain by itself.
const MORE: f64 = 1.5;
/// How soon after they are gone replicas are missed.
const SOON: SignedDuration = SignedDuration::from_hours(2);

/// Replicas that were lowered, or an autoscaler's maximum, after which the replicas that are left are overworked; and a
/// workload scaled to zero that others need.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScaledDown;

impl Mechanism for ScaledDown {
    fn id(&self) -> &'static str {
        "scaled_down"
    }

    fn area(&self) -> Area {
        Area::Load
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let workloads = facts
            .top_workloads()
            .filter(|workload| {
                matches!(
                    workload.kind.as_str(),
                    "Deployment" | "StatefulSet" | "ReplicaSet"
                )
            })
            .filter_map(|workload| of_workload(facts, workload));
        let autoscalers = facts.case.objects.autoscalers.iter();
        workloads
            .chain(autoscalers.filter_map(|autoscaler| of_autoscaler(facts, autoscaler)))
            .collect()
    }
}

fn of_workload(facts: &Facts<'_>, workload: &Workload) -> Option<Candidate> {
    let entity = workload.entity();
    let change = recent_change::before_trouble(facts, &entity, None, scales)?;
    let (from, to) = counts(change, about_replicas).filter(|(from, to)| to < from)?;
    let found = Candidate::new(
        "scaled_down",
        entity.clone(),
        format!("{entity} was scaled from {from} to {to} replicas{}", missed(to)),
    )
    .clue(
        "replicas were lowered",
        weight(from, to),
        vec![facts.change_evidence(change)],
    )
    .since(Some(change.time))
    .brought_by(Some(&change.reference));
    let found = if to == 0 {
        nobody_left(facts, workload, change, found)?
    } else if by_autoscaler(facts, &entity, change) {
        return None;
    } else {
        overworked(facts, &entity, change.time, found)?
    };
    let namespace = workload.metadata.ns();
    Some(
        found.advise(
            Advice::new(
                format!("Scale {entity} back to {from} replicas"),
                "With so many it kept up with its work",
            )
            .command(format!(
                "kubectl -n {namespace} scale {}/{} --replicas={from}",
                entity.kind.to_lowercase(),
                entity.name
            )),
        ),
    )
}

fn missed(left: i64) -> &'static str {
    if left == 0 {
        ", so that nobody is left to do its work"
    } else {
        ", and those that are left do not keep up with its work"
    }
}

/// The more of the replicas are gone, the more the rest has to do.
fn weight(from: i64, to: i64) -> f64 {
    if to <= 0 {
        return 3.0;
    }
    let times = from as f64 / to as f64;
    times.ln().mul_add(1.6, 0.8).clamp(1.0, 3.2)
}

/// Whether an autoscaler made the change: it takes away what is not needed, by its measure.
fn by_autoscaler(facts: &Facts<'_>, workload: &EntityRef, change: &Change) -> bool {
    let scaled = facts
        .case
        .objects
        .autoscalers
        .iter()
        .any(|autoscaler| target(autoscaler) == *workload);
    let author = change.author.as_deref();
    scaled && author.is_none_or(|author| author.contains("controller") || author.contains("autoscaler"))
}

/// The maximum was lowered below what ran.
fn of_autoscaler(facts: &Facts<'_>, autoscaler: &HorizontalPodAutoscaler) -> Option<Candidate> {
    let (entity, target) = (autoscaler.entity(), target(autoscaler));
    let maximum = i64::from(autoscaler.spec.max_replicas);
    let limited = autoscaler
        .condition("ScalingLimited")
        .is_some_and(|condition| condition.is_true() && condition.reason == "TooManyReplicas");
    let edit = recent_change::before_trouble(facts, &entity, None, |change| {
        change.detail.iter().any(|line| about_maximum(line))
    });
    let lowered = edit
        .and_then(|change| Some((change, counts(change, about_maximum)?)))
        .filter(|(_, (from, to))| to < from);
    let cut = facts.event(&entity, |event| {
        event.reason == "SuccessfulRescale" && event.message.contains("above Spec.MaxReplicas")
    });
    let (time, how) = match (lowered, cut) {
        (Some((change, (from, to))), _) => (change.time, format!("lowered from {from} to {to}")),
        (None, Some(event)) => (event.first_seen()?, format!("set to {maximum}, below what ran")),
        (None, None) => return None,
    };
    let began = facts.case.began.unwrap_or(facts.case.window.end);
    if time < facts.case.window.start || time > began.checked_add(SKEW).unwrap_or(began) {
        return None;
    }
    let mut found = Candidate::new(
        "scaled_down",
        entity.clone(),
        format!("the maximum of {entity} was {how}, and the replicas of {target} that are left do not keep up with its work"),
    )
    .since(Some(time))
    .hurting([target.clone()]);
    if let Some((change, (from, to))) = lowered {
        found = found
            .clue(
                "maximum was lowered",
                weight(from, to),
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference));
    }
    if let Some(event) = cut {
        let weight = if lowered.is_some() { 0.8 } else { 2.4 };
        found = found.clue(
            "replicas above the maximum were ended",
            weight,
            vec![facts.event_evidence(event)],
        );
    }
    if limited {
        let statement = format!("would have more than {maximum} replicas, and may not");
        found = found.clue(
            "it would add replicas",
            1.0,
            vec![facts.object(autoscaler, None, statement)],
        );
    }
    let found = overworked(facts, &target, time, found.clone()).or(limited.then_some(found))?;
    let before = lowered.map_or_else(|| "NUMBER".to_owned(), |(_, (from, _))| from.to_string());
    Some(
        found.advise(
            Advice::new(
                format!("Raise the maximum of {entity} back to {before}"),
                "It adds the replicas that are missing as soon as it may",
            )
            .command(format!(
                "kubectl -n {} patch hpa {} --type merge -p '{{\"spec\":{{\"maxReplicas\":{before}}}}}'",
                autoscaler.metadata.ns(),
                autoscaler.metadata.name
            )),
        ),
    )
}

/// Adds how the workload fares with what is left; `None` where nothing shows that it misses any.
fn overworked(
    facts: &Facts<'_>,
    workload: &EntityRef,
    time: Timestamp,
    mut found: Candidate,
) -> Option<Candidate> {
    let unit = facts.unit_of(workload);
    let own: Vec<&Signal> = facts
        .case
        .signals
        .iter()
        .filter(|signal| signal.peer.is_none() && facts.unit_of(&signal.entity) == unit)
        .collect();
    let mut missed = false;
    for (strain, name, weight) in [
        (Strain::Cpu, "the rest needs more processor time each", 1.2),
        (Strain::Latency, "answers late since then", 0.8),
        (Strain::Queue, "work waits since then", 0.8),
    ] {
        let strongest = own
            .iter()
            .filter(|signal| signal.harmful && signal.direction == Direction::Up && signal.score >= NOTABLE)
            .filter(|signal| units::strain(signal) == strain && begins_with(signal, time))
            .max_by(|a, b| a.score.total_cmp(&b.score));
        if let Some(signal) = strongest {
            missed = true;
            found = found.clue(name, weight, vec![degradation::evidence(signal)]);
        }
    }
    if !missed {
        return None;
    }
    let surge = own.iter().find(|signal| {
        units::strain(signal) == Strain::Traffic && signal.direction == Direction::Up && signal.ratio >= MORE
    });
    Some(match surge {
        Some(signal) => found
            .clue(
                "it has more work than before",
                -1.0,
                vec![degradation::evidence(signal)],
            )
            .derived(0.3),
        None => found,
    })
}

/// Whether a signal moved when the replicas went, or soon after. Of one without an onset nobody knows.
fn begins_with(signal: &Signal, time: Timestamp) -> bool {
    let Some(onset) = signal.onset else { return true };
    let late = onset.duration_since(time);
    late >= -SKEW && late <= SOON
}

/// Adds who needs a workload that has no replicas; `None` where nobody is known to.
fn nobody_left(
    facts: &Facts<'_>,
    workload: &Workload,
    change: &Change,
    mut found: Candidate,
) -> Option<Candidate> {
    if workload.desired() != Some(0) {
        return None;
    }
    let entity = workload.entity();
    let namespace = workload.metadata.ns();
    let is_it = |other: &EntityRef| facts.unit_of(other) == entity || serves(facts, workload, other);
    let mut needed = false;
    let complaints: Vec<_> = facts
        .complaints()
        .iter()
        .filter(|complaint| matches!(&complaint.target, Target::Known(target) if is_it(target)))
        .filter(|complaint| {
            complaint
                .since()
                .is_none_or(|since| since.duration_since(change.time) >= -SKEW)
        })
        .collect();
    if let Some(first) = complaints.first() {
        needed = true;
        found = found
            .clue("callers do not get through to it", 1.5, first.evidence(facts))
            .hurting(complaints.iter().map(|complaint| complaint.workload.clone()));
    }
    let callers: Vec<EntityRef> = facts
        .case
        .calls
        .iter()
        .filter(|call| is_it(&call.callee))
        .map(|call| facts.unit_of(&call.caller))
        .filter(|caller| *caller != entity)
        .collect();
    if !callers.is_empty() {
        needed = true;
        let seen = vec![facts.object(workload, None, "is scaled to zero, and others call it")];
        found = found.clue("others call it", 1.0, seen).hurting(callers);
    }
    let refused: Vec<EntityRef> = webhook_unavailable::failing(facts)
        .into_iter()
        .filter(|(service, _)| is_it(service))
        .map(|(_, refused)| refused)
        .collect();
    if !refused.is_empty() {
        needed = true;
        let seen = vec![facts.object(
            workload,
            None,
            "is scaled to zero, and the API server asks it before it admits pods",
        )];
        found = found
            .clue("an admission webhook leads to it", 2.0, seen)
            .hurting(refused);
    }
    let queues = without_consumers(facts, namespace, change.time);
    if !queues.is_empty() {
        needed = true;
        let victims: Vec<EntityRef> = queues.iter().map(|(victim, _)| victim.clone()).collect();
        let seen = queues.into_iter().map(|(_, seen)| seen).take(3).collect();
        found = found
            .clue("a queue has no consumers since", 1.5, seen)
            .hurting(victims);
    }
    if facts.case.subject.iter().any(is_it) {
        needed = true;
        let seen = witness::of_events(
            facts,
            facts.event(&entity, |event| event.reason == "ScalingReplicaSet"),
        );
        found = found.clue("the alert is about it", 1.0, seen);
    }
    // Of a question about nothing in particular nobody is known who needs it, and somebody does.
    let left = facts
        .services_selecting(namespace, &workload.template().metadata.labels)
        .next();
    let asked = facts.case.incident.question.is_some() && facts.case.subject.is_empty();
    if let Some(service) = left.filter(|_| !needed && asked) {
        needed = true;
        let seen = vec![facts.object(service, None, "has nobody behind it any more")];
        found = found.clue("a Service leads to it", 0.3, seen);
    }
    needed.then_some(found)
}

/// Whether a Service selects the pods that the workload would have.
fn serves(facts: &Facts<'_>, workload: &Workload, service: &EntityRef) -> bool {
    let namespace = workload.metadata.ns();
    service.kind == "Service"
        && service.namespace.as_deref() == Some(namespace)
        && facts
            .service(namespace, &service.name)
            .is_some_and(|service| service.selects(&workload.template().metadata.labels))
}

/// Who says that nobody takes from a queue, since the replicas are gone: producers and brokers count consumers.
fn without_consumers(facts: &Facts<'_>, namespace: &str, time: Timestamp) -> Vec<(EntityRef, Evidence)> {
    let digests = facts.case.logs.iter();
    digests
        .filter(|digest| digest.pod.namespace.as_deref() == Some(namespace))
        .flat_map(|digest| digest.patterns.iter().map(move |pattern| (digest, pattern)))
        .filter(|(_, pattern)| no_consumers(&pattern.sample))
        .filter(|(_, pattern)| {
            pattern
                .first
                .is_none_or(|first| first.duration_since(time) >= -SKEW)
        })
        .map(|(digest, pattern)| (facts.unit_of(&digest.pod), facts.log_evidence(digest, pattern)))
        .collect()
}

fn no_consumers(text: &str) -> bool {
    let text = text.to_lowercase();
    [
        " 0 consumers",
        "no consumers",
        "no active consumers",
        "without consumers",
        "consumers=0",
        "consumers: 0",
        "\"consumers\":0",
        "has no active members",
        "no subscribers",
    ]
    .iter()
    .any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use claw_core::change::ChangeKind;
    use claw_core::entity::EntityRef;
    use claw_core::report::Window;
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::{ScaledDown, weight};
    use crate::incident::candidate::Candidate;
    use crate::incident::case::Case;
    use crate::incident::testing::{at, of};

    fn with(replicas: i64, autoscalers: Value) -> Case {
        let mut search = fixture::workload("shop", "search", json!([{"name": "app"}]));
        search["spec"]["replicas"] = json!(replicas);
        fixture::case(json!({
            "workloads": [search],
            "services": [fixture::service("shop", "search", json!({"port": 80}))],
            "autoscalers": autoscalers,
        }))
    }

    fn change(case: &mut Case, kind: &str, time: &str, line: &str, author: Option<&str>) {
        let entity = EntityRef::namespaced(kind, "shop", "search");
        let mut change = fixture::change(time, &entity, &[line]);
        change.kind = ChangeKind::Scale;
        change.author = author.map(str::to_owned);
        case.changes.push(change);
    }

    /// The latency of `search` is so many times as high from ten o'clock on.
    fn slow(case: &mut Case, times: f64) {
        let labels = [
            ("__name__", "latency_p95_seconds"),
            ("service", "search"),
            ("namespace", "shop"),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let points = (-90..30).map(|minute| {
            let usual = 0.1 + 0.001 * f64::from((minute + 90) % 3);
            (
                at(60 * i64::from(minute)),
                if minute < 0 { usual } else { usual * times },
            )
        });
        let series = claw_metrics::series::Series::new(labels.into_iter().collect(), points.collect());
        let incident = Window {
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

    fn found(case: &Case) -> Option<Candidate> {
        let mut found = of(&ScaledDown, case);
        assert!(found.len() < 2);
        found.pop()
    }

    #[test]
    fn replicas_that_are_missed_make_a_cause() {
        let scaled = |line: &str, time: &str, times: f64| {
            let mut case = with(2, json!([]));
            change(&mut case, "Deployment", time, line, Some("ops"));
            slow(&mut case, times);
            found(&case)
        };
        let cause = scaled("replicas: 10 → 2", "2026-05-01T09:58:00Z", 20.0).unwrap();
        assert_eq!(cause.entity, fixture::deployment("search"));
        assert!(cause.change.is_some());
        assert!(
            cause.advice[0]
                .command
                .as_ref()
                .unwrap()
                .ends_with("--replicas=10")
        );
        // Nobody misses them; there are more than before; it was done because of the trouble.
        assert!(scaled("replicas: 10 → 2", "2026-05-01T09:58:00Z", 1.0).is_none());
        assert!(scaled("replicas: 2 → 10", "2026-05-01T09:58:00Z", 20.0).is_none());
        assert!(scaled("replicas: 10 → 2", "2026-05-01T10:10:00Z", 20.0).is_none());
        assert!(weight(10, 2) > weight(10, 9));
    }

    #[test]
    fn an_autoscaler_is_blamed_for_its_maximum_only() {
        let autoscaler = json!([{
            "metadata": {"name": "search", "namespace": "shop"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "search"}, "maxReplicas": 3},
        }]);
        let mut case = with(3, autoscaler);
        slow(&mut case, 20.0);
        change(
            &mut case,
            "Deployment",
            "2026-05-01T09:58:00Z",
            "replicas: 11 → 3",
            None,
        );
        assert!(found(&case).is_none());
        change(
            &mut case,
            "HorizontalPodAutoscaler",
            "2026-05-01T09:57:00Z",
            "spec.maxReplicas: 20 → 3",
            Some("ops"),
        );
        let cause = found(&case).unwrap();
        assert_eq!(cause.entity.kind, "HorizontalPodAutoscaler");
        assert_eq!(cause.hurts, [fixture::deployment("search")]);
    }

    #[test]
    fn a_workload_without_replicas_is_missed_by_those_who_need_it() {
        let mut case = with(0, json!([]));
        change(
            &mut case,
            "Deployment",
            "2026-05-01T09:40:00Z",
            "replicas: 3 → 0",
            Some("ops"),
        );
        assert!(found(&case).is_none());
        let mut asked = case.clone();
        asked.incident.question = Some("Something is wrong in shop. Why?".to_owned());
        assert_eq!(
            fixture::clue(&found(&asked).unwrap(), "a Service leads to it"),
            Some(0.3)
        );
        let mut called = case.clone();
        fixture::call(&mut called, "web", "search");
        assert_eq!(
            fixture::clue(&found(&called).unwrap(), "others call it"),
            Some(1.0)
        );
        fixture::log(
            &mut case,
            "web-1",
            "WARN queue mail.out has 12000 messages and 0 consumers",
        );
        assert_eq!(
            fixture::clue(&found(&case).unwrap(), "a queue has no consumers since"),
            Some(1.5)
        );
    }
}
