//! The world that the program meets, and what is said of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::{Clock, SystemClock};
use claw_testkit::api::{ApiServer, Cluster};
use claw_testkit::prometheus;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

pub(crate) const NAMESPACE: &str = "shop";

/// A world in which a container of `cart` cannot find its image, since a quarter of an hour.
pub(crate) struct World {
    pub(crate) api: ApiServer,
    prometheus: prometheus::Server,
    folder: tempfile::TempDir,
    pub(crate) began: Timestamp,
}

impl World {
    pub(crate) async fn start() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let now = clock.now();
        let began = now.checked_sub(SignedDuration::from_mins(15)).unwrap();
        let cluster = Cluster::new(objects(began, now), Arc::clone(&clock));
        let api = ApiServer::start(cluster).await.unwrap();
        let mut store = prometheus::Store::new();
        let labels = [
            ("__name__", "http_requests_total"),
            ("namespace", NAMESPACE),
            ("service", "cart"),
            ("code", "200"),
        ];
        let points = (0..180_i64).map(|minute| {
            let at = now.as_millisecond() - (179 - minute) * 60_000;
            (at, 600.0 * f64::from(i32::try_from(minute).unwrap()))
        });
        store.insert(prometheus::Labels::new(labels), points);
        let load = (0..180_i64).map(|minute| (now.as_millisecond() - (179 - minute) * 60_000, 0.5));
        let labels = [("__name__", "node_load1"), ("instance", "n1")];
        store.insert(prometheus::Labels::new(labels), load);
        let prometheus = prometheus::Server::start(store, clock).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config"), api.kubeconfig(None)).unwrap();
        fs::write(folder.path().join("alert.json"), alert(began).to_string()).unwrap();
        Self {
            api,
            prometheus,
            folder,
            began,
        }
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_claw-agent"));
        command
            .args(arguments)
            .env("KUBECONFIG", self.path("config"))
            .env("PROMETHEUS_URL", self.prometheus.url())
            .env_remove("CLAW_OUTPUT")
            .env_remove("LOKI_URL")
            .env_remove("ELASTICSEARCH_URL")
            .env_remove("GRAFANA_URL")
            .env_remove("JAEGER_URL")
            .current_dir(self.folder.path())
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(arguments).output().await.unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    /// Starts the agent, and waits until it can be called.
    pub(crate) async fn serve(&self, more: &[&str]) -> Served {
        let mut child = self
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // It may have something to say before.
        let url = loop {
            let line = lines.next_line().await.unwrap();
            let line = line.expect("a line that names the address");
            if let Some(url) = line.split_whitespace().find(|word| word.starts_with("http://")) {
                break url.to_owned();
            }
        };
        Served { child, url, lines }
    }

    pub(crate) fn writes(&self) -> usize {
        let exchanges = self.api.faults().exchanges();
        exchanges
            .iter()
            .filter(|exchange| {
                exchange.method != "GET" && !exchange.path.contains("selfsubjectaccessreviews")
            })
            .count()
    }
}

/// A running agent.
pub(crate) struct Served {
    pub(crate) child: Child,
    pub(crate) url: String,
    /// What it says after the line that names its address.
    pub(crate) lines: Lines<BufReader<ChildStderr>>,
}

impl Served {
    /// The request that hands over `body` as Alertmanager does.
    pub(crate) fn webhook(&self, body: &Value) -> reqwest::RequestBuilder {
        claw_core::http::install_crypto_provider();
        #[allow(clippy::disallowed_methods)] // a sender that is not ours
        let client = reqwest::Client::new();
        client
            .post(format!("{}/webhook/alertmanager", self.url))
            .body(body.to_string())
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn stop(&mut self) {
        let pid = self.child.id().unwrap().to_string();
        let asked = std::process::Command::new("kill").args(["-TERM", &pid]).status();
        assert!(asked.unwrap().success());
        let ended = tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await;
        assert_eq!(ended.expect("it stops").unwrap().code(), Some(0));
    }
}

pub(crate) fn objects(began: Timestamp, now: Timestamp) -> Vec<Value> {
    let labels = json!({"app": "cart"});
    let image = "registry.example.com/cart:1.4.O";
    let container =
        json!({"name": "cart", "image": image, "env": [{"name": "DB_PASSWORD", "value": "hunter2hunter2"}]});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    let owner = |kind: &str, name: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": true}]);
    vec![
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"namespace": NAMESPACE, "name": "cart", "uid": "cart", "creationTimestamp": began,
                "annotations": {"deployment.kubernetes.io/revision": "1"}},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
            "status": {"replicas": 1, "unavailableReplicas": 1}}),
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"namespace": NAMESPACE, "name": "cart-7", "uid": "cart-7", "creationTimestamp": began, "labels": labels,
                "annotations": {"deployment.kubernetes.io/revision": "1"}, "ownerReferences": owner("Deployment", "cart")},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
            "status": {"replicas": 1}}),
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": NAMESPACE, "name": "cart-7-x", "creationTimestamp": began, "labels": labels,
                "ownerReferences": owner("ReplicaSet", "cart-7")},
            "spec": {"nodeName": "n1", "containers": [container]},
            "status": {"phase": "Pending", "startTime": began,
                "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": began}],
                "containerStatuses": [{"name": "cart", "ready": false, "restartCount": 0, "image": image, "imageID": "",
                    "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image: not found"}}}]}}),
        json!({"apiVersion": "v1", "kind": "Event",
            "metadata": {"namespace": NAMESPACE, "name": "cart-7-x.1", "creationTimestamp": began},
            "involvedObject": {"kind": "Pod", "namespace": NAMESPACE, "name": "cart-7-x"},
            "type": "Warning", "reason": "Failed", "count": 9, "firstTimestamp": began, "lastTimestamp": now,
            "message": format!("Failed to pull image \"{image}\": manifest unknown")}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": NAMESPACE, "name": "db"},
            "data": {"password": "aHVudGVyMg=="}}),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "creationTimestamp": began},
            "status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": began}]}}),
    ]
}

