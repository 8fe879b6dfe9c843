//! Pods in a table.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::age;
use super::super::describe::number;
use super::super::table::Row;

/// A pod in a table of `kubectl get pods`.
pub(in super::super) fn listed(row: &Row<'_>, metadata: Value, present: Timestamp) -> Value {
    let mut metadata = metadata;
    let shown = row.get("STATUS").copied().unwrap_or("Unknown");
    let ready = row.get("READY").and_then(|text| text.split_once('/'));
    let count = |text: Option<&str>| {
        text.and_then(|text| text.trim().parse::<usize>().ok())
            .unwrap_or(0)
            .min(64)
    };
    let total = count(ready.map(|(_, total)| total)).max(1);
    let running = count(ready.map(|(ready, _)| ready)).min(total);
    let restarts = row.get("RESTARTS").copied().unwrap_or_default();
    let (restarts, last_restart) = match restarts.split_once('(') {
        Some((count, ago)) => (
            count,
            age::before(
                ago.trim_end().trim_end_matches(')').trim_end_matches(" ago"),
                present,
            ),
        ),
        None => (restarts, None),
    };
    let restarts = number(restarts).unwrap_or(0);
    let view = View::of(shown);
    if view.deleted
        && let Value::Object(metadata) = &mut metadata
    {
        metadata.insert("deletionTimestamp".to_owned(), present.to_string().into());
    }
    let name = |index: usize| {
        if total == 1 {
            "unknown".to_owned()
        } else {
            format!("unknown-{index}")
        }
    };
    let statuses: Vec<Value> = (0..total)
        .map(|index| {
            let ready = index < running;
            let state = if ready {
                json!({"running": {}})
            } else {
                view.state()
            };
            let mut status = json!({"name": name(index), "ready": ready, "restartCount": 0, "state": state});
            // Which container restarted is not told: an unready one, if there is any.
            if index.saturating_add(1) == total
                && let Value::Object(status) = &mut status
            {
                status.insert("restartCount".to_owned(), restarts.into());
                if let Some(time) = last_restart {
                    let last = json!({"terminated": {"finishedAt": time.to_string()}});
                    status.insert("lastState".to_owned(), last);
                }
            }
            status
        })
        .collect();
    let containers: Vec<Value> = (0..total).map(|index| json!({"name": name(index)})).collect();
    let mut spec = Map::from_iter([("containers".to_owned(), containers.into())]);
    if let Some(node) = row.get("NODE").and_then(|text| super::super::present(text)) {
        spec.insert("nodeName".to_owned(), node.into());
    }
    let mut status = Map::from_iter([
        ("phase".to_owned(), view.phase.into()),
        ("containerStatuses".to_owned(), statuses.into()),
    ]);
    if let Some(ip) = row.get("IP").and_then(|text| super::super::present(text)) {
        status.insert("podIP".to_owned(), ip.into());
    }
    if let Some(reason) = view.reason.filter(|_| view.phase == "Failed") {
        status.insert("reason".to_owned(), reason.into());
    }
    if let Some(reason) = view.init {
        let init = json!([{"name": "unknown-init", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason}}}]);
        status.insert("initContainerStatuses".to_owned(), init);
    }
    if view.phase == "Running" || view.phase == "Pending" {
        let all = running == total;
        let ready = json!([{"type": "Ready", "status": if all { "True" } else { "False" }}]);
        status.insert("conditions".to_owned(), ready);
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status})
}

/// What the STATUS column tells. It shows the most telling of phase, reason and container states.
struct View<'a> {
    phase: &'static str,
    reason: Option<&'a str>,
    init: Option<&'a str>,
    deleted: bool,
}

impl<'a> View<'a> {
    fn of(shown: &'a str) -> Self {
        let (phase, reason, init, deleted) = match shown {
            "Running" => ("Running", None, None, false),
            "Pending" => ("Pending", None, None, false),
            "Completed" | "Succeeded" => ("Succeeded", Some("Completed"), None, false),
            "Failed" => ("Failed", None, None, false),
            "Unknown" => ("Unknown", None, None, false),
            "Terminating" => ("Running", None, None, true),
            "Evicted"
            | "NodeLost"
            | "Shutdown"
            | "NodeShutdown"
            | "NodeAffinity"
            | "Preempting"
            | "Terminated"
            | "ContainerStatusUnknown"
            | "UnexpectedAdmissionError"
            | "OutOfcpu"
            | "OutOfmemory"
            | "OutOfpods" => ("Failed", Some(shown), None, false),
            "ContainerCreating"
            | "PodInitializing"
            | "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "CreateContainerConfigError"
            | "CreateContainerError"
            | "SchedulingGated" => ("Pending", Some(shown), None, false),
            other => match other.strip_prefix("Init:") {
                Some(reason) => ("Pending", Some("PodInitializing"), Some(reason), false),
                None => ("Running", Some(other), None, false),
            },
        };
        Self {
            phase,
            reason,
            init,
            deleted,
        }
    }

    fn state(&self) -> Value {
        match (self.phase, self.reason) {
            ("Succeeded", _) => json!({"terminated": {"reason": "Completed", "exitCode": 0}}),
            (_, Some(reason @ ("Error" | "OOMKilled" | "ContainerCannotRun" | "DeadlineExceeded"))) => {
                json!({"terminated": {"reason": reason}})
            }
            ("Failed", _) => json!({}),
            (_, Some(reason)) => json!({"waiting": {"reason": reason}}),
            ("Running", None) => json!({"running": {}}),
            _ => json!({}),
        }
    }
}
