//! A probe fails though the container may be well.

mod failure;
mod timing;

use std::collections::BTreeMap;

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_k8s::model::{Container, Event, IntOrString, Object, Pod, Probe};
use claw_metrics::classify::Measure;
use jiff::SignedDuration;

use super::limits::limit;
use super::rollback::roll_back;
use super::{Area, Mechanism, brought, cpu_throttling, probe_kill};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, SKEW};
use crate::incident::witness;
use failure::Failure;

/// How soon after a rollout a probe has to fail first.
const SOON: SignedDuration = SignedDuration::from_mins(15);

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
            for event in facts.events_of(&pod.entity()).iter() {
                let Some(kind) = Kind::told_by(event) else {
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
    /// The probe that an event tells has failed.
    fn told_by(event: &Event) -> Option<Self> {
        let message = event.message.as_str();
        let kinds = [
            ("Readiness probe", Self::Readiness),
            ("Liveness probe", Self::Liveness),
            ("Startup probe", Self::Startup),
        ];
        match event.reason.as_str() {
            "Unhealthy" | "ProbeWarning" => kinds
                .into_iter()
                .find(|(words, _)| message.starts_with(words))
                .map(|(_, kind)| kind),
            // `Container app failed liveness probe, will be restarted`: what it answered may be forgotten by then.
            _ => probe_kill::named(event).map(|probe| match probe {
                probe_kill::Ended::ByLiveness => Self::Liveness,
                probe_kill::Ended::ByStartup => Self::Startup,
            }),
        }
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
    // What a probe was answered tells more than that its container was ended for it.
    let (pod, event) = pods
        .iter()
        .max_by_key(|(_, event)| (probe_kill::named(event).is_none(), event.last_seen()))?;
    let kills = pods.iter().map(|(_, event)| *event);
    let kills: Vec<&Event> = kills.filter(|event| probe_kill::named(event).is_some()).collect();
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
    // What was well until a rollout and is not since then was broken by it, whatever it changed.
    let rollout = brought::newest(facts, workload, Some(&pod.spec), since).filter(|change| {
        let soon = since.is_some_and(|since| since.duration_since(change.time) <= SOON);
        soon && wrong.is_none()
            && kind == Kind::Readiness
            && change.kind == ChangeKind::Deploy
            && !facts.is_creation(change)
            && pods.iter().all(|(pod, _)| is_of(pod, change))
    });
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
                "the {} probe of {workload} fails{}: {}",
                kind.words(),
                if kills.is_empty() {
                    ""
                } else {
                    ", and the kubelet ends the container for it"
                },
                failure.told(&event.message, probe)
            ),
        },
    )
    .aspect(kind.words())
    .clue(
        "probe fails",
        1.8,
        witness::of_events(
            facts,
            pods.iter()
                .map(|(_, event)| *event)
                .filter(|event| kills.is_empty() || probe_kill::named(event).is_none()),
        ),
    )
    .since(since)
    .hurting(pods.iter().map(|(pod, _)| pod.entity()));
    if !kills.is_empty() {
        candidate = candidate.clue(
            "the kubelet ended the container for it",
            1.2,
            witness::of_events(facts, kills),
        );
    }
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
            .derived(
                if is_held_back(facts, workload) || container.is_some_and(|c| starves(pod, c)) {
                    0.9
                } else {
                    0.6
                },
            );
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
    } else if let Some(change) = rollout {
        let weight = if failure.clue().is_some() { 1.2 } else { 0.6 };
        candidate = brought::blame(
            facts,
            candidate,
            change,
            ("fails since a rollout", weight),
            "The probe passed before this rollout",
        );
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

/// Whether a pod was made by a rollout, or after it.
fn is_of(pod: &Pod, rollout: &Change) -> bool {
    let made = pod.metadata.creation_timestamp;
    made.is_some_and(|made| made.checked_add(SKEW).is_ok_and(|made| made >= rollout.time))
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

/// Whether a container may use so little processor time that it cannot answer.
fn starves(pod: &Pod, container: &Container) -> bool {
    limit(pod, &container.name, "cpu").is_some_and(|limit| cpu_throttling::is_small(&limit))
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
    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::super::crash::Crash;
    use super::ProbeFailing;
    use crate::incident::testing::{at, case, deploy, deployment, event, of};

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

    /// The liveness of a pod whose container was ended with 137, after what the kubelet said of it.
    fn killed(said: &[(&str, &str)]) -> crate::incident::case::Case {
        let mut case = case();
        let containers = json!([{"name": "app", "livenessProbe": {"httpGet": {"port": 8080}}}]);
        let end = json!({"exitCode": 137, "reason": "Error", "startedAt": at(-2000), "finishedAt": at(-60)});
        let status = json!({
            "phase": "Running", "startTime": at(-6000),
            "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": at(-3000)}],
            "containerStatuses": [{"name": "app", "ready": false, "restartCount": 9,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": end}}],
        });
        deployment(
            &mut case,
            "cart",
            json!({"containers": containers, "status": status}),
        );
        for (reason, message) in said {
            event(&mut case, "Pod", "cart-pod", reason, message, -30);
        }
        case
    }

    #[test]
    fn a_container_that_the_kubelet_ends_for_its_probe_does_not_end_by_itself() {
        let answer = (
            "Unhealthy",
            "Liveness probe failed: HTTP probe failed with statuscode: 500",
        );
        let kill = (
            "Killing",
            "Container app failed liveness probe, will be restarted",
        );
        let told = |said: &[(&str, &str)]| {
            let case = killed(said);
            let causes = of(&ProbeFailing, &case).into_iter().map(|found| found.cause);
            (causes.collect::<Vec<_>>(), of(&Crash, &case).len())
        };
        let (causes, crashes) = told(&[answer, kill]);
        let [cause] = causes.as_slice() else {
            panic!("{causes:?}")
        };
        assert!(cause.contains("the kubelet ends the container"), "{cause}");
        assert!(
            cause.ends_with("the container answers that it is not well (500)"),
            "{cause}"
        );
        assert_eq!(crashes, 0);
        // What it answered is forgotten.
        let (causes, crashes) = told(&[kill]);
        assert!(causes[0].starts_with("the liveness probe"), "{causes:?}");
        assert_eq!(crashes, 0);
        // Nobody says who ended it, or somebody stopped it.
        assert_eq!(told(&[]).1, 1);
        assert_eq!(told(&[("Killing", "Stopping container app")]), (Vec::new(), 1));
    }

    #[test]
    fn a_rollout_right_before_the_readiness_failed_is_to_blame() {
        let blamed = |rollout: i64, made: i64, number: i64| {
            let mut case = case();
            let containers = json!([{"name": "app", "readinessProbe": {"httpGet": {"port": 8080}}}]);
            let status = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]});
            deployment(
                &mut case,
                "cart",
                json!({"containers": containers, "status": status}),
            );
            case.objects.pods[0].metadata.creation_timestamp = Some(at(made));
            let answer = "Readiness probe failed: HTTP probe failed with statuscode: 404";
            event(&mut case, "Pod", "cart-pod", "Unhealthy", answer, -500);
            let cart = EntityRef::namespaced("Deployment", "shop", "cart");
            let mut change = deploy(&cart, &format!("Deployment/shop/cart@{number}"), rollout);
            change.detail = vec!["containers[app].image: cart:8 → cart:9".to_owned()];
            case.changes.push(change);
            of(&ProbeFailing, &case).remove(0).change
        };
        assert!(blamed(-560, -555, 9).is_some());
        // Long before, by a pod that was there before it, or by nothing that was well before.
        assert_eq!(blamed(-9000, -8990, 9), None);
        assert_eq!(blamed(-560, -90_000, 9), None);
        assert_eq!(blamed(-560, -555, 1), None);
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
