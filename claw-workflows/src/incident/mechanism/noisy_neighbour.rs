//! Somebody on the same node takes what others need.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, Pod};
use claw_metrics::classify::{Measure, Unit};
use claw_metrics::signal::{Direction, Signal};
use jiff::{SignedDuration, Timestamp};

use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::degradation;
use crate::incident::facts::{Facts, SKEW};

/// A signal below this many robust standard deviations does not count.
const NOTABLE: f64 = 4.0;
/// From this share of its processor time on, who asks a node for more waits.
const FULL: f64 = 0.85;
/// How soon before the others' trouble a pod must have started to be what brought it.
const SOON: SignedDuration = SignedDuration::from_mins(30);

/// A pod without a limit, usually of a batch job, uses up a node's processors, and its neighbours are slow.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoisyNeighbour;

impl Mechanism for NoisyNeighbour {
    fn id(&self) -> &'static str {
        "noisy_neighbour"
    }

    fn area(&self) -> Area {
        Area::Load
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let by_node = signals_by_node(facts);
        by_node
            .into_iter()
            .flat_map(|(node, signals)| of_node(facts, &node, &signals))
            .collect()
    }
}

/// Harmful signals by the node on which they are felt: of the node itself, and of the pods there.
fn signals_by_node<'a>(facts: &Facts<'a>) -> BTreeMap<String, Vec<&'a Signal>> {
    let mut found: BTreeMap<String, Vec<&Signal>> = BTreeMap::new();
    let strong = |signal: &&Signal| signal.score >= NOTABLE && signal.direction == Direction::Up;
    for signal in facts.case.signals.iter().filter(strong) {
        let entities = || std::iter::once(&signal.entity).chain(&signal.related);
        let node = entities()
            .find(|entity| entity.kind == "Node")
            .map(|node| node.name.clone());
        let of_pod = || {
            let pod = entities().find_map(|entity| facts.pod(entity))?;
            Some(pod.spec.node_name.clone()).filter(|name| !name.is_empty())
        };
        if let Some(node) = of_pod().or(node) {
            found.entry(node).or_default().push(signal);
        }
    }
    found
}

/// Whether a signal says that processor time is short where it is measured.
fn starved(signal: &Signal) -> bool {
    matches!(signal.measure, Measure::CpuThrottling | Measure::Latency) && signal.harmful
}

/// Whether a signal of a node says that its processors have nothing left to give. That it uses more than before says little.
fn is_full(facts: &Facts<'_>, signal: &Signal) -> bool {
    let level = match (signal.measure, signal.classification.unit) {
        (Measure::CpuThrottling, _) => return signal.harmful,
        (Measure::Cpu, Unit::Ratio) => Some(signal.observed),
        (Measure::Cpu, Unit::Percent) => Some(signal.observed / 100.0),
        (Measure::Cpu, _) => facts.node(&signal.entity.name).and_then(|node| {
            let cores: claw_k8s::quantity::Cpu = node.status.allocatable.get("cpu")?.as_str().parse().ok()?;
            (cores.cores() > 0.0).then(|| signal.observed / cores.cores())
        }),
        _ => return false,
    };
    level.is_some_and(|level| level >= FULL)
}

fn of_node(facts: &Facts<'_>, node: &str, signals: &[&Signal]) -> Vec<Candidate> {
    let whole: Vec<&Signal> = signals
        .iter()
        .copied()
        .filter(|signal| signal.entity.kind == "Node")
        .filter(|signal| is_full(facts, signal))
        .collect();
    // Without a sign that the node as a whole is full, its pods strain for reasons of their own.
    if whole.is_empty() {
        return Vec::new();
    }
    let began = whole.iter().filter_map(|signal| signal.onset).min();
    let here: Vec<&Pod> = facts
        .pods_on(node)
        .iter()
        .copied()
        .filter(|pod| !pod.spec.host_network)
        .collect();
    let mut takers: BTreeMap<EntityRef, (Vec<&Pod>, Vec<&Signal>)> = BTreeMap::new();
    for &pod in &here {
        let this = pod.entity();
        let uses: Vec<&Signal> = signals
            .iter()
            .copied()
            .filter(|signal| signal.measure == Measure::Cpu)
            .filter(|signal| signal.entity == this || signal.related.contains(&this))
            .collect();
        if started_with(pod, began) || !uses.is_empty() {
            let entry = takers.entry(facts.workload_of(pod)).or_default();
            entry.0.push(pod);
            entry.1.extend(uses);
        }
    }
    takers
        .into_iter()
        .filter_map(|(taker, (pods, uses))| {
            let victims: BTreeSet<EntityRef> = here
                .iter()
                .map(|pod| facts.workload_of(pod))
                .filter(|other| *other != taker)
                .collect();
            candidate(facts, node, &taker, &pods, &uses, &whole, victims)
        })
        .collect()
}

/// Whether a pod started shortly before something began.
fn started_with(pod: &Pod, began: Option<Timestamp>) -> bool {
    let started = pod.status.start_time.or(pod.metadata.creation_timestamp);
    started.zip(began).is_some_and(|(started, began)| {
        let age = began.duration_since(started);
        age >= -SKEW && age <= SOON
    })
}

