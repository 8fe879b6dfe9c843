//! The metrics of each family.

use super::Family;
use crate::classify::Unit;

/// Metrics that count or time requests at a server.
pub(super) struct Requests {
    pub(super) family: Family,
    /// Counter of requests.
    pub(super) counter: &'static str,
    /// Buckets of their durations; empty if there are none.
    pub(super) buckets: &'static str,
    pub(super) unit: Unit,
    /// Matchers that always hold.
    pub(super) always: &'static [&'static str],
    /// Each selects requests that failed by the server's fault, by a label and a pattern of its values.
    pub(super) failed: &'static [(&'static str, &'static str)],
    /// Labels that may hold the namespace, most usual first.
    pub(super) namespace: &'static [&'static str],
    /// Labels that may hold the workload's or Service's name, most usual first.
    pub(super) workload: &'static [&'static str],
    /// Labels that say what a series is about.
    pub(super) by: &'static [&'static str],
}

const HTTP_BY: &[&str] = &[
    "namespace",
    "pod",
    "service",
    "app",
    "job",
    "service_name",
    "k8s_namespace_name",
    "k8s_pod_name",
    "exported_namespace",
    "exported_service",
];
const HTTP_NAMESPACE: &[&str] = &["namespace", "k8s_namespace_name"];
const HTTP_WORKLOAD: &[&str] = &["service", "app", "service_name"];
const HTTP_FAILED: &[(&str, &str)] = &[("code", "5.."), ("status", "5.."), ("status_code", "5..")];
const OTEL_FAILED: &[(&str, &str)] = &[("http_response_status_code", "5.."), ("http_status_code", "5..")];
/// Codes that are the server's fault, by name and by number.
const GRPC_NAMES: &str =
    "Unknown|DeadlineExceeded|ResourceExhausted|Aborted|Unimplemented|Internal|Unavailable|DataLoss";
const GRPC_NUMBERS: &str = "2|4|8|10|12|13|14|15";

const fn http(family: Family, counter: &'static str, buckets: &'static str, unit: Unit) -> Requests {
    Requests {
        family,
        counter,
        buckets,
        unit,
        always: &[],
        failed: HTTP_FAILED,
        namespace: HTTP_NAMESPACE,
        workload: HTTP_WORKLOAD,
        by: HTTP_BY,
    }
}

pub(super) const REQUESTS: &[Requests] = &[
    Requests {
        family: Family::Istio,
        counter: "istio_requests_total",
        buckets: "istio_request_duration_milliseconds_bucket",
        unit: Unit::Milliseconds,
        always: &["reporter=~\"destination|waypoint\""],
        failed: &[("response_code", "5.."), ("grpc_response_status", GRPC_NUMBERS)],
        namespace: &["destination_service_namespace"],
        workload: &["destination_service_name", "destination_workload"],
        by: &["destination_service_name", "destination_service_namespace"],
    },
    Requests {
        family: Family::Linkerd,
        counter: "response_total",
        buckets: "response_latency_ms_bucket",
        unit: Unit::Milliseconds,
        always: &["direction=\"inbound\""],
        failed: &[("classification", "failure")],
        namespace: &["namespace"],
        workload: &["deployment", "statefulset", "daemonset"],
        by: &["namespace", "deployment", "statefulset", "daemonset"],
    },
    Requests {
        failed: OTEL_FAILED,
        ..http(
            Family::OpenTelemetryHttp,
            "http_server_request_duration_seconds_count",
            "http_server_request_duration_seconds_bucket",
            Unit::Seconds,
        )
    },
    Requests {
        failed: OTEL_FAILED,
        ..http(
            Family::OpenTelemetryHttp,
            "http_server_duration_milliseconds_count",
            "http_server_duration_milliseconds_bucket",
            Unit::Milliseconds,
        )
    },
    http(
        Family::Micrometer,
        "http_server_requests_seconds_count",
        "http_server_requests_seconds_bucket",
        Unit::Seconds,
    ),
    http(Family::Http, "http_requests_total", "", Unit::Seconds),
    http(Family::Http, "http_server_requests_total", "", Unit::Seconds),
    http(
        Family::Http,
        "http_request_duration_seconds_count",
        "http_request_duration_seconds_bucket",
        Unit::Seconds,
    ),
    http(
        Family::Http,
        "http_response_time_seconds_count",
        "http_response_time_seconds_bucket",
        Unit::Seconds,
    ),
    http(
        Family::Http,
        "request_duration_seconds_count",
        "request_duration_seconds_bucket",
        Unit::Seconds,
    ),
    Requests {
        failed: &[("grpc_code", GRPC_NAMES)],
        ..http(
            Family::Grpc,
            "grpc_server_handled_total",
            "grpc_server_handling_seconds_bucket",
            Unit::Seconds,
        )
    },
    Requests {
        failed: &[("rpc_grpc_status_code", GRPC_NUMBERS)],
        ..http(
            Family::Grpc,
            "rpc_server_duration_milliseconds_count",
            "rpc_server_duration_milliseconds_bucket",
            Unit::Milliseconds,
        )
    },
    Requests {
        family: Family::NginxIngress,
        counter: "nginx_ingress_controller_requests",
        buckets: "nginx_ingress_controller_request_duration_seconds_bucket",
        unit: Unit::Seconds,
        always: &[],
        failed: &[("status", "5..")],
        namespace: &["exported_namespace", "namespace"],
        workload: &["exported_service", "service", "ingress"],
        by: &[
            "exported_namespace",
            "exported_service",
            "namespace",
            "service",
            "ingress",
        ],
    },
    Requests {
        family: Family::ServiceGraph,
        counter: "traces_service_graph_request_total",
        buckets: "traces_service_graph_request_server_seconds_bucket",
        unit: Unit::Seconds,
        always: &[],
        // Failures are a counter of their own, see `edges`.
        failed: &[],
        namespace: &["server_service_namespace", "server_k8s_namespace_name"],
        workload: &["server"],
        by: &["client", "server"],
    },
];

