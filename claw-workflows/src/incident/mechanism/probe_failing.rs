//! A probe fails though the container may be well.

mod failure;
mod timing;

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Container, Event, IntOrString, Object, Pod, Probe};
use claw_metrics::classify::Measure;

use super::rollback::roll_back;
use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::Facts;
use crate::incident::witness;
use failure::Failure;

/// A readiness, liveness or startup probe that asks the wrong port or path, gives too little time, or finds the container
/// unwell.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProbeFailing;

impl Mechanism for ProbeFailing {
    fn id(&self) -> &'static str {
        "probe_failing"
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut failing: BTreeMap<(EntityRef, Kind), Vec<(&Pod, &Event)>> = BTreeMap::new();
        for pod in facts.pods().filter(|pod| !pod.is_finished()) {
            for event in facts
                .events_of(&pod.entity())
                .iter()
                .filter(|event| event.reason == "Unhealthy" || event.reason == "ProbeWarning")
            {
                let Some(kind) = Kind::named_in(&event.message) else {
                    continue;
                };
                // Ready pods that failed a probe once have recovered.
                let recent = event
                    .last_seen()
                    .is_none_or(|time| time >= facts.case.window.start);
                if !pod.is_ready() || recent && kind != Kind::Readiness && pod.restarts() > 0 {
                    failing
                        .entry((facts.workload_of(pod), kind))
                        .or_default()
                        .push((pod, event));
                }
            }
        }
        let told: Vec<EntityRef> = failing.keys().map(|(workload, _)| workload.clone()).collect();
        let mut found: Vec<Candidate> = failing
            .into_iter()
            .filter_map(|((workload, kind), pods)| candidate(facts, &workload, kind, &pods))
            .collect();
        // Events are forgotten after an hour.
        found.extend(
            facts
                .pods_by_workload()
                .filter(|(workload, _)| !told.contains(workload))
                .filter_map(|(workload, pods)| timing::without_events(facts, workload, pods)),
        );
        found
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Readiness,
    Liveness,
    Startup,
}

impl Kind {
    fn named_in(message: &str) -> Option<Self> {
        [
            ("Readiness probe", Self::Readiness),
            ("Liveness probe", Self::Liveness),
            ("Startup probe", Self::Startup),
        ]
        .into_iter()
        .find(|(words, _)| message.starts_with(words))
        .map(|(_, kind)| kind)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Readiness => "readiness",
            Self::Liveness => "liveness",
            Self::Startup => "startup",
        }
    }

    fn of(self, container: &Container) -> Option<&Probe> {
        match self {
            Self::Readiness => container.readiness_probe.as_deref(),
            Self::Liveness => container.liveness_probe.as_deref(),
            Self::Startup => container.startup_probe.as_deref(),
        }
    }
}

fn candidate(
    facts: &Facts<'_>,
    workload: &EntityRef,
    kind: Kind,
    pods: &[(&Pod, &Event)],
) -> Option<Candidate> {
    let (pod, event) = pods.iter().max_by_key(|(_, event)| event.last_seen())?;
    let since = pods.iter().filter_map(|(_, event)| event.first_seen()).min();
    let container = asked(pod, event, kind);
    let probe = container.and_then(|container| kind.of(container));
    let failure = Failure::of(&event.message);
    // Who answers, with whatever it may be, listens there: ports need not be declared.
    let wrong = container
        .zip(probe)
        .filter(|_| failure == Failure::Refused)
        .and_then(|(container, probe)| wrong_port(container, probe));
    let change = facts.rollout_before(workload, since, &["Probe", "containerPort"]);
    let crashes = pods.iter().any(|(pod, _)| pod.restarts() > 0) && kind == Kind::Readiness;
    let refused = failure == Failure::Refused;
    let mut candidate = Candidate::new(
        "probe_failing",
        workload.clone(),
        match &wrong {
            Some(wrong) => format!(
                "the {} probe of {workload} asks port {wrong}, on which its container does not listen",
                kind.words()
            ),
            None => format!(
                "the {} probe of {workload} fails: {}",
                kind.words(),
                failure.words()
            ),
        },
    )
    .aspect(kind.words())
    .clue(
        "probe fails",
        1.8,
        witness::of_events(facts, pods.iter().map(|(_, event)| *event)),
    )
    .since(since)
    .hurting(pods.iter().map(|(pod, _)| pod.entity()));
    if wrong.is_some() {
        let statement = format!("declares no such port; its {} probe asks for it", kind.words());
        let asked: BTreeMap<EntityRef, &Pod> = pods.iter().map(|(pod, _)| (pod.entity(), *pod)).collect();
        let asked = asked.into_values().map(|pod| (pod, since, statement.clone()));
        candidate = candidate.clue(
            "probe asks a port that is not declared",
            2.0,
            witness::of_pods(facts, asked, |_| false),
        );
    } else if let Some((clue, weight)) = failure.clue() {
        let told = pods.iter().map(|(_, event)| *event);
        let told = told.filter(|event| Failure::of(&event.message) == failure);
        candidate = candidate
            .clue(clue, weight, witness::of_events(facts, told))
            .derived(failure.derived());
    } else if let Some(probe) =
        probe.filter(|probe| failure == Failure::Timeout && probe.timeout_seconds.unwrap_or(1) <= 1)
    {
        let statement = format!("gives {} s to answer", probe.timeout_seconds.unwrap_or(1));
        candidate = candidate
            .clue(
                "probe gives little time",
                0.5,
                vec![facts.object(*pod, since, statement)],
            )
            .derived(if is_held_back(facts, workload) { 0.9 } else { 0.6 });
    } else if let Some(clue) = timing::never_had_time(facts, kind, pods) {
        candidate = candidate
            .clue("ended before it had started", 1.2, clue)
            .derived(0.4);
    } else if change.is_none() {
        // The probe may be right, and the container unwell for a reason of its own or of what it depends on.
        candidate = candidate.derived(failure.derived());
    }
    if let Some(change) = change {
        candidate = candidate
            .clue(
                "rollout changed the probe",
                2.0,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
        let back = roll_back(facts, workload, change, "The probe before passed");
        candidate.advice.extend(back);
    }
    if crashes {
        candidate = candidate.clue(
            "the container ends by itself",
            if refused { -1.5 } else { -0.8 },
            Vec::new(),
        );
    }
    let namespace = workload.namespace.as_deref().unwrap_or("default");
    Some(
        candidate.advise(
            Advice::new(
                format!(
                    "Make the {} probe ask what the container answers, in the time that it needs",
                    kind.words()
                ),
                match kind {
                    Kind::Readiness => "Pods get no traffic while the probe fails",
                    Kind::Liveness | Kind::Startup => {
                        "The kubelet restarts the container whenever the probe fails"
                    }
                },
            )
            .command(format!(
                "kubectl -n {namespace} edit {}/{}",
                workload.kind.to_lowercase(),
                workload.name
            )),
        ),
    )
}

/// The container whose probe an event is about: the one that it names, or else the only one with such a probe.
fn asked<'p>(pod: &'p Pod, event: &Event, kind: Kind) -> Option<&'p Container> {
    let field = &event.involved_object.field_path;
    let mut probed = pod
        .all_containers()
        .filter(|container| kind.of(container).is_some());
    if field.is_empty() {
        let only = probed.next();
        return only.filter(|_| probed.next().is_none());
    }
    probed.find(|container| field.ends_with(&format!("{{{}}}", container.name)))
}