fn unlimited(pod: &Pod) -> bool {
    let limited = |container: &claw_k8s::model::Container| container.resources.limits.contains_key("cpu");
    pod.spec.containers.iter().any(|container| !limited(container))
}

fn candidate(
    facts: &Facts<'_>,
    node: &str,
    taker: &EntityRef,
    pods: &[&Pod],
    uses: &[&Signal],
    whole: &[&Signal],
    victims: BTreeSet<EntityRef>,
) -> Option<Candidate> {
    let pod = pods.first()?;
    let began = whole.iter().filter_map(|signal| signal.onset).min();
    let with = pods.iter().find(|pod| started_with(pod, began));
    let batch = matches!(taker.kind.as_str(), "Job" | "CronJob");
    // Who is starved is no taker: it uses more because it waits, or because of its own work.
    let starving = facts
        .case
        .signals
        .iter()
        .filter(|signal| signal.score >= NOTABLE && starved(signal))
        .any(|signal| facts.unit_of(&signal.entity) == *taker);
    if victims.is_empty() || !unlimited(pod) || (!batch && (uses.is_empty() || starving)) {
        return None;
    }
    let hurt = facts
        .case
        .signals
        .iter()
        .filter(|signal| signal.score >= NOTABLE && starved(signal))
        .filter(|signal| victims.contains(&facts.unit_of(&signal.entity)))
        .take(4)
        .map(degradation::evidence)
        .collect::<Vec<_>>();
    let full = whole
        .iter()
        .take(2)
        .map(|signal| degradation::evidence(signal))
        .collect();
    let started = with.and_then(|pod| pod.status.start_time.or(pod.metadata.creation_timestamp));
    let mut found = Candidate::new(
        "noisy_neighbour",
        taker.clone(),
        if uses.is_empty() {
            format!(
                "Node {node} has no processor time left since about when {taker} started there, which may use it up"
            )
        } else {
            format!("{taker} uses up the processors of Node {node}, and its neighbours there wait")
        },
    )
    .clue("node has no processor time left", 1.2, full)
    .since(started.or(began))
    .hurting(victims)
    .hurting([EntityRef::cluster("Node", node)])
    .derived(0.1);
    if let Some(pod) = with {
        let seen = vec![facts.object(
            *pod,
            started,
            format!("runs on {node} without a limit of processor time"),
        )];
        found = found.clue("started right before", if batch { 1.8 } else { 1.0 }, seen);
    }
    if !uses.is_empty() {
        let seen = uses
            .iter()
            .take(3)
            .map(|signal| degradation::evidence(signal))
            .collect();
        found = found.clue("uses much processor time", 1.5, seen);
    } else {
        found = found.unseen(format!("how much processor time {taker} uses"));
    }
    if !hurt.is_empty() {
        found = found.clue("its neighbours are slow", 1.0, hurt);
    }
    Some(found.advise(Advice::new(
        format!("Give {taker} a limit of processor time, or run it on nodes of its own or at another hour"),
        "Without a limit it takes all that is left of a node",
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::NoisyNeighbour;
    use crate::incident::case::Case;
    use crate::incident::testing::{at, of};

    fn signal(case: &mut Case, labels: &[(&str, &str)], values: (f64, f64)) {
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let points = (-60..30).map(|minute| {
            let level = if minute < 0 { values.0 } else { values.1 };
            (
                at(60 * minute),
                level * (1.0 + 0.01 * (minute.rem_euclid(5)) as f64),
            )
        });
        let series = claw_metrics::series::Series::new(labels.collect(), points.collect());
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

    fn blamed(started: i64, limits: &Value, level: f64) -> Vec<String> {
        let mut job = fixture::pod(
            "shop",
            "report",
            json!([{"name": "app", "resources": {"limits": limits}}]),
        );
        job["metadata"]["ownerReferences"] = json!([{"kind": "Job", "name": "report", "controller": true}]);
        job["status"]["startTime"] = json!(at(started));
        let mut case = fixture::case(json!({
            "pods": [job, fixture::pod("shop", "web", json!([{"name": "app"}]))],
            "workloads": [fixture::workload("shop", "web", json!([{"name": "app"}]))],
            "nodes": [{"metadata": {"name": "node-1"}}],
        }));
        signal(
            &mut case,
            &[("__name__", "node_cpu_utilization_ratio"), ("node", "node-1")],
            (0.3, level),
        );
        let web = [
            ("__name__", "service_latency_seconds"),
            ("service", "web"),
            ("namespace", "shop"),
        ];
        signal(&mut case, &web, (0.1, 0.9));
        of(&NoisyNeighbour, &case)
            .into_iter()
            .map(|found| found.entity.to_string())
            .collect()
    }

    #[test]
    fn a_job_without_a_limit_that_started_right_before_is_one() {
        assert_eq!(blamed(-60, &json!({}), 0.98), ["Job shop/report"]);
        assert!(blamed(-60, &json!({"cpu": "1"}), 0.98).is_empty());
        assert!(blamed(-7200, &json!({}), 0.98).is_empty());
        // Twice as much as before, and half of it is left.
        assert!(blamed(-60, &json!({}), 0.6).is_empty());
    }
}
