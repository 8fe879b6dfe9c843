//! The control plane and the simulated kubelets, as command lines.

use super::flags;
use crate::modules;
use crate::run::RunFolder;

/// Addresses of services. Nothing listens there.
const SERVICES: &str = "10.96.0.0/16";
/// Addresses of pods. Nothing listens there either.
const PODS: &str = "10.244.0.0/16";

/// Loops of the controller manager that a large fleet keeps busy.
const BUSY_LOOPS: [&str; 12] = [
    "deployment",
    "replicaset",
    "statefulset",
    "daemonset",
    "job",
    "gc",
    "namespace",
    "endpoint",
    "service-endpoint",
    "disruption",
    "resource-quota",
    "horizontal-pod-autoscaler",
];

fn text(value: &str) -> String {
    value.to_owned()
}

pub(super) fn etcd(run: &RunFolder) -> Vec<String> {
    let (clients, peers) = (run.http("etcd"), run.http("etcd-peer"));
    let mut arguments = flags([
        ("data-dir", run.file("etcd")),
        ("log-level", text("warn")),
        ("listen-client-urls", clients.clone()),
        ("advertise-client-urls", clients),
        ("listen-peer-urls", peers.clone()),
        ("initial-advertise-peer-urls", peers.clone()),
        ("initial-cluster", format!("default={peers}")),
        ("quota-backend-bytes", (8_u64 << 30).to_string()),
    ]);
    // The data lives as long as the run, and the disk may be slow.
    arguments.push(text("--unsafe-no-fsync"));
    arguments
}

pub(super) fn apiserver(run: &RunFolder) -> Vec<String> {
    let mut arguments = flags([
        ("bind-address", text("127.0.0.1")),
        ("advertise-address", text("127.0.0.1")),
        ("secure-port", run.port("apiserver").to_string()),
        ("etcd-servers", run.http("etcd")),
        ("endpoint-reconciler-type", text("none")),
        ("service-cluster-ip-range", text(SERVICES)),
        ("tls-cert-file", run.file("pki/server.crt")),
        ("tls-private-key-file", run.file("pki/server.key")),
        ("client-ca-file", run.file("pki/ca.crt")),
        ("token-auth-file", run.file("tokens.csv")),
        ("authorization-mode", text("RBAC")),
        ("allow-privileged", text("true")),
        (
            "service-account-issuer",
            text("https://kubernetes.default.svc.cluster.local"),
        ),
        ("service-account-key-file", run.file("pki/sa.pub")),
        ("service-account-signing-key-file", run.file("pki/sa.key")),
        // Logs of pods come from the simulated kubelets, which serve with a certificate of the run.
        ("kubelet-preferred-address-types", text("InternalIP")),
        ("kubelet-certificate-authority", run.file("pki/ca.crt")),
        ("profiling", text("false")),
    ]);
    // How it proves who it is to aggregated APIs: `metrics.k8s.io`.
    arguments.extend(flags([
        ("requestheader-client-ca-file", run.file("pki/front-proxy-ca.crt")),
        ("requestheader-allowed-names", text("front-proxy-client")),
        ("requestheader-username-headers", text("X-Remote-User")),
        ("requestheader-group-headers", text("X-Remote-Group")),
        ("requestheader-extra-headers-prefix", text("X-Remote-Extra-")),
        ("proxy-client-cert-file", run.file("pki/front-proxy.crt")),
        ("proxy-client-key-file", run.file("pki/front-proxy.key")),
    ]));
    arguments.extend(flags([
        ("audit-policy-file", run.file("config/audit-policy.yaml")),
        ("audit-log-path", run.file("audit.log")),
        ("audit-log-maxsize", text("1000")),
        ("audit-log-maxbackup", text("1")),
        ("audit-log-mode", text("batch")),
        ("audit-log-batch-max-size", text("100")),
        ("audit-log-batch-max-wait", text("200ms")),
        ("audit-log-batch-buffer-size", text("100000")),
        ("audit-log-batch-throttle-enable", text("false")),
    ]));
    // A fleet is made by many requests at once; suites measure the agent, not a queue.
    arguments.extend(flags([
        ("max-requests-inflight", text("2000")),
        ("max-mutating-requests-inflight", text("1000")),
    ]));
    arguments
}

