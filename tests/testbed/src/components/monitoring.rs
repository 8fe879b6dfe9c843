//! Metrics, alerts and logs, as command lines.

use super::flags;
use crate::run::RunFolder;

fn listen(run: &RunFolder, port: &str) -> String {
    format!("127.0.0.1:{}", run.port(port))
}

pub(super) fn prometheus(run: &RunFolder) -> Vec<String> {
    let mut arguments = flags([
        ("config.file", run.file("config/prometheus.yaml")),
        ("storage.tsdb.path", run.file("prometheus/data")),
        ("storage.tsdb.retention.time", "400d".to_owned()),
        ("web.listen-address", listen(run, "prometheus")),
        ("log.level", "warn".to_owned()),
    ]);
    // Suites add rules and push samples.
    arguments.push("--web.enable-lifecycle".to_owned());
    arguments.push("--web.enable-remote-write-receiver".to_owned());
    arguments
}

pub(super) fn alertmanager(run: &RunFolder) -> Vec<String> {
    flags([
        ("config.file", run.file("config/alertmanager.yaml")),
        ("storage.path", run.file("alertmanager")),
        ("web.listen-address", listen(run, "alertmanager")),
        // Alone: it must not look for others of its kind.
        ("cluster.listen-address", String::new()),
        ("log.level", "warn".to_owned()),
    ])
}

pub(super) fn loki(run: &RunFolder) -> Vec<String> {
    flags([
        ("config.file", run.file("config/loki.yaml")),
        ("target", "all".to_owned()),
    ])
}

pub(super) fn kube_state_metrics(run: &RunFolder) -> Vec<String> {
    let host = "127.0.0.1".to_owned();
    flags([
        ("kubeconfig", run.kubeconfig_of("kube-state-metrics")),
        ("host", host.clone()),
        ("port", run.port("kube-state-metrics").to_string()),
        ("telemetry-host", host),
        ("telemetry-port", run.port("kube-state-metrics-self").to_string()),
        (
            "metric-labels-allowlist",
            "pods=[*],deployments=[*],nodes=[*],namespaces=[*]".to_owned(),
        ),
    ])
}
