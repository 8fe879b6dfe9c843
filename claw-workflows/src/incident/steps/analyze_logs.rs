//! Step 2: what the containers in trouble logged.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use claw_core::entity::EntityRef;
use claw_core::evidence::Severity;
use claw_core::report::Gap;
use claw_core::tool::Tool as _;
use claw_core::workflow::{Outcome, Step, StepContext, StepError};
use claw_k8s::model::{Object, Pod};
use claw_k8s::tools::{GetPodLogs, GetPodLogsInput, PodLogLine};
use claw_metrics::classify::Measure;
use claw_metrics::tools::SearchLogs;
use futures::StreamExt as _;
use jiff::Timestamp;

use super::reading::settle;
use super::search_logs::search;
use crate::incident::callees::Callees;
use crate::incident::case::Case;
use crate::incident::complaint::Target;
use crate::incident::facts::Facts;
use crate::incident::{logs, relay, symptom};

/// Containers whose logs are read in one run.
const MAX_LOGS: usize = 12;
/// Pods of one workload whose logs are read: they say the same.
const PER_WORKLOAD: usize = 2;
/// Containers that are read at most of further pods of who alerts: those whom it calls may tell as much.
pub(super) const MAX_SILENT: usize = 4;
/// Pods of one workload that the alert is about, read at most where those that were read say nothing: one of several may be in
/// trouble, and look as well as the others.
const PER_SUBJECT: usize = 6;
/// Containers of workloads around the alerting ones.
pub(super) const MAX_AROUND: usize = 8;
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
/// Lines of one container.
const TAIL: u32 = 500;
/// Lines of one container whose log goes back less far than the trouble.
const LONG_TAIL: u32 = 5_000;
/// Nodes that a gap names.
const MAX_NAMED: usize = 5;
/// Calls for logs of pods in one run, those that ask again for more lines among them.
const MAX_CALLS: usize = 18;
/// Of these, calls that are left to the last step, which knows best whose logs would tell.
pub(in crate::incident) const FOR_PROBES: usize = 3;
/// Of these, calls that are not spent on asking again.
const RESERVED: usize = 4;
/// Calls under way at a time.
const CONCURRENT: usize = 6;

/// Reads the logs of pods in trouble, of the alerting pods, and what the log store has of namespaces without pods.
#[derive(Clone, Copy, Debug)]
pub struct AnalyzeLogs;

#[async_trait]
impl Step<Case> for AnalyzeLogs {
    fn name(&self) -> &str {
        "analyze_logs"
    }

    async fn run(&self, cx: &StepContext, mut case: Case) -> Result<Outcome<Case>, StepError> {
        let Selection { near, far } = wanted(&Facts::new(&case));
        let mut wanted = first(&mut case, near, MAX_LOGS);
        // They are not read, but take nobody's place, and it is said.
        wanted.extend(far);
        cx.progress(format!("reading {} container logs", wanted.len()));
        let missing = read_pods(cx, &mut case, wanted, FOR_PROBES).await?;
        let has_store = cx.tools().get(SearchLogs::NAME).is_some();
        if case.objects.pods.is_empty() || (missing > 0 && has_store) {
            search(cx, &mut case).await?;
        }
        case.logs
            .sort_by_key(|digest| (digest.pod.clone(), digest.container.clone(), digest.previous));
        Ok(Outcome::Continue(case))
    }
}

/// One container's log to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::incident) struct Wanted {
    pod: EntityRef,
    container: String,
    previous: bool,
}

impl Wanted {
    /// Namespace, pod and container, as evidence names them.
    pub(in crate::incident) fn locator(&self) -> String {
        let suffix = if self.previous { ".previous" } else { "" };
        format!("{}/{}{suffix}", self.pod.path(), self.container)
    }
}

/// The first `most` of what is worth reading. Of the rest it is known that it was left.
pub(super) fn first(case: &mut Case, mut wanted: Vec<Wanted>, most: usize) -> Vec<Wanted> {
    let left = wanted.split_off(wanted.len().min(most));
    case.logs_left.extend(left.iter().map(Wanted::locator));
    wanted
}

