//! Which logs are worth reading.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_core::evidence::Severity;
use claw_k8s::model::{Object, Pod};
use claw_metrics::classify::Measure;
use jiff::Timestamp;

use crate::incident::callees::Callees;
use crate::incident::case::Case;
use crate::incident::complaint::Target;
use crate::incident::facts::Facts;
use crate::incident::{relay, symptom};

/// Pods of one workload whose logs are read: they say the same.
const PER_WORKLOAD: usize = 2;
/// Pods of one workload that the alert is about, read at most where those that were read say nothing: one of several may be in
/// trouble, and look as well as the others.
const PER_SUBJECT: usize = 6;
/// Containers of workloads whose errors those around the alerting ones pass on.
const MAX_ORIGINS: usize = 3;
/// Containers of workloads that nothing leads to.
const MAX_BEYOND: usize = 8;
/// Calls for logs in a run in which nothing is found: where many were read already, another one is unlikely to say more.
const MAX_IN_QUIET: usize = 9;
/// The same where a person asks about nothing in particular.
const MAX_IN_QUIET_QUESTION: usize = 13;
/// A signal below this many robust standard deviations is no reason to read a log.
const NOTABLE: f64 = 5.0;

/// One container's log to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::incident) struct Wanted {
    pub(super) pod: EntityRef,
    pub(super) container: String,
    pub(super) previous: bool,
}

impl Wanted {
    /// Namespace, pod and container, as evidence names them.
    pub(in crate::incident) fn locator(&self) -> String {
        let suffix = if self.previous { ".previous" } else { "" };
        format!("{}/{}{suffix}", self.pod.path(), self.container)
    }
}

/// The first `most` of what is worth reading. Of the rest it is known that it was left.
pub(in crate::incident::steps) fn first(
    case: &mut Case,
    mut wanted: Vec<Wanted>,
    most: usize,
) -> Vec<Wanted> {
    let left = wanted.split_off(wanted.len().min(most));
    case.logs_left.extend(left.iter().map(Wanted::locator));
    wanted
}

/// What is worth reading, the most telling first, and what cannot be read since the kubelet there does not answer.
pub(super) struct Selection {
    pub(super) near: Vec<Wanted>,
    pub(super) far: Vec<Wanted>,
}

/// Which logs are worth reading: of the pods in trouble first, then of the alerting ones. Of pods that are as urgent, one of
/// each workload comes before a second one of any, and of a question about nothing in particular those with young pods come
/// first, for what was changed is likelier to have trouble.
pub(super) fn of_the_troubled(facts: &Facts<'_>) -> Selection {
    let subject: BTreeSet<EntityRef> = facts
        .case
        .subject
        .iter()
        .flat_map(|entity| [entity.clone(), facts.unit_of(entity)])
        .collect();
    let mut pods: Vec<(u8, &Pod)> = facts
        .pods()
        .filter_map(|pod| Some((urgency(facts, pod, &subject)?, pod)))
        .collect();
    // By their age and not by their names: what a thing is called tells nothing.
    pods.sort_by_key(|(urgency, pod)| (*urgency, pod.metadata.creation_timestamp, pod.entity()));
    let (far, near): (Vec<_>, Vec<_>) = pods
        .into_iter()
        .partition(|(_, pod)| silent_node(facts, pod).is_some());
    let mut per_workload: BTreeMap<EntityRef, usize> = BTreeMap::new();
    let mut near: Vec<_> = near
        .into_iter()
        .filter_map(|(urgency, pod)| {
            let count = per_workload.entry(facts.workload_of(pod)).or_default();
            *count += 1;
            let old = subject.is_empty() && pod.metadata.creation_timestamp < Some(facts.case.window.start);
            (*count <= PER_WORKLOAD).then_some((urgency, *count, old, pod))
        })
        .collect();
    // What was made last was changed last.
    near.sort_by_key(|(urgency, count, old, pod)| {
        let made = pod.metadata.creation_timestamp.filter(|_| subject.is_empty());
        (*urgency, *count, *old, Reverse(made))
    });
    Selection {
        near: near.iter().flat_map(|(.., pod)| of_pod(pod)).collect(),
        far: far.iter().flat_map(|(_, pod)| of_pod(pod)).collect(),
    }
}

