//! What it costs to read a list of 2,000 pods: the slim structs of this crate beside the full types of k8s-openapi, on the
//! same bytes. Time, and bytes and number of allocations.
//!
//! `cargo bench -p claw-k8s --bench pod_list`

use std::hint::black_box;

use claw_k8s::model::Pod;
use divan::AllocProfiler;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const PODS: usize = 2_000;

fn main() {
    divan::main();
}

/// The part of a list that both ways read.
#[derive(Deserialize)]
struct List<T> {
    items: Vec<T>,
}

/// A pod as an API server answers it: with what the server and the kubelet add, of which a diagnosis uses little.
fn pod(number: usize) -> Value {
    let (name, namespace) = (
        format!("cart-7d9f8b6c5d-{number:05}"),
        format!("team-{}", number % 40),
    );
    let probe = json!({"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "initialDelaySeconds": 5,
        "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3});
    let condition = |kind: &str| {
        json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-03-01T10:00:00Z",
            "observedGeneration": 1})
    };
    let conditions = [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]
    .map(condition);
    let fields = json!({"f:metadata": {"f:labels": {".": {}, "f:app": {}, "f:pod-template-hash": {}}},
        "f:spec": {"f:containers": {"k:{\"name\":\"cart\"}": {".": {}, "f:env": {".": {}}, "f:image": {}, "f:resources": {}}},
            "f:dnsPolicy": {}, "f:restartPolicy": {}, "f:schedulerName": {}}});
    json!({
        "metadata": {
            "name": name, "namespace": namespace, "generateName": "cart-7d9f8b6c5d-", "generation": 1,
            "uid": format!("5d8f8a6e-0000-4000-8000-{number:012}"), "resourceVersion": (100_000 + number).to_string(),
            "creationTimestamp": "2026-03-01T09:59:00Z",
            "labels": {"app": "cart", "pod-template-hash": "7d9f8b6c5d", "team": format!("t{}", number % 7)},
            "annotations": {"checksum/config": "0f343b0931126a20f133d67c2b018a3b0f343b0931126a20f133d67c2b018a3b"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "cart-7d9f8b6c5d",
                "uid": "8f8a6e5d-0000-4000-8000-000000000000", "controller": true, "blockOwnerDeletion": true}],
            "managedFields": [{"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
                "time": "2026-03-01T09:59:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields}],
        },
        "spec": {
            "volumes": [{"name": "kube-api-access", "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}]}}],
            "containers": [{"name": "cart", "image": "registry.example.com/shop/cart:1.4.2",
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                "env": [{"name": "DB_HOST", "value": "orders-db.shop.svc"}, {"name": "LOG_LEVEL", "value": "info"},
                    {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "orders-db", "key": "password"}}}],
                "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "250m", "memory": "256Mi"}},
                "volumeMounts": [{"name": "kube-api-access", "readOnly": true,
                    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}],
                "livenessProbe": probe, "readinessProbe": probe,
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
                "securityContext": {"allowPrivilegeEscalation": false, "runAsNonRoot": true}}],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "cart", "serviceAccount": "cart", "nodeName": format!("node-{}", number % 20),
            "securityContext": {}, "schedulerName": "default-scheduler", "priority": 0, "enableServiceLinks": true,
            "preemptionPolicy": "PreemptLowerPriority",
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
        },
        "status": {
            "phase": "Running", "hostIP": "10.0.0.7", "hostIPs": [{"ip": "10.0.0.7"}], "podIP": "10.244.1.9",
            "podIPs": [{"ip": "10.244.1.9"}], "startTime": "2026-03-01T09:59:01Z", "qosClass": "Burstable",
            "conditions": conditions,
            "containerStatuses": [{"name": "cart", "ready": true, "started": true, "restartCount": 0,
                "state": {"running": {"startedAt": "2026-03-01T09:59:05Z"}}, "lastState": {},
                "image": "registry.example.com/shop/cart:1.4.2",
                "imageID": "registry.example.com/shop/cart@sha256:0f343b0931126a20f133d67c2b018a3b0f343b0931126a20f133d67c2b018a3b",
                "containerID": "containerd://0f343b0931126a20f133d67c2b018a3b0f343b0931126a20f133d67c2b018a3b"}],
        },
    })
}

fn list() -> Vec<u8> {
    let items: Vec<Value> = (0..PODS).map(pod).collect();
    let list = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "102000"}, "items": items});
    list.to_string().into_bytes()
}

/// A list that is not read whole would be fast, and the figure worthless.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<Vec<T>> {
    let read: Result<List<T>, _> = serde_json::from_slice(bytes);
    match read {
        Ok(list) if list.items.len() == PODS => Some(list.items),
        Ok(list) => {
            eprintln!("{} of {PODS} pods were read", list.items.len());
            None
        }
        Err(error) => {
            eprintln!("the list was not read: {error}");
            None
        }
    }
}

#[divan::bench]
fn slim(bencher: divan::Bencher<'_, '_>) {
    let bytes = list();
    bencher
        .counter(divan::counter::BytesCount::new(bytes.len()))
        .bench_local(|| read::<Pod>(black_box(&bytes)));
}

#[divan::bench]
fn full(bencher: divan::Bencher<'_, '_>) {
    let bytes = list();
    bencher
        .counter(divan::counter::BytesCount::new(bytes.len()))
        .bench_local(|| read::<k8s_openapi::api::core::v1::Pod>(black_box(&bytes)));
}