/// Metrics that queries use besides those of [`REQUESTS`].
const OTHERS: &[(&str, Family)] = &[
    ("traces_service_graph_request_failed_total", Family::ServiceGraph),
    ("istio_tcp_connections_opened_total", Family::Istio),
    ("kube_pod_container_status_restarts_total", Family::KubeState),
    (
        "kube_pod_container_status_last_terminated_reason",
        Family::KubeState,
    ),
    ("kube_pod_container_resource_limits", Family::KubeState),
    ("kube_pod_container_resource_requests", Family::KubeState),
    ("kube_pod_container_resource_limits_cpu_cores", Family::KubeState),
    (
        "kube_pod_container_resource_limits_memory_bytes",
        Family::KubeState,
    ),
    ("kube_deployment_status_replicas_unavailable", Family::KubeState),
    ("container_cpu_usage_seconds_total", Family::Cadvisor),
    ("container_cpu_cfs_periods_total", Family::Cadvisor),
    ("container_cpu_cfs_throttled_periods_total", Family::Cadvisor),
    ("container_spec_cpu_quota", Family::Cadvisor),
    ("container_spec_cpu_period", Family::Cadvisor),
    ("container_memory_working_set_bytes", Family::Cadvisor),
    ("container_spec_memory_limit_bytes", Family::Cadvisor),
    ("container_oom_events_total", Family::Cadvisor),
    ("node_cpu_seconds_total", Family::NodeExporter),
    ("node_memory_MemAvailable_bytes", Family::NodeExporter),
    ("node_memory_MemTotal_bytes", Family::NodeExporter),
    ("node_filesystem_avail_bytes", Family::NodeExporter),
    ("node_filesystem_size_bytes", Family::NodeExporter),
    ("node_netstat_Tcp_RetransSegs", Family::NodeExporter),
];

/// The names of all metrics that queries are built on.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let of_requests = REQUESTS
        .iter()
        .flat_map(|requests| [requests.counter, requests.buckets]);
    let others = OTHERS.iter().map(|(name, _)| *name);
    of_requests.filter(|name| !name.is_empty()).chain(others)
}

pub(super) fn family_of(name: &str) -> Option<Family> {
    let of_requests = REQUESTS
        .iter()
        .find(|requests| requests.counter == name || requests.buckets == name)
        .map(|requests| requests.family);
    of_requests.or_else(|| {
        OTHERS
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, family)| *family)
    })
}

pub(super) fn is_known(name: &str) -> bool {
    family_of(name).is_some()
}