/// 0 for pods that fail, 1 for the alerting ones, 2 for those that restarted or are behind an alerting service.
fn urgency(facts: &Facts<'_>, pod: &Pod, subject: &BTreeSet<EntityRef>) -> Option<u8> {
    if pod.status.phase == "Succeeded" {
        return None;
    }
    let workload = facts.workload_of(pod);
    let started = pod
        .all_statuses()
        .any(|s| s.restart_count > 0 || s.state.running.is_some() || s.state.terminated.is_some());
    if !started {
        return None;
    }
    let failing = !pod.is_ready()
        || pod
            .all_statuses()
            .any(|status| status.state.waiting.is_some() && status.restart_count > 0);
    let behind = facts
        .services_selecting(pod.metadata.ns(), &pod.metadata.labels)
        .any(|service| subject.contains(&service.entity()));
    if failing {
        Some(0)
    } else if subject.contains(&pod.entity()) || subject.contains(&workload) || behind {
        Some(1)
    } else {
        (pod.restarts() > 0 || subject.is_empty()).then_some(2)
    }
}

/// The node of a pod, if its kubelet has stopped reporting: who asks for a log there waits in vain. A node that reports
/// that it is not ready has a kubelet that answers.
pub(in crate::incident) fn silent_node<'a>(facts: &Facts<'a>, pod: &Pod) -> Option<&'a str> {
    let node = facts.node(&pod.spec.node_name)?;
    let silent = node
        .condition("Ready")
        .is_some_and(|ready| ready.status == "Unknown");
    silent.then_some(node.metadata.name.as_str())
}

/// Containers of other workloads whose logs are worth reading once it is known who calls whom: those whose metrics stand
/// out, those that the alerting ones call, directly or by way of another, and those of whom others complain, with their other
/// callers: whether these complain as well tells on whose side the fault is. One pod of each speaks for all.
pub(in crate::incident::steps) fn around(facts: &Facts<'_>) -> Vec<Wanted> {
    let read = facts.with_logs();
    let mut urgency: BTreeMap<EntityRef, u8> = BTreeMap::new();
    let mut add = |entity: &EntityRef, value: u8| {
        let known = urgency.entry(facts.unit_of(entity)).or_insert(value);
        *known = (*known).min(value);
    };
    for signal in facts
        .case
        .signals
        .iter()
        .filter(|signal| signal.harmful && signal.score >= NOTABLE)
    {
        match signal.measure {
            Measure::Errors | Measure::Availability => add(&signal.entity, 0),
            Measure::Latency => add(&signal.entity, 1),
            _ => {}
        }
    }
    let mut ring: BTreeSet<EntityRef> = facts
        .case
        .subject
        .iter()
        .map(|entity| facts.unit_of(entity))
        .collect();
    // What is alerted on as a Service: which pods are behind it is known only now.
    ring.iter().for_each(|entity| add(entity, 0));
    // Who calls whom is told by configuration and metrics, and by those who complain.
    let mut calls: Vec<(EntityRef, EntityRef)> = facts
        .case
        .calls
        .iter()
        .map(|call| (facts.unit_of(&call.caller), facts.unit_of(&call.callee)))
        .collect();
    calls.extend(
        facts
            .complaints()
            .iter()
            .filter_map(|complaint| match &complaint.target {
                Target::Known(callee) => Some((complaint.workload.clone(), callee.clone())),
                _ => None,
            }),
    );
    for hops in [1, 2] {
        ring = calls
            .iter()
            .filter(|(caller, _)| ring.contains(caller))
            .map(|(_, callee)| callee.clone())
            .collect();
        ring.iter().for_each(|entity| add(entity, hops));
    }
    for origin in origins(facts) {
        add(&origin, 1);
    }
    for complaint in facts.complaints() {
        if let Target::Known(entity) = &complaint.target {
            add(entity, 1);
            let unit = facts.unit_of(entity);
            let calls = facts.case.calls.iter();
            calls
                .filter(|call| facts.unit_of(&call.callee) == unit)
                .for_each(|call| add(&call.caller, 2));
        }
    }
    let mut units: Vec<(u8, EntityRef)> = urgency
        .into_iter()
        .filter(|(unit, _)| !read.contains(unit))
        .map(|(unit, urgency)| (urgency, unit))
        .collect();
    units.sort();
    units
        .iter()
        .flat_map(|(_, unit)| of_one_pod(facts, unit))
        .collect()
}

