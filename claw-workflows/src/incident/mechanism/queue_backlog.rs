//! Work piles up in front of a consumer.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, Workload};
use claw_metrics::classify::Measure;
use claw_metrics::logs::indicators::Indicator;
use claw_metrics::signal::{Direction, Signal};
use jiff::SignedDuration;

use super::labels::label_of;
use super::rollback::roll_back;
use super::scaling::scales;
use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::Complaint;
use crate::incident::degradation;
use crate::incident::facts::Facts;

/// A signal below this many robust standard deviations is no backlog.
const NOTABLE: f64 = 4.0;
/// How soon after a change the backlog has to begin.
const SOON: SignedDuration = SignedDuration::from_hours(1);
/// Labels by which exporters of brokers name who takes from a queue, the most telling first.
const CONSUMER: [&str; 9] = [
    "consumergroup",
    "consumer_group",
    "group",
    "group_id",
    "consumer",
    "subscription",
    "subscription_id",
    "queue",
    "queue_name",
];

/// A queue grows because its consumer is gone, stuck, or slower than what arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueBacklog;

impl Mechanism for QueueBacklog {
    fn id(&self) -> &'static str {
        "queue_backlog"
    }

    fn area(&self) -> Area {
        Area::Dependency
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut consumers: BTreeMap<EntityRef, Vec<&Signal>> = BTreeMap::new();
        for signal in growing(facts) {
            if let Some(consumer) = consumer(facts, signal) {
                consumers.entry(consumer.entity()).or_default().push(signal);
            }
        }
        for complaint in told(facts) {
            consumers.entry(complaint.workload.clone()).or_default();
        }
        consumers
            .into_iter()
            .map(|(consumer, signals)| candidate(facts, &consumer, &signals))
            .collect()
    }
}

fn growing<'a>(facts: &Facts<'a>) -> impl Iterator<Item = &'a Signal> + use<'a> {
    facts.case.signals.iter().filter(|signal| {
        signal.measure == Measure::Queue && signal.direction == Direction::Up && signal.score >= NOTABLE
    })
}

/// What consumers say that lose their place or fall behind.
fn told<'f, 'a>(facts: &'f Facts<'a>) -> impl Iterator<Item = &'f Complaint<'a>> {
    let all = facts.complaints().iter();
    all.filter(|complaint| complaint.kind == Indicator::QueueTrouble)
}

/// The workload that takes from a queue: the one that is called like the consumer group, or is configured with it.
fn consumer<'a>(facts: &Facts<'a>, signal: &Signal) -> Option<&'a Workload> {
    CONSUMER
        .iter()
        .filter_map(|name| label_of(signal, name))
        .find_map(|group| {
            let named = |workload: &&Workload| workload.metadata.name == group;
            let configured = |workload: &&Workload| {
                let containers = workload.template().spec.containers.iter();
                containers
                    .flat_map(|container| &container.env)
                    .any(|variable| variable.value.as_deref() == Some(group) && names_queue(&variable.name))
            };
            let mut all = facts.top_workloads().filter(|one| named(one) || configured(one));
            let first = all.next()?;
            // Several of one group: the one of its name, otherwise it cannot be told.
            match all.next() {
                None => Some(first),
                Some(_) => facts.top_workloads().find(named),
            }
        })
}

/// Whether a variable of that name holds from which queue, or in which group, a program takes its work. Values such as
/// `default` stand in variables of all kinds.
fn names_queue(variable: &str) -> bool {
    let name = variable.to_ascii_lowercase();
    ["group", "queue", "consumer", "subscription", "topic", "stream"]
        .iter()
        .any(|word| name.contains(word))
}

