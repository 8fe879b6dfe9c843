//! Where objects hold what pods are made of.

use serde_json::Value;

/// Where: in workloads, CronJobs, PodTemplates, and pods themselves. Other kinds that have the like of it run pods by it as well.
pub(super) const PLACES: [&str; 4] = [
    "/spec/template/spec",
    "/spec/jobTemplate/spec/template/spec",
    "/template/spec",
    "/spec",
];

/// Lists of containers.
pub(super) const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// What pods are made of, with its place.
pub(super) fn specs(object: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    PLACES
        .into_iter()
        .filter_map(|place| Some((place, object.pointer(place)?)))
}

/// The containers of a pod of every sort, by name.
pub(super) fn containers(spec: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let lists = CONTAINERS
        .into_iter()
        .filter_map(|list| spec.get(list)?.as_array());
    lists.flatten().map(|container| {
        let name = container.get("name").and_then(Value::as_str);
        (name.unwrap_or_default(), container)
    })
}

/// The container of a name.
pub(super) fn container<'a>(spec: &'a Value, name: &str) -> Option<&'a Value> {
    containers(spec)
        .find(|(known, _)| *known == name)
        .map(|(_, container)| container)
}

/// Items of a list, none where there is no list.
pub(super) fn items<'a>(value: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(list).and_then(Value::as_array).into_iter().flatten()
}

/// Whether `patch` says anything about what lies at `place`, or replaces what it lies in.
pub(super) fn is_touched(patch: &Value, place: &str) -> bool {
    let mut at = patch;
    for key in place.split('/').skip(1) {
        match at {
            Value::Object(fields) => match fields.get(key) {
                Some(inner) => at = inner,
                None => return false,
            },
            _ => return true,
        }
    }
    true
}