/// Whose errors those are that the logs pass on, and of whom errors speak that go on since the trouble began.
/// Those of whom most is said come first.
fn origins(facts: &Facts<'_>) -> Vec<EntityRef> {
    let callees = Callees::of(facts);
    let relayed = facts.relays().pairs().map(|(_, origin)| origin.clone());
    let digests = facts.case.logs.iter();
    let spoken_of = digests.flat_map(|digest| {
        let writer = facts.unit_of(&digest.pod);
        let new = digest
            .patterns
            .iter()
            .filter(|pattern| pattern.emerged || pattern.repeated);
        let callees = &callees;
        new.filter_map(move |pattern| relay::spoken_of(facts, callees, &writer, &pattern.sample))
    });
    let mut said: BTreeMap<EntityRef, usize> = BTreeMap::new();
    for origin in relayed.chain(spoken_of) {
        let times = said.entry(origin).or_default();
        *times = times.saturating_add(1);
    }
    let mut origins: Vec<(EntityRef, usize)> = said.into_iter().collect();
    origins.sort_by_key(|(_, times)| Reverse(*times));
    origins.into_iter().map(|(origin, _)| origin).collect()
}

/// Further pods of workloads that the alert is about, where those whose logs were read say nothing: those on other nodes first.
pub(in crate::incident::steps) fn of_silent(facts: &Facts<'_>) -> Vec<Wanted> {
    let subject = facts.case.subject.iter();
    let units: BTreeSet<EntityRef> = subject.map(|entity| facts.unit_of(entity)).collect();
    let says = |pod: &Pod| {
        let logs = facts.logs_of(&pod.entity());
        (!logs.is_empty()).then(|| logs.iter().any(|digest| !digest.patterns.is_empty()))
    };
    let mut found = Vec::new();
    for unit in &units {
        let pods = facts.pods_of(unit);
        let read: Vec<&&Pod> = pods.iter().filter(|pod| says(pod).is_some()).collect();
        if read.is_empty() || read.iter().any(|pod| says(pod) == Some(true)) {
            continue;
        }
        let nodes: BTreeSet<&str> = read.iter().map(|pod| pod.spec.node_name.as_str()).collect();
        let mut left: Vec<&&Pod> = pods
            .iter()
            .filter(|pod| says(pod).is_none() && !facts.case.logs_asked.contains(&pod.entity()))
            .filter(|pod| !pod.is_finished() && silent_node(facts, pod).is_none())
            .collect();
        left.sort_by_key(|pod| (nodes.contains(pod.spec.node_name.as_str()), pod.entity()));
        let most = PER_SUBJECT.saturating_sub(read.len());
        found.extend(left.into_iter().take(most).flat_map(|pod| of_pod(pod)));
    }
    found
}

/// Containers of workloads whose errors others pass on, or speak of, and of which no log was read.
pub(in crate::incident::steps) fn passed_on(facts: &Facts<'_>) -> Vec<Wanted> {
    let read = facts.with_logs();
    origins(facts)
        .iter()
        .filter(|unit| !read.contains(*unit))
        .flat_map(|unit| of_one_pod(facts, unit))
        .take(MAX_ORIGINS)
        .collect()
}

