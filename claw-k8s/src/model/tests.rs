use serde_json::json;

use super::*;

#[test]
fn takes_null_for_absent_everywhere() {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "a", "namespace": "", "labels": null, "annotations": null, "creationTimestamp": null,
                     "ownerReferences": null, "managedFields": null},
        "spec": {"containers": null, "nodeName": null, "volumes": [{"name": "v", "configMap": null}]},
        "status": null,
    }))
    .unwrap();
    assert_eq!(pod.metadata.name, "a");
    assert_eq!(pod.metadata.namespace, None);
    assert!(pod.spec.containers.is_empty());
    assert_eq!(pod.status, PodStatus::default());
}

#[test]
fn a_pod_survives_a_round_trip() {
    let pod: Pod = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "cart-1", "namespace": "shop", "uid": "u", "labels": {"app": "cart"},
            "annotations": {LAST_APPLIED: "{\"everything\": \"again\"}", "team": "x"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "cart-6d", "uid": "r", "controller": true}],
            "managedFields": [{"manager": "kubectl", "operation": "Update", "time": "2026-03-01T10:00:00Z", "fieldsV1": {"f:x": {}}}],
            "creationTimestamp": "2026-03-01T10:00:00Z"},
        "spec": {"nodeName": "n1", "unknownField": {"deep": [1, 2, 3]},
            "containers": [{"name": "app", "image": "cart:1",
                "env": [{"name": "DB", "value": "db:5432"}, {"name": "PW", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                "readinessProbe": {"httpGet": {"path": "/ok", "port": "http"}, "periodSeconds": 0},
                "livenessProbe": {"tcpSocket": {"port": 8080}},
                "resources": {"limits": {"cpu": 1, "memory": "256Mi"}, "requests": {"cpu": 0.5}}}]},
        "status": {"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": [{"name": "app", "restartCount": 3, "ready": false,
            "imageID": "sha256:1", "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-03-01T10:05:00Z"}}}]}
    }))
    .unwrap();
    assert_eq!(
        pod.metadata.annotations.len(),
        1,
        "the copy that kubectl keeps is left out"
    );
    assert_eq!(
        pod.metadata.controller().map(|owner| owner.name.as_str()),
        Some("cart-6d")
    );
    let app = pod.container("app").unwrap();
    assert_eq!(app.resources.limits["cpu"].as_str(), "1");
    assert_eq!(app.resources.requests["cpu"].as_str(), "0.5");
    assert_eq!(app.readiness_probe.as_ref().unwrap().period_seconds, Some(0));
    assert_eq!(pod.restarts(), 3);
    let text = serde_json::to_string(&pod).unwrap();
    assert!(!text.contains("null") && !text.contains("unknownField"), "{text}");
    assert_eq!(serde_json::from_str::<Pod>(&text).unwrap(), pod);
}

#[test]
fn events_of_both_groups_tell_the_same() {
    let core: Event = serde_json::from_value(json!({
        "metadata": {"name": "e", "namespace": "shop"},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "cart-1"},
        "type": "Warning", "reason": "BackOff", "message": "again", "count": 4,
        "firstTimestamp": "2026-03-01T10:00:00Z", "lastTimestamp": "2026-03-01T10:09:00Z", "eventTime": null,
        "source": {"component": "kubelet", "host": "n1"}, "reportingComponent": "kubelet"}))
    .unwrap();
    let newer: Event = serde_json::from_value(json!({
        "metadata": {"name": "e", "namespace": "shop"},
        "regarding": {"kind": "Pod", "namespace": "shop", "name": "cart-1"},
        "type": "Warning", "reason": "BackOff", "note": "again",
        "eventTime": "2026-03-01T10:00:00.000000Z", "series": {"count": 4, "lastObservedTime": "2026-03-01T10:09:00.000000Z"},
        "deprecatedSource": {}, "reportingController": "kubelet"}))
    .unwrap();
    for event in [&core, &newer] {
        assert_eq!(event.about().to_string(), "Pod shop/cart-1");
        assert_eq!(event.message, "again");
        assert_eq!(event.count(), 4);
        assert_eq!(event.component(), "kubelet");
        assert_eq!(event.first_seen().unwrap().to_string(), "2026-03-01T10:00:00Z");
        assert_eq!(event.last_seen().unwrap().to_string(), "2026-03-01T10:09:00Z");
        let again: Event = serde_json::from_value(serde_json::to_value(event).unwrap()).unwrap();
        assert_eq!(&again, event);
    }
}

#[test]
fn events_know_whether_what_they_are_about_has_a_namespace() {
    let about = |kind: &str, namespace: serde_json::Value| {
        let event: Event = serde_json::from_value(json!({"metadata": {"name": "e", "namespace": "default"},
            "involvedObject": {"kind": kind, "namespace": namespace, "name": "x"}}))
        .unwrap();
        event.about().to_string()
    };
    assert_eq!(about("Node", json!("")), "Node x");
    assert_eq!(about("Node", json!("default")), "Node x");
    assert_eq!(about("Pod", json!(null)), "Pod default/x");
    assert_eq!(about("Pod", json!("shop")), "Pod shop/x");
}

