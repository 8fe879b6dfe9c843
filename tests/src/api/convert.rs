//! Objects in the version that a client asks for.

use serde_json::{Map, Value, json};

use super::kinds::{Kind, type_of};

/// The object as `version` of its kind shows it.
pub(super) fn to_version(object: &Value, kind: &Kind, version: &str) -> Value {
    let mut shown = match (kind.group.as_str(), kind.plural.as_str()) {
        ("events.k8s.io", "events") => to_new_event(object),
        ("autoscaling", "horizontalpodautoscalers") => autoscaler(object, version),
        _ => object.clone(),
    };
    if let Value::Object(map) = &mut shown {
        map.insert("apiVersion".to_owned(), kind.api_version(version).into());
        map.insert("kind".to_owned(), kind.kind.as_str().into());
    }
    shown
}

/// The object as the server keeps it: events in the form of the core group, and no empty labels or annotations.
pub(super) fn to_stored(mut object: Value) -> Value {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        for field in ["labels", "annotations"] {
            if metadata
                .get(field)
                .and_then(Value::as_object)
                .is_some_and(Map::is_empty)
            {
                metadata.remove(field);
            }
        }
    }
    match type_of(&object) {
        Some(("events.k8s.io", _, "Event")) => reported(to_core_event(&object)),
        Some(("", _, "Event")) => reported(object),
        _ => object,
    }
}

/// Of core events these fields are always there.
const REPORTED: [&str; 2] = ["reportingComponent", "reportingInstance"];

fn reported(mut event: Value) -> Value {
    if let Value::Object(map) = &mut event {
        for field in REPORTED {
            map.entry(field).or_insert_with(|| "".into());
        }
    }
    event
}

/// Fields of an event by their names in the core group and in `events.k8s.io/v1`.
const EVENT_FIELDS: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("source", "deprecatedSource"),
    ("reportingComponent", "reportingController"),
];

fn to_new_event(event: &Value) -> Value {
    let mut event = rename(event, |key| {
        EVENT_FIELDS
            .iter()
            .find(|(core, _)| *core == key)
            .map(|(_, new)| *new)
    });
    if let Value::Object(map) = &mut event {
        for field in ["reportingController", "reportingInstance"] {
            if map.get(field).and_then(Value::as_str) == Some("") {
                map.remove(field);
            }
        }
    }
    event
}

fn to_core_event(event: &Value) -> Value {
    let mut event = rename(event, |key| {
        EVENT_FIELDS
            .iter()
            .find(|(_, new)| *new == key)
            .map(|(core, _)| *core)
    });
    if let Value::Object(map) = &mut event {
        map.insert("apiVersion".to_owned(), "v1".into());
    }
    event
}

fn rename(object: &Value, name: impl Fn(&str) -> Option<&'static str>) -> Value {
    let fields = object.as_object().into_iter().flatten();
    let renamed: Map<String, Value> = fields
        .map(|(key, value)| {
            (
                name(key).map_or_else(|| key.clone(), str::to_owned),
                value.clone(),
            )
        })
        .collect();
    Value::Object(renamed)
}

/// An autoscaler between the form with one target (v1) and the form with a list of metrics (v2).
fn autoscaler(object: &Value, version: &str) -> Value {
    let stored = type_of(object).map_or("v2", |(_, version, _)| version);
    let mut shown = object.clone();
    if stored == "v1" && version == "v2" {
        let target = shown.pointer_mut("/spec").and_then(Value::as_object_mut);
        if let Some(spec) = target
            && let Some(percent) = spec.remove("targetCPUUtilizationPercentage")
        {
            spec.insert(
                "metrics".to_owned(),
                json!([cpu(
                    json!({"type": "Utilization", "averageUtilization": percent}),
                    "target"
                )]),
            );
        }
        if let Some(status) = shown.pointer_mut("/status").and_then(Value::as_object_mut)
            && let Some(percent) = status.remove("currentCPUUtilizationPercentage")
        {
            status.insert(
                "currentMetrics".to_owned(),
                json!([cpu(json!({"averageUtilization": percent}), "current")]),
            );
        }
    }
    if stored != "v1" && version == "v1" {
        for (part, list, pointer, field) in [
            (
                "/spec",
                "metrics",
                "/resource/target/averageUtilization",
                "targetCPUUtilizationPercentage",
            ),
            (
                "/status",
                "currentMetrics",
                "/resource/current/averageUtilization",
                "currentCPUUtilizationPercentage",
            ),
        ] {
            let Some(part) = shown.pointer_mut(part).and_then(Value::as_object_mut) else {
                continue;
            };
            let metrics = part.remove(list);
            let percent = metrics
                .as_ref()
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .find_map(|metric| {
                    let is_cpu = metric.pointer("/resource/name").and_then(Value::as_str) == Some("cpu");
                    metric.pointer(pointer).filter(|_| is_cpu)
                });
            if let Some(percent) = percent {
                part.insert(field.to_owned(), percent.clone());
            }
        }
    }
    shown
}

fn cpu(value: Value, field: &str) -> Value {
    json!({"type": "Resource", "resource": {"name": "cpu", field: value}})
}

#[cfg(test)]
mod tests {
    use super::super::kinds::Kinds;
    use super::*;

    #[test]
    fn autoscalers_show_one_target_or_a_list() {
        let kinds = Kinds::of(&[]);
        let kind = kinds.get("autoscaling", "horizontalpodautoscalers").unwrap();
        let old = json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"},
            "spec": {"maxReplicas": 5, "targetCPUUtilizationPercentage": 80}});
        let new = to_version(&old, kind, "v2");
        assert_eq!(new["apiVersion"], "autoscaling/v2");
        assert_eq!(
            new["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"],
            80
        );
        assert_eq!(to_version(&new, kind, "v1"), old);
        assert_eq!(to_version(&new, kind, "v2"), new);
    }

    #[test]
    fn events_are_one_in_two_forms() {
        let kinds = Kinds::of(&[]);
        let new = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"},
            "regarding": {"kind": "Pod"}, "note": "text", "deprecatedCount": 3});
        let core = to_stored(new.clone());
        assert_eq!((&core["message"], &core["count"]), (&json!("text"), &json!(3)));
        assert_eq!(
            to_version(&core, kinds.get("events.k8s.io", "events").unwrap(), "v1"),
            new
        );
    }
}