/// Containers of workloads that nothing leads to, where nothing that was read says anything: those with young pods first,
/// for what was changed is likelier to have trouble.
pub(in crate::incident::steps) fn beyond(facts: &Facts<'_>) -> Vec<Wanted> {
    let says_nothing = facts.case.logs.iter().all(|digest| digest.patterns.is_empty());
    let nothing_is_wrong = || {
        let found = symptom::detect(facts);
        found.iter().all(|symptom| symptom.severity < Severity::Warning)
    };
    if !says_nothing || !nothing_is_wrong() {
        return Vec::new();
    }
    let read = facts.with_logs();
    let mut units: BTreeMap<EntityRef, Option<Timestamp>> = BTreeMap::new();
    for pod in facts.pods().filter(|pod| !pod.is_finished()) {
        let made = pod.metadata.creation_timestamp;
        let young = made.filter(|made| *made >= facts.case.window.start);
        let newest = units.entry(facts.workload_of(pod)).or_default();
        *newest = (*newest).max(young);
    }
    let mut units: Vec<(Reverse<Option<Timestamp>>, EntityRef)> = units
        .into_iter()
        .filter(|(unit, _)| !read.contains(unit))
        .map(|(unit, newest)| (Reverse(newest), unit))
        .collect();
    units.sort();
    // Who asks knows that something is wrong, and the answer may be in any log.
    let asked = facts.case.incident.question.is_some() && facts.case.subject.is_empty();
    let made = facts.case.log_calls;
    let most = if asked {
        MAX_IN_QUIET_QUESTION.saturating_sub(made)
    } else {
        MAX_BEYOND.min(MAX_IN_QUIET.saturating_sub(made))
    };
    let wanted = units.iter().flat_map(|(_, unit)| of_one_pod(facts, unit));
    wanted.take(most).collect()
}

/// The containers of a pod that speaks for all of the workload.
pub(in crate::incident::steps) fn of_one_pod(facts: &Facts<'_>, unit: &EntityRef) -> Vec<Wanted> {
    let there = |pod: &&&Pod| !pod.is_finished() && silent_node(facts, pod).is_none();
    let pods = facts.pods_of(unit).iter().filter(there);
    let oldest = pods.min_by_key(|pod| (pod.metadata.creation_timestamp, pod.entity()));
    oldest.map(|pod| of_pod(pod)).unwrap_or_default()
}

/// Containers of workloads beside the alerting ones, in their namespaces, of which no log was read: those that were changed
/// first. Worth reading where nothing else explains the trouble.
pub(in crate::incident) fn beside(facts: &Facts<'_>) -> Vec<Wanted> {
    let case = facts.case;
    let read = facts.with_logs();
    let namespaces: BTreeSet<&str> = case
        .subject
        .iter()
        .filter_map(|entity| entity.namespace.as_deref())
        .collect();
    let changed: BTreeSet<EntityRef> = case
        .changes
        .iter()
        .map(|change| facts.unit_of(&change.entity))
        .collect();
    let mut units: Vec<(bool, &EntityRef)> = facts
        .pods_by_workload()
        .filter(|(unit, _)| {
            unit.namespace
                .as_deref()
                .is_some_and(|ns| namespaces.contains(ns))
        })
        .filter(|(unit, _)| !read.contains(*unit))
        .map(|(unit, _)| (!changed.contains(unit), unit))
        .collect();
    units.sort();
    units
        .iter()
        .flat_map(|(_, unit)| of_one_pod(facts, unit))
        .collect()
}

/// The containers of a pod, those that failed with their previous run, which holds the last words.
pub(in crate::incident) fn of_pod(pod: &Pod) -> Vec<Wanted> {
    pod.all_statuses()
        .filter(|status| {
            status.restart_count > 0 || status.state.running.is_some() || status.state.terminated.is_some()
        })
        .filter(|status| {
            status
                .state
                .terminated
                .as_ref()
                .is_none_or(|end| end.exit_code != 0)
        })
        .flat_map(|status| {
            let this = |previous| Wanted {
                pod: pod.entity(),
                container: status.name.clone(),
                previous,
            };
            let both = status.restart_count > 0;
            std::iter::once(this(false)).chain(both.then(|| this(true)))
        })
        .collect()
}

#[cfg(test)]
mod tests;
