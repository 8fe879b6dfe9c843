//! Names of metrics that begin with the name of what they measure.

use claw_core::entity::EntityRef;

use super::entity::UNKNOWN_WORKLOAD;
use super::words::Name;

/// The entity that a metric's name begins with, for sources that have no labels: `checkout` of `checkout_latency_p99_ms`,
/// `Frontend` of `FrontendLatencyP95`. `None` if the name begins with what is measured or with a word that many metrics share.
pub fn entity_from_name(name: &str) -> Option<EntityRef> {
    const MEASURED: &[&str] = &[
        "latency", "latencies", "duration", "delay", "request", "requests", "req", "response", "responses", "error",
        "errors", "success", "failure", "failures", "failed", "availability", "cpu", "memory", "mem", "network",
        "disk", "rps", "qps", "tps", "rate", "throughput", "traffic", "queue", "connections", "connection",
        "connected", "utilization", "usage", "p50", "p90", "p95", "p99", "p999", "avg", "mean", "max", "min", "total",
        "count", "restarts", "retransmissions", "threads", "heap", "gc", "calls", "messages", "saturation", "load",
        "time", "timeouts", "bytes", "seconds", "replicas", "pending", "active", "open", "http", "grpc", "rpc", "tcp",
        "status", "health", "up", "commands", "queries", "clients", "workload", "ops", "socket", "sockets", "diskio",
    ];
    const SHARED: &[&str] = &[
        "service", "container", "pod", "node", "kube", "kubelet", "process", "go", "jvm", "http", "grpc", "rpc",
        "system", "host", "server", "client", "trace", "traces", "edge", "entry", "istio", "envoy", "nginx",
        "linkerd", "k8s", "log", "app", "application", "total", "number", "approximate", "target", "average", "avg",
        "cluster", "job", "instance", "dotnet", "nodejs", "python", "ruby", "otel", "scrape", "prometheus",
        "namespace", "workload", "apiserver", "user",
    ];
    let words = Name::new(name);
    let own: Vec<&String> = words
        .words()
        .iter()
        .take_while(|word| !MEASURED.contains(&word.as_str()))
        .collect();
    let first = own.first()?;
    if own.len() > 4 || own.len() == words.words().len() || SHARED.contains(&first.as_str()) {
        return None;
    }
    // The words are lower case; the name is as the source spells it.
    let length: usize = own.iter().map(|word| word.chars().count()).sum();
    let mut seen = 0;
    let end = name.char_indices().find_map(|(index, char)| {
        if seen == length {
            return Some(index);
        }
        seen += usize::from(char.is_alphanumeric());
        None
    });
    let prefix = name
        .get(..end.unwrap_or(name.len()))?
        .trim_matches(|char: char| !char.is_alphanumeric());
    (!prefix.is_empty()).then(|| EntityRef {
        kind: UNKNOWN_WORKLOAD.to_owned(),
        namespace: None,
        name: prefix.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::entity_from_name;

    #[test]
    fn what_is_measured_ends_the_name_of_who_is() {
        for (name, entity) in [
            ("checkout_latency_p99_ms", Some("checkout")),
            ("FrontendLatencyP95", Some("Frontend")),
            ("front-end_workload", Some("front-end")),
            ("cart_ops", Some("cart")),
            ("orders-db_diskio", Some("orders-db")),
            ("carts_socket", Some("carts")),
            ("cart_latency-90", Some("cart")),
            ("workload_cpu", None),
            ("http_requests_total", None),
        ] {
            let found = entity_from_name(name).map(|entity| entity.name);
            assert_eq!(found.as_deref(), entity, "{name}");
        }
    }
}