pub(crate) fn alert(began: Timestamp) -> Value {
    json!({"version": "4", "groupKey": "{}:{alertname=\"CartDown\"}", "status": "firing", "receiver": "claw", "alerts": [{
        "status": "firing", "startsAt": began, "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "c0ffee",
        "labels": {"alertname": "CartDown", "severity": "critical", "namespace": NAMESPACE, "deployment": "cart"},
        "annotations": {"summary": "cart has no pods"}}]})
}

/// What two reports about one world have in common: everything but names and times of the run.
pub(crate) fn essence(report: &Value) -> Value {
    json!([
        report["hypotheses"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hypothesis| json!([hypothesis["entity"], hypothesis["mechanism"], hypothesis["cause"]]))
            .collect::<Vec<_>>(),
        report["symptoms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|symptom| json!([symptom["entity"], symptom["statement"]]))
            .collect::<Vec<_>>(),
        report["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|change| json!([change["change"]["ref"], change["blamed"]]))
            .collect::<Vec<_>>(),
    ])
}

/// What an investigation of `shop` reads elsewhere: events of nodes, deliveries, and a namespace that is called into.
pub(crate) fn elsewhere(began: Timestamp, now: Timestamp) -> Vec<Value> {
    let labels = json!({"app": "ledger"});
    let container = json!({"name": "ledger", "image": "registry.example.com/ledger:9"});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    let calling = json!({"containers": [{"name": "front", "image": "front:1",
        "env": [{"name": "LEDGER_URL", "value": "http://ledger.billing.svc:8080"}]}]});
    vec![
        json!({"apiVersion": "v1", "kind": "Event",
            "metadata": {"namespace": "default", "name": "n1.1", "creationTimestamp": began},
            "involvedObject": {"kind": "Node", "name": "n1"}, "type": "Warning", "reason": "NodeNotReady", "count": 1,
            "firstTimestamp": began, "lastTimestamp": now, "message": "Node n1 status is now: NodeNotReady"}),
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"namespace": "argocd", "name": "shop", "creationTimestamp": began},
            "spec": {"destination": {"namespace": NAMESPACE}, "source": {"repoURL": "https://example.com/shop.git"}},
            "status": {"history": [{"id": 7, "revision": "0123456789abcdef", "deployedAt": began}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"namespace": NAMESPACE, "name": "front", "uid": "front", "creationTimestamp": began},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "front"}},
                "template": {"metadata": {"labels": {"app": "front"}}, "spec": calling}},
            "status": {"replicas": 1}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "billing"}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "billing", "name": "ledger"},
            "spec": {"selector": labels, "ports": [{"port": 8080}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"namespace": "billing", "name": "ledger", "uid": "ledger", "creationTimestamp": began},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
            "status": {"replicas": 1, "unavailableReplicas": 1}}),
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": "billing", "name": "ledger-x", "creationTimestamp": began, "labels": labels},
            "spec": {"nodeName": "n1", "containers": [container]},
            "status": {"phase": "Running", "startTime": began,
                "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": began}],
                "containerStatuses": [{"name": "ledger", "ready": false, "restartCount": 0, "image": "ledger:9",
                    "imageID": "", "state": {"running": {"startedAt": began}}}]}}),
    ]
}

pub(crate) fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}