/// Reads logs and adds their digests. Returns how many logs there were none of, or not from the beginning of the trouble:
/// the kubelet keeps them only as long as the pod, and only so many. So many of the run's calls are left to others.
pub(in crate::incident) async fn read_pods(
    cx: &StepContext,
    case: &mut Case,
    wanted: Vec<Wanted>,
    reserve: usize,
) -> Result<usize, StepError> {
    let read = async |wanted: Wanted, tail: u32| {
        let mut input =
            GetPodLogsInput::new(wanted.pod.namespace.clone().unwrap_or_default(), &wanted.pod.name);
        input.container = Some(wanted.container.clone());
        input.previous = wanted.previous;
        input.tail_lines = tail;
        let why = "what the container said when the trouble began";
        (wanted, tail, cx.observe::<GetPodLogs>(input, why).await)
    };
    let all = wanted.len();
    let wanted = within_reach(case, wanted);
    let mut wave: Vec<(Wanted, u32)> = wanted.into_iter().map(|wanted| (wanted, TAIL)).collect();
    // The most urgent ones stand first.
    let left = wave.split_off(wave.len().min(calls_left(case).saturating_sub(reserve)));
    case.logs_left
        .extend(left.iter().map(|(wanted, _)| wanted.locator()));
    for (wanted, _) in &wave {
        case.logs_left.remove(&wanted.locator());
    }
    let mut missing = all.saturating_sub(wave.len());
    case.logs_asked
        .extend(wave.iter().map(|(wanted, _)| wanted.pod.clone()));
    while !wave.is_empty() {
        case.log_calls = case.log_calls.saturating_add(wave.len());
        let answers: Vec<_> = futures::stream::iter(wave)
            .map(|(wanted, tail)| read(wanted, tail))
            .buffered(CONCURRENT)
            .collect()
            .await;
        wave = Vec::new();
        let mut again: usize = MAX_CALLS.saturating_sub(case.log_calls.saturating_add(RESERVED));
        for (wanted, tail, answer) in answers {
            let answer = settle::<GetPodLogs>(cx, case, answer)?;
            let Some(answer) = answer.filter(|answer| answer.note.is_none()) else {
                missing = missing.saturating_add(1);
                continue;
            };
            let first = answer.lines.iter().find_map(|line| line.time);
            // Where nobody knows when it began, what was logged in the whole time may tell.
            let began = case.began.unwrap_or(case.window.start);
            let late = answer.truncated && first.is_some_and(|first| first > began);
            // What was read is kept where there are no more calls to be made.
            if late && tail == TAIL && again > 0 {
                again -= 1;
                wave.push((wanted, LONG_TAIL));
                continue;
            }
            missing = missing.saturating_add(usize::from(late));
            let text = text(&answer.lines);
            case.logs.push(logs::digest(
                wanted.pod,
                wanted.container,
                wanted.previous,
                text.as_bytes(),
                case.window.start,
                case.began,
                answer.truncated,
            ));
        }
    }
    Ok(missing)
}

/// Calls for logs of pods that the run may still make.
pub(in crate::incident) fn calls_left(case: &Case) -> usize {
    MAX_CALLS.saturating_sub(case.log_calls)
}

