//! Whether a target is at a piece of work.

use serde_json::Value;

use crate::cluster::Resource;
use crate::model::{Pod, Workload};

/// Natures of workloads that are not at a piece of work by which they would have to be left alone.
const NEVER: [&str; 2] = ["stateless", "stateful"];

/// Whether the target is at a piece of work that it should be left to finish. `None` where nothing tells: of a consumer it is the
/// lag of its queue that does, which is no object.
///
/// `felt` are the pods that feel the action.
pub(super) fn is_working(
    label: &str,
    resource: &Resource,
    object: &Value,
    felt: Option<&[Pod]>,
) -> Option<bool> {
    if object.is_null() {
        return felt.map(|_| false); // it is to be created
    }
    match (&*resource.group, &*resource.kind) {
        ("batch", "Job" | "CronJob") => {
            let workload: Workload = serde_json::from_value(object.clone()).ok()?;
            return Some(workload.status.active.count() > 0);
        }
        ("", "Pod") => {
            let pod: Pod = serde_json::from_value(object.clone()).ok()?;
            if is_at_work(&pod) {
                return Some(true);
            }
        }
        _ => {}
    }
    if felt.is_some_and(|pods| pods.iter().any(is_at_work)) {
        return Some(true);
    }
    // A label that says something else may say that there is a queue.
    let told = nature(label, object);
    if told.is_some_and(|nature| !NEVER.contains(&nature.to_lowercase().as_str())) {
        return None;
    }
    // What feels the action has to be known, so that no Job is among it.
    felt.map(|_| false)
}

/// Whether a pod is one of a Job, or one that runs once, and has not ended.
fn is_at_work(pod: &Pod) -> bool {
    let owner = pod.metadata.controller();
    let once = match owner {
        Some(owner) => owner.kind == "Job",
        None => matches!(pod.spec.restart_policy.as_str(), "Never" | "OnFailure"),
    };
    once && !pod.is_finished()
}

/// What a label or annotation says that a workload is, on itself or on its pods.
fn nature<'a>(label: &str, object: &'a Value) -> Option<&'a str> {
    let places = [
        "/metadata/labels",
        "/metadata/annotations",
        "/spec/template/metadata/labels",
        "/spec/template/metadata/annotations",
    ];
    let maps = places.into_iter().filter_map(|place| object.pointer(place));
    let mut found = maps.filter_map(|map| map.get(label)?.as_str());
    found.next()
}
