//! Labels that name entities.

/// Labels that name the caller and the called, pair by pair; the first pair that is there counts.
pub(super) const EDGES: &[(&str, &str)] = &[
    ("source", "destination"), ("source_service", "destination_service"),
    ("source_workload", "destination_service_name"), ("source_workload", "destination_workload"),
    ("source_workload", "destination_service"), ("source_app", "destination_app"), ("caller", "callee"),
    ("from", "to"), ("upstream_caller", "upstream"), ("client", "server"), ("client_service", "server_service"),
    ("client_service_name", "server_service_name"), ("service", "peer_service"), ("service_name", "peer_service"),
    ("parent", "child"), ("source_name", "destination_name"), ("src", "dst"), ("deployment", "dst_deployment"),
];

/// Labels that name a workload by kind.
pub(super) const WORKLOADS: &[(&str, &str)] = &[
    ("deployment", "Deployment"), ("statefulset", "StatefulSet"), ("daemonset", "DaemonSet"),
    ("replicaset", "ReplicaSet"), ("replicationcontroller", "ReplicationController"), ("cronjob", "CronJob"),
    ("job_name", "Job"), ("k8s_deployment_name", "Deployment"), ("k8s_statefulset_name", "StatefulSet"),
    ("k8s_daemonset_name", "DaemonSet"), ("horizontalpodautoscaler", "HorizontalPodAutoscaler"),
    ("hpa", "HorizontalPodAutoscaler"), ("persistentvolumeclaim", "PersistentVolumeClaim"),
    ("persistentvolume", "PersistentVolume"), ("poddisruptionbudget", "PodDisruptionBudget"),
    ("resourcequota", "ResourceQuota"), ("kube_deployment", "Deployment"), ("kube_stateful_set", "StatefulSet"),
    ("kube_daemon_set", "DaemonSet"), ("kube_replica_set", "ReplicaSet"), ("kube_cronjob", "CronJob"), ("kube_job", "Job"),
];

pub(super) const PODS: &[&str] = &[
    "exported_pod", "pod", "pod_name", "k8s_pod_name", "kubernetes_pod_name", "io_kubernetes_pod_name",
];
pub(super) const NODES: &[&str] = &[
    "exported_node", "node", "node_name", "nodename", "k8s_node_name", "kubernetes_node", "kubernetes_io_hostname",
    "host", "host_name", "hostname",
];
pub(super) const SERVICES: &[&str] = &[
    "exported_service", "destination_service_name", "destination_canonical_service", "service", "service_name", "svc",
    "kubernetes_service", "kube_service", "microservice", "component", "app", "app_kubernetes_io_name", "k8s_app", "application",
    "app_name", "destination_app", "exported_job",
];
pub(super) const UNKINDED: &[&str] = &[
    "workload", "workload_name", "destination_workload", "controller_name", "owner_name",
];
pub(super) const CONTAINERS: &[&str] = &["exported_container", "container", "container_name", "k8s_container_name"];
pub(super) const KINDS_OF_UNKINDED: &[&str] = &["workload_type", "workload_kind", "controller_kind", "owner_kind"];
pub(super) const NAMESPACES: &[&str] = &[
    "exported_namespace", "destination_service_namespace", "destination_workload_namespace", "namespace",
    "k8s_namespace_name", "kubernetes_namespace", "pod_namespace", "service_namespace",
    "kube_namespace",
];

/// Whether a label of this name tells what a series is about.
pub(crate) fn names_entity(label: &str) -> bool {
    const MORE: &[&str] = &[
        "job", "ingress", "source_workload_namespace", "source_namespace", "client_namespace", "server_namespace",
        "destination_namespace", "dst_namespace", "direction", "endpoint", "endpointslice",
    ];
    [
        PODS,
        NODES,
        SERVICES,
        UNKINDED,
        KINDS_OF_UNKINDED,
        NAMESPACES,
        CONTAINERS,
        MORE,
    ]
    .iter()
    .any(|names| names.contains(&label))
        || EDGES.iter().any(|(from, to)| *from == label || *to == label)
        || WORKLOADS.iter().any(|(name, _)| *name == label)
}