fn candidate(facts: &Facts<'_>, consumer: &EntityRef, signals: &[&Signal]) -> Candidate {
    let complaint = told(facts).find(|complaint| complaint.workload == *consumer);
    let since = signals
        .iter()
        .filter_map(|signal| signal.onset)
        .chain(complaint.and_then(Complaint::since))
        .min();
    let what = signals
        .first()
        .map(|signal| format!(": {}", signal.statement()))
        .unwrap_or_default();
    let mut found = Candidate::new(
        "queue_backlog",
        consumer.clone(),
        format!("{consumer} does not keep up with what is queued for it{what}"),
    )
    .since(since)
    .hurting(signals.iter().map(|signal| signal.entity.clone()))
    .derived(0.4);
    if !signals.is_empty() {
        let seen = signals
            .iter()
            .take(4)
            .map(|signal| degradation::evidence(signal))
            .collect();
        found = found.clue("work piles up in front of it", 1.8, seen);
    }
    if let Some(complaint) = complaint {
        found = found.clue("consumer loses its place", 1.5, complaint.evidence(facts));
    }
    let workload = facts.workload(consumer);
    let stopped = workload.filter(|workload| workload.desired() == Some(0));
    if let Some(workload) = stopped {
        let seen = vec![facts.object(workload, None, "is scaled to zero")];
        found = found.clue("consumer is scaled to zero", 2.5, seen).derived(0.1);
        if let Some(change) = recent_change::before_trouble(facts, consumer, since, scales) {
            found = found
                .clue("scaled before", 1.0, vec![facts.change_evidence(change)])
                .brought_by(Some(&change.reference));
        }
    } else if let Some((change, _)) =
        recent_change::of_unit(facts, consumer, since).filter(|(_, age)| *age <= SOON)
    {
        found = found
            .clue(
                "consumer was changed before",
                1.0,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference));
        let back = roll_back(facts, consumer, change, "It kept up before");
        found.advice.extend(back);
    }
    let ns = consumer.namespace.as_deref().unwrap_or("default");
    let advice = Advice::new(
        format!(
            "See why {consumer} takes less than arrives: stopped, stuck at one message, or too few of it"
        ),
        "What is queued waits until it has caught up",
    );
    found.advise(advice.command(format!(
        "kubectl -n {ns} get {0} {1}; kubectl -n {ns} logs {0}/{1} --tail=100",
        consumer.kind.to_lowercase(),
        consumer.name
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture;
    use super::QueueBacklog;
    use crate::incident::candidate::Candidate;
    use crate::incident::case::Case;
    use crate::incident::testing::{at, of};

    /// A Deployment `mailer` of so many replicas, and a lag of a consumer group that grows.
    fn case(group: &str, replicas: i32) -> Case {
        let env =
            json!([{"name": "GROUP_ID", "value": "mail-out"}, {"name": "STAGE", "value": "production"}]);
        let mut mailer = fixture::workload("shop", "mailer", json!([{"name": "app", "env": env}]));
        mailer["spec"]["replicas"] = json!(replicas);
        let mut case = fixture::case(json!({"workloads": [mailer]}));
        let labels = [
            ("__name__", "kafka_consumergroup_lag"),
            ("consumergroup", group),
            ("topic", "mails"),
            ("service", "kafka-exporter"),
            ("namespace", "shop"),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let points = (-60..30).map(|minute| {
            let lag = if minute < 0 {
                12.0 + f64::from(minute % 3)
            } else {
                400.0 * f64::from(minute + 1)
            };
            (at(60 * i64::from(minute)), lag)
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
        assert_eq!(case.signals.len(), 1);
        case
    }

    fn found(case: &Case) -> Option<Candidate> {
        of(&QueueBacklog, case).pop()
    }

    #[test]
    fn the_consumer_is_known_by_its_name_or_its_configuration() {
        for group in ["mailer", "mail-out"] {
            let found = found(&case(group, 2)).unwrap();
            assert_eq!(found.entity.name, "mailer");
        }
        assert!(found(&case("somebody", 2)).is_none());
        // The value of a variable that is about something else.
        assert!(found(&case("production", 2)).is_none());
    }

    #[test]
    fn a_consumer_that_is_scaled_to_zero_takes_nothing() {
        let found = found(&case("mailer", 0)).unwrap();
        assert_eq!(fixture::clue(&found, "consumer is scaled to zero"), Some(2.5));
    }
}
