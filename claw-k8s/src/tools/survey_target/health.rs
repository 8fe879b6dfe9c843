//! How an object is, by what its status says.

use std::time::Duration;

use claw_core::survey::Health;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cluster::Resource;
use crate::model::{
    Condition, HorizontalPodAutoscaler, Meta, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod,
    PodDisruptionBudget, Workload, condition,
};

/// What a rollout, or the start of a pod, may take where nothing else is said. Deployments have the same.
const USUAL: i32 = 600;

/// Reasons for which a container waits and will not get on by itself.
const STUCK: [&str; 7] = [
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

/// Conditions of a node that are no good when they hold.
const PRESSURES: [&str; 4] = [
    "MemoryPressure",
    "DiskPressure",
    "PIDPressure",
    "NetworkUnavailable",
];

/// How an object is, at a time.
pub(super) fn health(resource: &Resource, object: &Value, now: Timestamp) -> Health {
    let group = &*resource.group;
    match (group, &*resource.kind) {
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") | ("batch", "Job") => {
            judged(object, |mut workload: Workload| {
                workload.kind = resource.kind.to_string();
                of_workload(&workload, now)
            })
        }
        ("", "Pod") => judged(object, |pod: Pod| of_pod(&pod, now)),
        ("", "Node") => judged(object, |node: Node| of_node(&node)),
        ("autoscaling", "HorizontalPodAutoscaler") => {
            judged(object, |it: HorizontalPodAutoscaler| of_autoscaler(&it))
        }
        ("policy", "PodDisruptionBudget") => judged(object, |it: PodDisruptionBudget| of_budget(&it)),
        ("", "PersistentVolumeClaim") => judged(object, |it: PersistentVolumeClaim| {
            phase(&it.status.phase, &["Bound"], &["Lost"])
        }),
        ("", "PersistentVolume") => judged(object, |it: PersistentVolume| {
            phase(&it.status.phase, &["Available", "Bound", "Released"], &["Failed"])
        }),
        ("", "Namespace") => judged(object, |it: Namespace| {
            phase(&it.status.phase, &["Active"], &["Terminating"])
        }),
        _ => Health::Unknown,
    }
}

/// What is judged of an object that can be read; of another nothing is known.
fn judged<T: DeserializeOwned>(object: &Value, judge: impl FnOnce(T) -> Health) -> Health {
    serde_json::from_value(object.clone()).map_or(Health::Unknown, judge)
}

fn ill(why: impl Into<String>) -> Health {
    Health::Ill { why: why.into() }
}

fn phase(phase: &str, well: &[&str], bad: &[&str]) -> Health {
    match phase {
        phase if well.contains(&phase) => Health::Well,
        phase if bad.contains(&phase) => ill(format!("its phase is {phase}")),
        _ => Health::Unknown,
    }
}

fn of_workload(workload: &Workload, now: Timestamp) -> Health {
    let status = &workload.status;
    let is = |kind: &str, wanted: &str| {
        let found = condition(&status.conditions, kind);
        found.is_some_and(|condition| condition.status == wanted)
    };
    if workload.kind == "Job" {
        return match (is("Failed", "True"), status.start_time.is_some()) {
            (true, _) => ill("it has failed"),
            (_, true) => Health::Well,
            (_, false) => Health::Unknown,
        };
    }
    if is("Progressing", "False") {
        return ill("its rollout does not get on");
    }
    if is("ReplicaFailure", "True") {
        return ill("its pods cannot be made");
    }
    let Some(desired) = workload.desired() else {
        return Health::Unknown;
    };
    let seen = status.observed_generation;
    let behind = workload
        .metadata
        .generation
        .is_some_and(|wanted| seen.is_none_or(|seen| seen < wanted));
    let standing = match workload.kind.as_str() {
        "ReplicaSet" => workload.ready(),
        "Deployment" => workload.available().min(workload.updated()),
        "DaemonSet" => workload.available(),
        _ => workload.ready(),
    };
    if !behind && standing >= desired {
        return Health::Well;
    }
    let patience = workload.spec.progress_deadline_seconds.unwrap_or(USUAL);
    let moved = [
        began(&workload.metadata),
        since(&status.conditions, "Progressing", |it| it.last_update_time),
        since(&status.conditions, "Available", |it| {
            it.last_transition_time.filter(|_| !it.is_true())
        }),
    ];
    let why = match behind {
        true => "its controller has not looked at it since it was changed".to_owned(),
        false => format!("{standing} of {desired} pods are as they are meant to be"),
    };
    in_time(moved.into_iter().flatten().max(), patience, now, why)
}

fn of_pod(pod: &Pod, now: Timestamp) -> Health {
    match pod.status.phase.as_str() {
        "Succeeded" => return Health::Well,
        "Failed" => return ill("it has failed"),
        _ => {}
    }
    if pod.is_ready() {
        return Health::Well;
    }
    let stuck = pod.all_statuses().find_map(|status| {
        let waiting = status.state.waiting.as_ref()?;
        STUCK.iter().find(|reason| **reason == waiting.reason)
    });
    if let Some(reason) = stuck {
        return ill(format!("a container is not started: {reason}"));
    }
    let moved = [
        pod.metadata.creation_timestamp,
        since(&pod.status.conditions, "Ready", |it| it.last_transition_time),
    ];
    in_time(
        moved.into_iter().flatten().max(),
        USUAL,
        now,
        "it is not ready".to_owned(),
    )
}

fn of_node(node: &Node) -> Health {
    let Some(ready) = node.condition("Ready") else {
        return Health::Unknown;
    };
    if !ready.is_true() {
        return ill("it is not ready");
    }
    let pressure = PRESSURES
        .iter()
        .find(|kind| node.condition(kind).is_some_and(Condition::is_true));
    match pressure {
        Some(kind) => ill(format!("its condition {kind} holds")),
        None => Health::Well,
    }
}

fn of_autoscaler(autoscaler: &HorizontalPodAutoscaler) -> Health {
    let Some(active) = autoscaler.condition("ScalingActive") else {
        return Health::Unknown;
    };
    let able = autoscaler.condition("AbleToScale");
    if able.is_some_and(|it| it.status == "False") {
        return ill("it cannot scale");
    }
    // One that was switched off by scaling to zero is as somebody wants it.
    match active.status == "False" && active.reason != "ScalingDisabled" {
        true => ill("it does not know how far to scale"),
        false => Health::Well,
    }
}

fn of_budget(budget: &PodDisruptionBudget) -> Health {
    let status = &budget.status;
    match status.current_healthy < status.desired_healthy {
        true => ill(format!(
            "{} of {} pods that have to be are healthy",
            status.current_healthy, status.desired_healthy
        )),
        false => Health::Well,
    }
}

/// The last time that somebody wrote what it is meant to be, or that it was made.
fn began(meta: &Meta) -> Option<Timestamp> {
    let edited = meta.last_edit().and_then(|edit| edit.time);
    edited.max(meta.creation_timestamp)
}

fn since(
    conditions: &[Condition],
    kind: &str,
    time: impl Fn(&Condition) -> Option<Timestamp>,
) -> Option<Timestamp> {
    condition(conditions, kind).and_then(time)
}

/// Well for as long as it may take to get well, and ill from then on.
fn in_time(moved: Option<Timestamp>, seconds: i32, now: Timestamp, why: String) -> Health {
    let Some(moved) = moved else {
        return Health::Unknown;
    };
    let patience = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let end = moved.checked_add(patience).unwrap_or(Timestamp::MAX);
    if now < end { Health::Well } else { ill(why) }
}
