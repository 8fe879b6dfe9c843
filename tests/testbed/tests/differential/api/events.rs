//! Events, and the fields that they are selected by.

use serde_json::{Value, json};

use super::pair::Pair;
use super::step::{JSON, step};

/// Events of two pods and a node; the last is of a component that writes in the newer form.
fn written(ns: &str) -> Vec<Value> {
    let event = |name: &str, about: Value, kind: &str, reason: &str, from: Value| {
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "labels": {"made": ns}},
            "involvedObject": about, "type": kind, "reason": reason, "message": "said", "source": from,
            "firstTimestamp": "2026-03-01T10:00:00Z", "lastTimestamp": "2026-03-01T10:05:00Z", "count": 3})
    };
    let pod = |name: &str, uid: &str, field: Option<&str>| {
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "namespace": ns, "name": name, "uid": uid,
            "resourceVersion": "7"});
        if let Some(field) = field {
            pod["fieldPath"] = json!(field);
        }
        pod
    };
    let deployment =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": ns, "name": "web", "uid": "d-1"});
    let kubelet = json!({"component": "kubelet", "host": "n1"});
    let mut newer = event(
        "scheduled",
        pod("web-2", "u-2", None),
        "Normal",
        "Scheduled",
        json!({}),
    );
    newer["reportingComponent"] = json!("default-scheduler");
    newer["reportingInstance"] = json!("default-scheduler-0");
    newer["action"] = json!("Binding");
    newer["eventTime"] = json!("2026-03-01T10:00:00.000000Z");
    for old in ["firstTimestamp", "lastTimestamp", "count"] {
        newer[old] = Value::Null;
    }
    vec![
        event(
            "back-off",
            pod("web-1", "u-1", Some("spec.containers{main}")),
            "Warning",
            "BackOff",
            kubelet.clone(),
        ),
        event(
            "pulled",
            pod("web-1", "u-1", Some("spec.containers{side}")),
            "Normal",
            "Pulled",
            kubelet.clone(),
        ),
        event(
            "killed",
            pod("web-2", "u-2", None),
            "Warning",
            "OOMKilling",
            kubelet,
        ),
        event(
            "scaled",
            deployment,
            "Normal",
            "ScalingReplicaSet",
            json!({"component": "deployment-controller"}),
        ),
        newer,
    ]
}

/// By names of the core group.
const SELECTORS: &[(&str, &str)] = &[
    ("events of an object", "involvedObject.name%3Dweb-1"),
    ("events of a kind", "involvedObject.kind%3DPod"),
    (
        "events of an object and its kind",
        "involvedObject.name%3Dweb-1,involvedObject.kind%3DPod",
    ),
    ("events of a uid", "involvedObject.uid%3Du-2"),
    ("events of an API version", "involvedObject.apiVersion%3Dapps/v1"),
    ("events of a version", "involvedObject.resourceVersion%3D7"),
    (
        "events of a container",
        "involvedObject.fieldPath%3Dspec.containers{main}",
    ),
    ("events of no container", "involvedObject.fieldPath%3D"),
    ("events of nowhere", "involvedObject.namespace%3Dnowhere"),
    ("events of another name", "involvedObject.name!%3Dweb-1"),
    ("warnings", "type%3DWarning"),
    ("no warnings", "type!%3DWarning"),
    ("events of a reason", "reason%3DBackOff"),
    ("events of another reason", "reason!%3DBackOff,type%3DWarning"),
    ("events of a source", "source%3Dkubelet"),
    (
        "events of a source that is only named",
        "source%3Ddefault-scheduler",
    ),
    ("events of no source", "source%3D"),
    ("events of a component", "reportingComponent%3Ddefault-scheduler"),
    ("events of no component", "reportingComponent%3D"),
    ("an event by name", "metadata.name%3Dkilled"),
    ("events by a field in the newer form", "regarding.name%3Dweb-1"),
    ("events by message", "message%3Dsaid"),
    ("events by count", "count%3D3"),
];

/// By names of `events.k8s.io`.
const NEWER: &[(&str, &str)] = &[
    ("newer: of an object", "regarding.name%3Dweb-1"),
    ("newer: of a kind", "regarding.kind%3DPod"),
    ("newer: of a uid", "regarding.uid%3Du-2"),
    ("newer: of a place", "regarding.namespace!%3Dnowhere"),
    ("newer: of an API version", "regarding.apiVersion%3Dapps/v1"),
    ("newer: of a version", "regarding.resourceVersion%3D7"),
    (
        "newer: of a container",
        "regarding.fieldPath%3Dspec.containers{main}",
    ),
    ("newer: warnings", "type%3DWarning"),
    ("newer: of a reason", "reason%3DBackOff"),
    ("newer: of a component", "reportingController%3Ddefault-scheduler"),
    (
        "newer: by a name of the core group",
        "involvedObject.name%3Dweb-1",
    ),
    ("newer: by a source", "source%3Dkubelet"),
    ("newer: by note", "note%3Dsaid"),
];

pub(super) async fn events(pair: &mut Pair, ns: &str) {
    let core = format!("/api/v1/namespaces/{ns}/events");
    let newer = format!("/apis/events.k8s.io/v1/namespaces/{ns}/events");
    const WRITTEN: &[&str] = &["/involvedObject", "/source", "/reportingComponent", "/type"];
    for event in written(ns) {
        pair.same(step("write an event", "POST", &core, WRITTEN).body(JSON, event))
            .await;
    }
    let empty = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "empty", "namespace": ns},
        "involvedObject": {"kind": "Pod", "namespace": ns, "name": "empty", "fieldPath": ""}});
    const FIELD: &[&str] = &["/involvedObject/fieldPath"];
    pair.same(step("write an event with an empty field", "POST", &core, FIELD).body(JSON, empty))
        .await;
    for (name, about) in [
        (
            "write an event about another namespace",
            json!({"kind": "Pod", "namespace": "other", "name": "a"}),
        ),
        (
            "write an event about no namespace",
            json!({"kind": "Node", "name": "a"}),
        ),
    ] {
        let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "misplaced"}, "involvedObject": about});
        pair.same(step(name, "POST", &core, &["/message", "/details/causes/0/field"]).body(JSON, event))
            .await;
    }
    // The real server may write some of its own.
    for (name, selector) in SELECTORS {
        let path = format!("{core}?labelSelector=made&fieldSelector={selector}");
        pair.same(step(name, "GET", path, &["names"])).await;
    }
    for (name, selector) in NEWER {
        let path = format!("{newer}?labelSelector=made&fieldSelector={selector}");
        pair.same(step(name, "GET", path, &["names"])).await;
    }
    pair.same(step(
        "a page of events of an object",
        "GET",
        format!("{core}?labelSelector=made&fieldSelector=involvedObject.kind%3DPod&limit=2"),
        &["names", "more", "/metadata/remainingItemCount"],
    ))
    .await;
    pair.same(step(
        "events of an object everywhere",
        "GET",
        format!("/api/v1/events?labelSelector=made%3D{ns}&fieldSelector=involvedObject.uid%3Du-1"),
        &["names"],
    ))
    .await;
    const NOTED: &[&str] = &[
        "/apiVersion",
        "/regarding/name",
        "/note",
        "/deprecatedCount",
        "/deprecatedSource",
        "/deprecatedLastTimestamp",
        "/reportingController",
        "/eventTime",
    ];
    for name in ["back-off", "scheduled"] {
        pair.same(step(
            "an event in the newer form",
            "GET",
            format!("{newer}/{name}"),
            NOTED,
        ))
        .await;
    }
}
