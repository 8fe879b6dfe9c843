//! What Prometheus scrapes.

use serde_json::{Value, json};

use crate::error::Error;
use crate::run::RunFolder;

/// The simulated kubelets, the API server and, once it runs, kube-state-metrics.
pub(super) fn prometheus(run: &RunFolder) -> Value {
    let authority = json!({ "ca_file": run.file("pki/ca.crt") });
    let address = |port: &str| format!("127.0.0.1:{}", run.port(port));
    json!({
        // Suites wait for what is scraped.
        "global": { "scrape_interval": "5s", "evaluation_interval": "5s" },
        // How old pushed samples may be.
        "storage": { "tsdb": { "out_of_order_time_window": "90d" } },
        "rule_files": [run.file("prometheus/rules/*.yaml")],
        "alerting": {
            "alertmanagers": [{ "static_configs": [{ "targets": [address("alertmanager")] }] }],
        },
        "scrape_configs": [
            // All simulated nodes are on kwok's port and differ by path.
            {
                "job_name": "kubelet",
                "scheme": "https",
                "tls_config": authority,
                "kubernetes_sd_configs": [{ "role": "node", "kubeconfig_file": run.kubeconfig_of("prometheus") }],
                "relabel_configs": [
                    relabel("__metrics_path__", "/metrics/nodes/${1}/metrics/resource"),
                    relabel("node", "${1}"),
                    relabel("instance", "${1}"),
                ],
            },
            {
                "job_name": "kube-state-metrics",
                "honor_labels": true,
                "file_sd_configs": [{
                    "files": [run.file("prometheus/targets/kube-state-metrics.json")],
                    "refresh_interval": "5s",
                }],
            },
            {
                "job_name": "apiserver",
                "scheme": "https",
                "tls_config": authority,
                "authorization": { "credentials_file": run.file("tokens/prometheus") },
                "static_configs": [{ "targets": [address("apiserver")] }],
                // Most of its series, and read by nobody here.
                "metric_relabel_configs": [{
                    "source_labels": ["__name__"],
                    "regex": "etcd_.*|workqueue_.*|.*_bucket",
                    "action": "drop",
                }],
            },
        ],
    })
}

fn relabel(target: &str, from_name: &str) -> Value {
    json!({
        "source_labels": ["__meta_kubernetes_node_name"],
        "target_label": target,
        "replacement": from_name,
    })
}

/// Tells Prometheus where kube-state-metrics is.
pub(crate) fn write_targets(run: &RunFolder) -> Result<(), Error> {
    let target = format!("127.0.0.1:{}", run.port("kube-state-metrics"));
    let targets = json!([{ "targets": [target] }]).to_string();
    run.write("prometheus/targets/kube-state-metrics.json", targets.as_bytes())
}
