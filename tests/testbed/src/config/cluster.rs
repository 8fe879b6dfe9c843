//! What the API server records, what the simulated kubelets do, and the rights of the monitoring.

use serde_json::{Value, json};

use crate::error::Error;
use crate::identities::{READERS, authority_base64};
use crate::run::RunFolder;

/// Every request is recorded, writes with their bodies. What is secret, and heartbeats, which nobody reads: without.
pub(super) fn audit_policy() -> Value {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {
                "level": "Metadata",
                "resources": [
                    { "group": "", "resources": ["secrets", "serviceaccounts/token"] },
                    { "group": "authentication.k8s.io", "resources": ["tokenreviews"] },
                    { "group": "coordination.k8s.io", "resources": ["leases"] },
                ],
            },
            {
                "level": "RequestResponse",
                "omitManagedFields": true,
                "verbs": ["create", "update", "patch", "delete", "deletecollection"],
            },
            { "level": "Metadata" },
        ],
    })
}

/// Options of kwok. In its file all count: one that is left out is zero or off, whatever the flag's default is.
pub(super) fn kwok_options() -> Value {
    json!({
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokConfiguration",
        "options": {
            "enableDebuggingHandlers": true,
            "podPlayStageParallelism": 16,
            "nodePlayStageParallelism": 4,
            "nodeLeaseParallelism": 4,
            "podsOnNodeSyncParallelism": 4,
        },
    })
}

/// What pods print that have no log of their own.
pub(super) fn usual_logs(run: &RunFolder) -> Value {
    let logs = run.pod_logs();
    json!({
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "ClusterLogs",
        "metadata": { "name": "usual" },
        "spec": {
            "logs": [{
                "logsFile": logs.join("l0.log"),
                "previousLogsFile": logs.join("l0.previous.log"),
                "follow": true,
            }],
        },
    })
}

/// Rights of Prometheus and kube-state-metrics: to read.
pub(crate) fn reading_rights() -> Value {
    let named = json!({ "name": "testbed-readers" });
    json!({
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": named,
                "rules": [
                    { "apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"] },
                    { "nonResourceURLs": ["/metrics", "/metrics/*"], "verbs": ["get"] },
                ],
            },
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": named,
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": "testbed-readers",
                },
                "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": READERS }],
            },
        ],
    })
}

/// Makes `metrics.k8s.io` part of the API: a service of this name leads to a process on this machine.
pub(crate) fn metrics_api(run: &RunFolder) -> Result<Value, Error> {
    let port = run.port("metrics-server");
    Ok(json!({
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": { "name": "metrics-server", "namespace": "kube-system" },
                "spec": {
                    "type": "ExternalName",
                    "externalName": "localhost",
                    "ports": [{ "name": "https", "port": port, "protocol": "TCP" }],
                },
            },
            {
                "apiVersion": "apiregistration.k8s.io/v1",
                "kind": "APIService",
                "metadata": { "name": "v1beta1.metrics.k8s.io" },
                "spec": {
                    "group": "metrics.k8s.io",
                    "version": "v1beta1",
                    "groupPriorityMinimum": 100,
                    "versionPriority": 100,
                    "caBundle": authority_base64(run)?,
                    "service": { "name": "metrics-server", "namespace": "kube-system", "port": port },
                },
            },
        ],
    }))
}
