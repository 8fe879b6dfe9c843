//! Cases for tests.

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_core::report::Window;
use claw_core::workflow::Workflow as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::IncidentInvestigation;
use super::candidate::Candidate;
use super::case::Case;
use super::facts::Facts;
use super::mechanism::Mechanism;

/// A time by its distance in seconds from the beginning of the trouble, 2026-05-01T10:00:00Z.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_777_629_600 + second).unwrap()
}

/// An empty case: trouble began at 0, it is looked at two hours before until half an hour after, and all that there is in
/// the cluster is known.
pub(super) fn case() -> Case {
    let incident = serde_json::from_value(json!({"id": "test", "received_at": at(1800)}));
    let mut case = IncidentInvestigation::new("test").start(incident.unwrap());
    case.window = Window {
        start: at(-7200),
        end: at(1800),
    };
    case.began = Some(at(0));
    case.namespaces.insert("shop".to_owned());
    for kind in [
        "Pod",
        "Service",
        "ConfigMap",
        "Secret",
        "IngressClass",
        "EndpointSlice",
    ] {
        case.listed_everywhere.insert(kind.to_owned());
    }
    case
}

/// A rollout.
pub(super) fn deploy(entity: &EntityRef, reference: &str, second: i64) -> Change {
    Change {
        reference: reference.to_owned(),
        time: at(second),
        kind: ChangeKind::Deploy,
        entity: entity.clone(),
        summary: format!("{entity} was rolled out"),
        detail: Vec::new(),
        author: None,
    }
}

/// An object of the namespace `shop`, made long ago, from its JSON without the usual.
pub(super) fn object<T: serde::de::DeserializeOwned>(name: &str, mut rest: Value) -> T {
    let metadata = rest
        .as_object_mut()
        .unwrap()
        .entry("metadata")
        .or_insert_with(|| json!({}));
    let metadata = metadata.as_object_mut().unwrap();
    metadata.insert("name".to_owned(), json!(name));
    metadata.entry("namespace").or_insert_with(|| json!("shop"));
    metadata
        .entry("creationTimestamp")
        .or_insert_with(|| json!(at(-1_000_000)));
    serde_json::from_value(rest).unwrap()
}

/// Adds a Deployment with one pod of the same name and label `app`. `rest` holds `containers`, and may hold `status` of
/// the pod.
pub(super) fn deployment(case: &mut Case, name: &str, rest: Value) {
    let spec =
        json!({"containers": rest["containers"], "volumes": rest["volumes"], "nodeName": rest["nodeName"]});
    case.objects.workloads.push(object(
        name,
        json!({
            "kind": "Deployment",
            "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": name}}, "spec": spec}},
            "status": {"readyReplicas": 1},
        }),
    ));
    let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    let status = rest.get("status").cloned().unwrap_or(ready);
    case.objects.pods.push(object(
        &format!("{name}-pod"),
        json!({
            "metadata": {
                "labels": {"app": name},
                "ownerReferences": [{"kind": "Deployment", "name": name, "controller": true}],
            },
            "spec": spec,
            "status": status,
        }),
    ));
}

/// Adds an event about an object of the namespace.
pub(super) fn event(case: &mut Case, kind: &str, name: &str, reason: &str, message: &str, second: i64) {
    let number = case.objects.events.len();
    case.objects.events.push(object(
        &format!("{name}.{number}"),
        json!({
            "involvedObject": {"kind": kind, "name": name, "namespace": "shop"},
            "type": "Warning", "reason": reason, "message": message,
            "firstTimestamp": at(second), "lastTimestamp": at(second),
        }),
    ));
}

/// What a mechanism puts forward, under ids that it lists.
pub(super) fn of(mechanism: &dyn Mechanism, case: &Case) -> Vec<Candidate> {
    let found = mechanism.candidates(&Facts::new(case));
    for candidate in &found {
        let id = candidate.mechanism;
        let listed = id == mechanism.id() || mechanism.more_ids().contains(&id);
        assert!(
            listed,
            "{} puts forward {id}, which it does not list",
            mechanism.id()
        );
    }
    found
}