/// What is to be said of the logs that were not read because there were no calls left.
pub(in crate::incident) fn left_out(case: &Case) -> Option<Gap> {
    let reason = match case.logs_left.len() {
        0 => return None,
        1 => format!("1 log was not read: the run's limit of {} calls", MAX_CALLS),
        count => format!(
            "{count} logs were not read: the run's limit of {} calls",
            MAX_CALLS
        ),
    };
    Some(Gap {
        source: GetPodLogs::NAME.to_owned(),
        reason,
        remedy: "name a workload, or read the logs of the others by hand".to_owned(),
    })
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

/// Those of the logs whose kubelet can be asked. The others are one gap, which names the nodes.
fn within_reach(case: &mut Case, wanted: Vec<Wanted>) -> Vec<Wanted> {
    let facts = Facts::new(case);
    let (near, far): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|wanted| {
        let pod = facts.pod(&wanted.pod);
        pod.is_none_or(|pod| silent_node(&facts, pod).is_none())
    });
    if !far.is_empty() {
        let pods = far.iter().filter_map(|wanted| facts.pod(&wanted.pod));
        let nodes: BTreeSet<&str> = pods.filter_map(|pod| silent_node(&facts, pod)).collect();
        let named: Vec<&str> = nodes.iter().take(MAX_NAMED).copied().collect();
        let more = match nodes.len().saturating_sub(named.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let reason = format!(
            "no logs were asked for of pods on {}{more}: the kubelet there has stopped reporting",
            named.join(", ")
        );
        case.gap(
            GetPodLogs::NAME,
            reason,
            "see to the node, or look in the log store, if there is one",
        );
    }
    near
}

/// The lines as the runtime writes them: each after its time.
fn text(lines: &[PodLogLine]) -> String {
    let mut text = String::new();
    for line in lines {
        if let Some(time) = line.time {
            text.push_str(&time.to_string());
            text.push(' ');
        }
        text.push_str(&line.text);
        text.push('\n');
    }
    text
}

/// Containers of other workloads whose logs are worth reading once it is known who calls whom: those whose metrics stand
/// out, those that the alerting ones call, directly or by way of another, and those of whom others complain, with their other
/// callers: whether these complain as well tells on whose side the fault is. One pod of each speaks for all.
pub(super) fn wanted_around(facts: &Facts<'_>) -> Vec<Wanted> {
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
    origins.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    origins.into_iter().map(|(origin, _)| origin).collect()
}

/// Further pods of workloads that the alert is about, where those whose logs were read say nothing: those on other nodes first.
pub(super) fn wanted_of_silent(facts: &Facts<'_>) -> Vec<Wanted> {
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
pub(super) fn wanted_origins(facts: &Facts<'_>) -> Vec<Wanted> {
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
pub(super) fn wanted_beyond(facts: &Facts<'_>) -> Vec<Wanted> {
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
    let mut units: Vec<(std::cmp::Reverse<Option<Timestamp>>, EntityRef)> = units
        .into_iter()
        .filter(|(unit, _)| !read.contains(unit))
        .map(|(unit, newest)| (std::cmp::Reverse(newest), unit))
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
fn of_one_pod(facts: &Facts<'_>, unit: &EntityRef) -> Vec<Wanted> {
    let there = |pod: &&&Pod| !pod.is_finished() && silent_node(facts, pod).is_none();
    let pods = facts.pods_of(unit).iter().filter(there);
    let oldest = pods.min_by_key(|pod| (pod.metadata.creation_timestamp, pod.entity()));
    oldest.map(|pod| of_pod(pod)).unwrap_or_default()
}

/// What is worth reading, the most telling first, and what cannot be read since the kubelet there does not answer.
struct Selection {
    near: Vec<Wanted>,
    far: Vec<Wanted>,
}

/// Containers of workloads beside the alerting ones, in their namespaces, of which no log was read: those that were changed
/// first. Worth reading where nothing else explains the trouble.
pub(in crate::incident) fn wanted_beside(facts: &Facts<'_>) -> Vec<Wanted> {
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

/// Which logs are worth reading: of the pods in trouble first, then of the alerting ones. Of pods that are as urgent, one of
/// each workload comes before a second one of any, and of a question about nothing in particular those with young pods come
/// first, for what was changed is likelier to have trouble.
fn wanted(facts: &Facts<'_>) -> Selection {
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
        (*urgency, *count, *old, std::cmp::Reverse(made))
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
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::incident::testing::case;

    /// A case in which workloads have two running pods each; `young` ones were made in its window.
    fn running(workloads: &[&str], young: &[&str]) -> Case {
        let mut case = case();
        let before = case
            .window
            .start
            .checked_sub(SignedDuration::from_hours(1))
            .unwrap();
        for name in workloads {
            for number in 0..2 {
                let made = if young.contains(name) {
                    case.window.start
                } else {
                    before
                };
                let pod = json!({
                    "metadata": {
                        "name": format!("{name}-{number}"), "namespace": "shop", "creationTimestamp": made.to_string(),
                        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "uid": name, "controller": true}],
                    },
                    "spec": {"containers": [{"name": "c", "image": "i"}]},
                    "status": {
                        "phase": "Running",
                        "conditions": [{"type": "Ready", "status": "True"}],
                        "containerStatuses": [{"name": "c", "ready": true, "restartCount": 0, "state": {"running": {}}}],
                    },
                });
                case.objects.pods.push(serde_json::from_value(pod).unwrap());
            }
        }
        case
    }

    fn pods(wanted: &[Wanted]) -> Vec<&str> {
        wanted.iter().map(|wanted| wanted.pod.name.as_str()).collect()
    }

    #[test]
    fn one_pod_of_each_workload_comes_before_a_second_one_and_young_ones_before_old_ones() {
        let mut case = running(&["a", "b", "c"], &["c"]);
        let near = wanted(&Facts::new(&case)).near;
        assert_eq!(pods(&near), ["c-0", "a-0", "b-0", "c-1", "a-1", "b-1"]);
        let kept = first(&mut case, near, 4);
        assert_eq!(pods(&kept), ["c-0", "a-0", "b-0", "c-1"]);
        let told = left_out(&case).expect("a gap");
        assert!(told.reason.starts_with("2 logs were not read"), "{}", told.reason);
    }

    #[test]
    fn of_who_alerts_more_pods_are_read_where_the_first_say_nothing() {
        let more = |line: &str| {
            let mut case = running(&["a", "b"], &[]);
            case.subject = vec![EntityRef::namespaced("StatefulSet", "shop", "a")];
            let text = format!("{} {line}\n", case.window.start);
            let pod = EntityRef::namespaced("Pod", "shop", "a-0");
            let (since, began) = (case.window.start, case.began);
            let raw = text.as_bytes();
            let read = logs::digest(pod, "c".to_owned(), false, raw, since, began, false);
            case.logs.push(read);
            wanted_of_silent(&Facts::new(&case)).len()
        };
        assert_eq!(more("INFO served"), 1);
        assert_eq!(more("ERROR no space left on device"), 0);
    }

    #[test]
    fn where_all_is_quiet_the_logs_of_others_are_read() {
        let mut case = running(&["a", "b"], &["b"]);
        case.subject = vec![EntityRef::namespaced("StatefulSet", "shop", "a")];
        assert_eq!(pods(&wanted(&Facts::new(&case)).near), ["a-0", "a-1"]);
        case.logs_asked = case.objects.pods.iter().take(2).map(Object::entity).collect();
        assert_eq!(pods(&wanted_beyond(&Facts::new(&case))), ["b-0"]);
        // What says that something is wrong is a lead, and leads elsewhere.
        let began = case.window.start;
        let line = format!("{began} ERROR cannot reach http://payments:8080: connection refused\n");
        let pod = EntityRef::namespaced("Pod", "shop", "a-0");
        case.logs.push(logs::digest(
            pod,
            "c".to_owned(),
            false,
            line.as_bytes(),
            began,
            None,
            false,
        ));
        assert_eq!(wanted_beyond(&Facts::new(&case)), []);
    }
}