/// Whether the containers of a workload are held back by their limit of processor time: then nobody answers in time.
fn is_held_back(facts: &Facts<'_>, workload: &EntityRef) -> bool {
    let mut signals = facts.case.signals.iter();
    signals.any(|signal| {
        signal.measure == Measure::CpuThrottling
            && signal.harmful
            && facts.unit_of(&signal.entity) == *workload
    })
}

/// The port that a probe asks and that its container does not declare, where it declares any.
fn wrong_port(container: &Container, probe: &Probe) -> Option<String> {
    let port = match (&probe.http_get, &probe.tcp_socket, &probe.grpc) {
        (Some(get), _, _) => get.port.clone(),
        (_, Some(socket), _) => socket.port.clone(),
        (_, _, Some(grpc)) => IntOrString::Int(i64::from(grpc.port)),
        _ => return None,
    };
    let declared = container.ports.iter().any(|known| match &port {
        IntOrString::Int(number) => i64::from(known.container_port) == *number,
        IntOrString::String(name) => known.name == *name,
        _ => false,
    });
    (!declared && !container.ports.is_empty()).then(|| port.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ProbeFailing;
    use crate::incident::testing::{at, case, deployment, event, of};

    /// What is said of the readiness of a pod with a proxy in front of its container, both with probes.
    fn cause(message: &str, field: &str) -> String {
        let mut case = case();
        let get = |port: i32| json!({"httpGet": {"port": port}});
        let containers = json!([
            {"name": "proxy", "ports": [{"containerPort": 15090}], "readinessProbe": get(15021)},
            {"name": "app", "ports": [{"containerPort": 8080}], "readinessProbe": get(8080)},
            {"name": "wrong", "ports": [{"containerPort": 9090}], "readinessProbe": get(9091)},
        ]);
        let status = json!({"phase": "Running", "startTime": at(-60), "conditions": [{"type": "Ready", "status": "False"}]});
        deployment(
            &mut case,
            "cart",
            json!({"containers": containers, "status": status}),
        );
        event(&mut case, "Pod", "cart-pod", "Unhealthy", message, -30);
        case.objects.events[0].involved_object.field_path = field.to_owned();
        of(&ProbeFailing, &case).remove(0).cause
    }

    #[test]
    fn a_port_is_wrong_where_the_container_that_is_asked_refuses() {
        let refused = "Readiness probe failed: dial tcp 10.1.0.9:1: connect: connection refused";
        let wrong = |message: &str, field: &str| cause(message, field).contains("does not listen");
        assert!(wrong(refused, "spec.containers{wrong}"));
        // The port of the container that failed is declared; who failed is not known; it answered.
        assert!(!wrong(refused, "spec.containers{app}"));
        assert!(!wrong(refused, ""));
        let answer = "Readiness probe failed: HTTP probe failed with statuscode: 503";
        assert!(!wrong(answer, "spec.containers{proxy}"));
    }
}