/// How a component talks to the API server and serves its own health.
fn member(run: &RunFolder, name: &str) -> Vec<String> {
    let kubeconfig = run.kubeconfig_of(name);
    flags([
        ("kubeconfig", kubeconfig.clone()),
        ("authentication-kubeconfig", kubeconfig.clone()),
        ("authorization-kubeconfig", kubeconfig),
        ("bind-address", text("127.0.0.1")),
        ("secure-port", run.port(name).to_string()),
        ("tls-cert-file", run.file("pki/server.crt")),
        ("tls-private-key-file", run.file("pki/server.key")),
    ])
}

pub(super) fn controller_manager(run: &RunFolder) -> Vec<String> {
    let mut arguments = member(run, "kcm");
    arguments.extend(flags([
        ("leader-elect", text("false")),
        ("use-service-account-credentials", text("true")),
        ("service-account-private-key-file", run.file("pki/sa.key")),
        ("root-ca-file", run.file("pki/ca.crt")),
        ("cluster-signing-cert-file", run.file("pki/ca.crt")),
        ("cluster-signing-key-file", run.file("pki/ca.key")),
        // On a busy machine heartbeats come late. A node that were taken for dead would lose its pods for good.
        ("node-monitor-grace-period", text("10m")),
        ("kube-api-qps", text("2000")),
        ("kube-api-burst", text("4000")),
    ]));
    arguments.extend(
        BUSY_LOOPS
            .iter()
            .map(|name| format!("--concurrent-{name}-syncs=50")),
    );
    arguments
}

pub(super) fn scheduler(run: &RunFolder) -> Vec<String> {
    let mut arguments = member(run, "scheduler");
    arguments.extend(flags([
        ("leader-elect", text("false")),
        ("kube-api-qps", text("2000")),
        ("kube-api-burst", text("4000")),
    ]));
    arguments
}

pub(super) fn kwok(run: &RunFolder) -> Vec<String> {
    let port = run.port("kwok");
    let mut arguments = flags([
        ("config", run.file("config/kwok.yaml")),
        ("config", run.file("config/kwok-logs.yaml")),
    ]);
    let own = modules::KWOK
        .files()
        .into_iter()
        .filter(|file| !file.starts_with("kwok.x-k8s.io_"));
    let own = own.map(|file| run.programs(&modules::KWOK).join(file));
    let files = own
        .chain(modules::stage_files())
        .map(|file| format!("--config={}", file.display()));
    arguments.extend(files);
    arguments.extend(flags([
        ("enable-crds", text("Logs")),
        ("kubeconfig", run.kubeconfig_of("kwok")),
        ("manage-all-nodes", text("true")),
        ("node-ip", text("127.0.0.1")),
        ("node-port", port.to_string()),
        ("server-address", format!("127.0.0.1:{port}")),
        ("node-lease-duration-seconds", text("40")),
        ("cidr", text(PODS)),
        ("tls-cert-file", run.file("pki/server.crt")),
        ("tls-private-key-file", run.file("pki/server.key")),
    ]));
    arguments
}

pub(super) fn metrics_server(run: &RunFolder) -> Vec<String> {
    let mut arguments = member(run, "metrics-server");
    arguments.extend(flags([
        ("kubelet-preferred-address-types", text("InternalIP")),
        ("kubelet-certificate-authority", run.file("pki/ca.crt")),
        ("metric-resolution", text("10s")),
        ("kubelet-request-timeout", text("5s")),
    ]));
    arguments.push(text("--kubelet-use-node-status-port"));
    arguments
}