#[test]
fn selectors_are_read_in_both_forms() {
    let labels = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let bare: LabelSelector = serde_json::from_value(json!({"app": "cart"})).unwrap();
    assert!(bare.matches(&labels(&[("app", "cart"), ("x", "y")])));
    assert!(!bare.matches(&labels(&[("app", "other")])));
    let full: LabelSelector = serde_json::from_value(json!({
        "matchLabels": {"app": "cart"},
        "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["canary"]}, {"key": "app", "operator": "Exists"}]}))
    .unwrap();
    assert!(
        full.matches(&labels(&[("app", "cart")])),
        "NotIn holds where the label is absent"
    );
    assert!(!full.matches(&labels(&[("app", "cart"), ("tier", "canary")])));
    assert!(
        serde_json::from_value::<LabelSelector>(json!({}))
            .unwrap()
            .matches(&labels(&[]))
    );
    let again: LabelSelector = serde_json::from_value(serde_json::to_value(&full).unwrap()).unwrap();
    assert_eq!(again, full);
}

#[test]
fn workloads_of_all_kinds_answer_the_same_questions() {
    let read = |value| serde_json::from_value::<Workload>(value).unwrap();
    let cron = read(
        json!({"kind": "CronJob", "metadata": {"name": "c"}, "spec": {"schedule": "* * * * *",
        "jobTemplate": {"spec": {"backoffLimit": 0, "template": {"spec": {"containers": [{"name": "a", "image": "i"}]}}}}},
        "status": {"active": [{"kind": "Job", "name": "c-1"}]}}),
    );
    assert_eq!(cron.template().spec.containers[0].image, "i");
    assert_eq!(cron.status.active.count(), 1);
    assert_eq!(cron.desired(), None);
    let job = read(json!({"kind": "Job", "spec": {"parallelism": 2}, "status": {"active": 2, "failed": 1}}));
    assert_eq!((job.status.active.count(), job.desired()), (2, Some(2)));
    let daemons = read(json!({"kind": "DaemonSet", "spec": {},
        "status": {"desiredNumberScheduled": 3, "numberReady": 2, "numberAvailable": 1, "updatedNumberScheduled": 3}}));
    assert_eq!(
        (
            daemons.desired(),
            daemons.ready(),
            daemons.available(),
            daemons.updated()
        ),
        (Some(3), 2, 1, 3)
    );
    let mut deployment = read(
        json!({"metadata": {"annotations": {REVISION: "7"}}, "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}}}),
    );
    deployment.set_kind("Deployment");
    assert_eq!((deployment.desired(), deployment.revision()), (Some(0), Some(7)));
    assert_eq!(deployment.kind(), "Deployment");
}

#[test]
fn config_values_keep_sizes_and_addresses_and_nothing_else() {
    let config: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "c"},
        "data": {"url": "postgres://u:hunter2@db:5432/x", "empty": null}, "binaryData": {"b": "AAAA"}}))
    .unwrap();
    assert_eq!(config.data["url"].addresses, ["db:5432"]);
    assert!(config.has_key("empty") && config.has_key("b") && !config.has_key("other"));
    let text = serde_json::to_string(&config).unwrap();
    assert!(!text.contains("hunter2"));
    assert_eq!(serde_json::from_str::<ConfigMap>(&text).unwrap(), config);
}

#[test]
fn what_cannot_be_resolved_is_not_selected() {
    let service: Service =
        serde_json::from_value(json!({"metadata": {"name": "s"}, "spec": {"selector": null}})).unwrap();
    assert!(
        !service.selects(&std::collections::BTreeMap::new()),
        "no selector selects nothing"
    );
}

#[test]
fn lists_take_no_more_room_than_they_need() {
    let text = r#"{"metadata": {"name": "cart-1", "ownerReferences": [{"kind": "ReplicaSet", "name": "cart"}]},
        "spec": {"containers": [{"name": "app", "env": [{"name": "A", "value": "b"}]}]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}}"#;
    let pod: Pod = serde_json::from_str(text).unwrap();
    assert_eq!(pod.spec.containers.capacity(), 1);
    assert_eq!(pod.spec.containers[0].env.capacity(), 1);
    assert_eq!(pod.metadata.owner_references.capacity(), 1);
    assert_eq!(pod.status.conditions.capacity(), 1);
}

#[test]
fn objects_are_in_the_order_of_their_names() {
    let pod = |namespace: Option<&str>, name: &str| Pod {
        metadata: Meta {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            ..Meta::default()
        },
        ..Pod::default()
    };
    let pods = [
        pod(None, "b"),
        pod(Some("a"), "c"),
        pod(Some("a"), "a"),
        pod(Some("b"), "a"),
    ];
    for a in &pods {
        for b in &pods {
            assert_eq!(a.key().cmp(&b.key()), a.entity().cmp(&b.entity()));
        }
    }
}
