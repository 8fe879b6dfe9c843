//! The times of a folder that does not say them itself, derived from what it holds.

use claw_core::report::Window;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::manifest::{Manifest, VERSION};
use super::time;

/// Time before the incident that is looked at.
const BEFORE: SignedDuration = SignedDuration::from_hours(2);
/// How far back trouble may have begun to count as this incident.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// Taken for the incident's length when no event tells it.
const USUAL: SignedDuration = SignedDuration::from_hours(1);

/// Fields that hold the time of something that has happened.
const PAST: &[&str] = &[
    "completedAt",
    "completionTime",
    "creationTimestamp",
    "eventTime",
    "finishedAt",
    "firstTimestamp",
    "lastHeartbeatTime",
    "lastObservedTime",
    "lastProbeTime",
    "lastScaleTime",
    "lastScheduleTime",
    "lastSuccessfulTime",
    "lastTimestamp",
    "lastTransitionTime",
    "lastUpdateTime",
    "renewTime",
    "startTime",
    "startedAt",
    "time",
    "timestamp",
];

/// A manifest for objects of which nobody wrote one. `otherwise` is the present when no object has a time.
pub(super) fn derive(case: &str, objects: &[Value], otherwise: Timestamp) -> Manifest {
    let end = objects.iter().filter_map(latest).max().unwrap_or(otherwise);
    let earliest = end.saturating_sub(LONGEST).unwrap_or(end);
    let start = objects
        .iter()
        .filter_map(trouble)
        .filter(|(_, last)| *last >= end.saturating_sub(USUAL).unwrap_or(end))
        .map(|(first, _)| first.clamp(earliest, end))
        .min()
        .unwrap_or_else(|| end.saturating_sub(USUAL).unwrap_or(end));
    Manifest {
        version: VERSION,
        case: case.to_owned(),
        cluster: cluster(objects).unwrap_or_else(|| case.to_owned()),
        collected_at: end,
        window: Window {
            start: start.saturating_sub(BEFORE).unwrap_or(start),
            end,
        },
        incident: None,
        baseline: None,
        question: None,
        namespaces: Default::default(),
        kinds: None,
        gaps: None,
    }
}

/// The newest time in the object at which something happened.
pub(super) fn latest(object: &Value) -> Option<Timestamp> {
    match object {
        Value::Object(map) => map
            .iter()
            .filter_map(|(key, value)| match value {
                Value::String(text) if PAST.contains(&key.as_str()) => time::parse_text(text),
                // What users keep in annotations and data is not about the object's own life.
                Value::Object(_) | Value::Array(_)
                    if !matches!(key.as_str(), "annotations" | "labels" | "data") =>
                {
                    latest(value)
                }
                _ => None,
            })
            .max(),
        Value::Array(items) => items.iter().filter_map(latest).max(),
        _ => None,
    }
}

/// First and last time of a warning.
fn trouble(object: &Value) -> Option<(Timestamp, Timestamp)> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    if text("/kind") != Some("Event") || text("/type") != Some("Warning") {
        return None;
    }
    let at = |pointers: &[&str]| {
        pointers
            .iter()
            .find_map(|pointer| time::parse_text(text(pointer)?))
    };
    let first = at(&[
        "/firstTimestamp",
        "/eventTime",
        "/deprecatedFirstTimestamp",
        "/metadata/creationTimestamp",
    ])?;
    let last = at(&[
        "/series/lastObservedTime",
        "/lastTimestamp",
        "/deprecatedLastTimestamp",
    ])
    .unwrap_or(first);
    Some((first, last.max(first)))
}

/// The cluster's name, where an object tells it.
fn cluster(objects: &[Value]) -> Option<String> {
    objects
        .iter()
        .filter(|object| object.get("kind").and_then(Value::as_str) == Some("Infrastructure"))
        .find_map(|object| object.pointer("/status/infrastructureName")?.as_str())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn takes_the_present_from_the_newest_time_and_the_window_from_warnings() {
        let objects = [
            json!({"kind": "Pod", "metadata": {"name": "a", "creationTimestamp": "2026-03-01T00:00:00Z"},
                   "status": {"conditions": [{"lastTransitionTime": "2026-03-02T10:00:00Z"}]}}),
            json!({"kind": "Event", "type": "Warning", "firstTimestamp": "2026-03-02T09:20:00Z",
                   "lastTimestamp": "2026-03-02T09:58:00Z", "metadata": {"name": "e"}}),
            json!({"kind": "Event", "type": "Warning", "eventTime": "2026-03-01T12:00:00Z", "metadata": {"name": "old"}}),
            json!({"kind": "Certificate", "metadata": {"name": "c"}, "status": {"notAfter": "2030-01-01T00:00:00Z"}}),
            json!({"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"time": "2031-01-01T00:00:00Z"}}),
        ];
        let manifest = derive("x", &objects, Timestamp::UNIX_EPOCH);
        assert_eq!(manifest.collected_at, at("2026-03-02T10:00:00Z"));
        assert_eq!(manifest.incident, None);
        assert_eq!(manifest.window.start, at("2026-03-02T07:20:00Z"));
    }

    #[test]
    fn without_any_time_the_given_present_counts() {
        let manifest = derive("x", &[], at("2026-03-02T10:00:00Z"));
        assert_eq!(manifest.window.start, at("2026-03-02T07:00:00Z"));
        let extreme = derive("x", &[], Timestamp::MIN);
        assert!(extreme.window.start <= extreme.window.end);
    }
}
