//! Small clusters for the tests of mechanisms, written as objects. The alert fires at ten o'clock of 2026-05-01; see
//! [`testing`].

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use serde_json::{Value, json};

use crate::incident::candidate::Candidate;
use crate::incident::case::{Call, Case};
use crate::incident::testing;

/// A case with these [`Objects`](claw_k8s::world::Objects) in the namespace `shop`, and nothing listed in full.
pub(in crate::incident) fn case(objects: Value) -> Case {
    Case {
        objects: serde_json::from_value(objects).unwrap(),
        listed_everywhere: std::collections::BTreeSet::new(),
        ..testing::case()
    }
}

/// Notes that all objects of these kinds are known.
pub(in crate::incident) fn know_all(case: &mut Case, kinds: &[&str]) {
    case.listed_everywhere
        .extend(kinds.iter().map(|kind| (*kind).to_owned()));
}

pub(in crate::incident) fn change(time: &str, entity: &EntityRef, detail: &[&str]) -> Change {
    Change {
        reference: format!("{entity}@{time}"),
        time: time.parse().unwrap(),
        kind: ChangeKind::Config,
        entity: entity.clone(),
        summary: "edited".to_owned(),
        detail: detail.iter().map(|line| (*line).to_owned()).collect(),
        author: None,
    }
}

/// Has a pod of `shop` log `text` five times, which is read as logs are: what says nothing of any trouble is dropped.
pub(in crate::incident) fn log(case: &mut Case, pod: &str, text: &str) {
    let lines: String = (0..5)
        .map(|line| format!("{} {text}\n", testing::at(-300 + 75 * line)))
        .collect();
    case.logs.push(crate::incident::logs::digest(
        EntityRef::namespaced("Pod", "shop", pod),
        "app".to_owned(),
        false,
        lines.as_bytes(),
        testing::at(-7200),
        None,
        false,
    ));
}

/// Says that one workload of `shop` calls a Service of `shop`.
pub(in crate::incident) fn call(case: &mut Case, caller: &str, callee: &str) {
    case.calls.push(Call {
        caller: deployment(caller),
        callee: EntityRef::namespaced("Service", "shop", callee),
        via: "env".to_owned(),
    });
}

/// The name of a Deployment of `shop`.
pub(in crate::incident) fn deployment(name: &str) -> EntityRef {
    EntityRef::namespaced("Deployment", "shop", name)
}

/// A Deployment of one replica whose pods carry `app: name` and run these containers.
pub(in crate::incident) fn workload(namespace: &str, name: &str, containers: Value) -> Value {
    json!({
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1,
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}},
        },
        "status": {"replicas": 1, "readyReplicas": 1},
    })
}

/// A ready pod of that Deployment, named after it with `-7d9f8b6c5-x1`.
pub(in crate::incident) fn pod(namespace: &str, owner: &str, containers: Value) -> Value {
    json!({
        "metadata": {
            "name": format!("{owner}-7d9f8b6c5-x1"), "namespace": namespace, "labels": {"app": owner},
            "ownerReferences": [{"kind": "ReplicaSet", "name": format!("{owner}-7d9f8b6c5"), "controller": true}],
        },
        "spec": {"nodeName": "node-1", "containers": containers},
        "status": {"phase": "Running", "podIP": "10.1.0.9", "conditions": [{"type": "Ready", "status": "True"}]},
    })
}

/// A Service that selects `app: name` with one port.
pub(in crate::incident) fn service(namespace: &str, name: &str, port: Value) -> Value {
    json!({
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": name}, "clusterIP": "10.96.0.77", "ports": [port]},
    })
}

/// The candidate's clue of that name, as log-odds.
pub(in crate::incident) fn clue(candidate: &Candidate, name: &str) -> Option<f64> {
    candidate
        .clues
        .iter()
        .find(|clue| clue.name == name)
        .map(|clue| clue.log_odds)
}
