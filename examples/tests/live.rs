//! The binary against an API server, a Prometheus and webhooks over HTTP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)] // a test that fails panics

use std::collections::BTreeSet;
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
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

const NAMESPACE: &str = "shop";

/// A world in which a container of `cart` cannot find its image, since a quarter of an hour.
struct World {
    api: ApiServer,
    prometheus: prometheus::Server,
    folder: tempfile::TempDir,
    began: Timestamp,
}

impl World {
    async fn start() -> Self {
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

    fn file(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_claw-agent"));
        command
            .args(arguments)
            .env("KUBECONFIG", self.path("config"))
            .env("PROMETHEUS_URL", self.prometheus.url())
            .env_remove("CLAW_OUTPUT")
            .env_remove("LOKI_URL")
            .env_remove("ELASTICSEARCH_URL")
            .current_dir(self.folder.path())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(arguments).output().await.unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    fn writes(&self) -> usize {
        let exchanges = self.api.faults().exchanges();
        exchanges
            .iter()
            .filter(|exchange| {
                exchange.method != "GET" && !exchange.path.contains("selfsubjectaccessreviews")
            })
            .count()
    }
}

fn objects(began: Timestamp, now: Timestamp) -> Vec<Value> {
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

fn alert(began: Timestamp) -> Value {
    json!({"version": "4", "groupKey": "{}:{alertname=\"CartDown\"}", "status": "firing", "receiver": "claw", "alerts": [{
        "status": "firing", "startsAt": began, "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "c0ffee",
        "labels": {"alertname": "CartDown", "severity": "critical", "namespace": NAMESPACE, "deployment": "cart"},
        "annotations": {"summary": "cart has no pods"}}]})
}

/// What two reports about one world have in common: everything but names and times of the run.
fn essence(report: &Value) -> Value {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_investigated_and_nothing_is_written() {
    let world = World::start().await;
    for subject in [
        &["-n", NAMESPACE, "deploy/cart"][..],
        &["--alert", &world.file("alert.json")],
    ] {
        let arguments = [&["investigate", "-o", "json"], subject].concat();
        let (code, stdout, stderr) = world.run(&arguments).await;
        assert_eq!(code, 0, "{stderr}\n{stdout}");
        let report: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(report["cluster"], "simulated");
        assert_eq!(report["hypotheses"][0]["mechanism"], "image_pull");
        assert!(!stdout.contains("hunter2"), "secrets stay in the cluster");
    }
    assert_eq!(world.writes(), 0);
    let (code, _, _) = world.run(&["audit", "verify"]).await;
    assert_eq!(code, 0);
    let log = fs::read_to_string(world.path("claw-data/audit.jsonl")).unwrap();
    assert!(!log.contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_says_what_the_cluster_says() {
    let world = World::start().await;
    let alert = world.file("alert.json");
    let (code, _, stderr) = world
        .run(&["collect", "rec", "-n", NAMESPACE, "--alert", &alert])
        .await;
    assert_eq!(code, 0, "{stderr}");
    let (_, live, stderr) = world.run(&["investigate", "--alert", &alert, "-o", "json"]).await;
    let live: Value = serde_json::from_str(&live).unwrap_or_else(|_| panic!("{stderr}"));
    let (_, replayed, stderr) = world.run(&["replay", "rec", "--full", "-o", "json"]).await;
    let replayed: Value = serde_json::from_str(&replayed).unwrap_or_else(|_| panic!("{stderr}"));
    assert_eq!(essence(&live), essence(&replayed));
    assert_eq!(live["gaps"], replayed["gaps"]);
    assert_eq!(replayed["case"], "rec");
    assert_eq!(replayed["since"], live["since"]);

    let mut recorded = String::new();
    for entry in walk(&world.path("rec")) {
        recorded.push_str(&fs::read_to_string(entry).unwrap());
    }
    assert!(recorded.contains("http_requests_total") && recorded.contains("CartDown"));
    assert!(!recorded.contains("hunter2") && !recorded.contains("aHVudGVyMg"));
    assert!(!recorded.contains("\"Secret\""), "Secrets are not read at all");

    let (code, _, stderr) = world.run(&["collect", "rec"]).await;
    assert_eq!(code, 1);
    assert!(stderr.contains("not empty"), "{stderr}");
    assert_eq!(world.writes(), 0);
    assert!(world.began < SystemClock.now());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_without_metrics_lacks_what_the_investigation_lacked() {
    let world = World::start().await;
    let run = async |arguments: &[&str]| {
        let output = world
            .command(arguments)
            .env_remove("PROMETHEUS_URL")
            .output()
            .await
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["collect", "rec", "-n", NAMESPACE]).await;
    let live: Value =
        serde_json::from_str(&run(&["investigate", "-n", NAMESPACE, "-o", "json"]).await).unwrap();
    let replayed = run(&["replay", "rec", "--full", "-o", "json"]).await;
    let replayed: Value = serde_json::from_str(&replayed).unwrap();
    assert_eq!(essence(&live), essence(&replayed));
    let told = live["gaps"].to_string();
    assert!(
        told.contains("query_prometheus") && told.contains("metrics.k8s.io"),
        "{told}"
    );
    assert_eq!(live["gaps"], replayed["gaps"]);
}

/// What an investigation of `shop` reads elsewhere: events of nodes, deliveries, and a namespace that is called into.
fn elsewhere(began: Timestamp, now: Timestamp) -> Vec<Value> {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_of_a_namespace_holds_what_is_read_elsewhere() {
    let world = World::start().await;
    let now = SystemClock.now();
    for object in elsewhere(world.began, now) {
        assert!(world.api.cluster().put(object));
    }
    let (code, _, stderr) = world.run(&["collect", "rec", "-n", NAMESPACE]).await;
    assert_eq!(code, 0, "{stderr}");
    let read = |name: &str| fs::read_to_string(world.path("rec").join(name)).unwrap();
    assert!(read("objects/event.json").contains("NodeNotReady"));
    assert!(read("objects/application.argoproj.io.json").contains("0123456789abcdef"));
    assert!(
        read("objects/pod.json").contains("ledger-x"),
        "of a namespace that is called into"
    );
    let metrics: String = walk(&world.path("rec/metrics"))
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    assert!(metrics.contains("node_load1"), "series of no namespace");
    let (_, live, _) = world.run(&["investigate", "-n", NAMESPACE, "-o", "json"]).await;
    let live: Value = serde_json::from_str(&live).unwrap();
    let (_, replayed, _) = world.run(&["replay", "rec", "--full", "-o", "json"]).await;
    let replayed: Value = serde_json::from_str(&replayed).unwrap();
    assert_eq!(essence(&live), essence(&replayed));
    assert_eq!(live["gaps"], replayed["gaps"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_holds_long_logs_and_what_the_log_store_has() {
    let world = World::start().await;
    let now = SystemClock.now();
    let minutes_ago = |minutes: i64| now.checked_sub(SignedDuration::from_mins(minutes)).unwrap();
    let pod = elsewhere(world.began, now).pop().unwrap();
    assert!(world.api.cluster().put(pod));
    let mut log = format!("{} from yesterday\n", minutes_ago(1_500));
    for number in 0..4_000 {
        log.push_str(&format!("{} line {number}\n", minutes_ago(10)));
    }
    let content = claw_k8s::bundle::Content::text(log);
    world
        .api
        .cluster()
        .set_log("billing", "ledger-x", "ledger", false, content);
    let mut store = claw_testkit::loki::Store::new();
    let labels = [
        ("namespace", "billing"),
        ("pod", "ledger-gone"),
        ("container", "ledger"),
    ];
    store.insert(labels, minutes_ago(20), "last words of a pod that is gone");
    let loki = claw_testkit::loki::Server::start(store, Arc::new(SystemClock))
        .await
        .unwrap();
    let (code, _, stderr) = world
        .run(&["collect", "rec", "-n", "billing", "--loki", &loki.url()])
        .await;
    assert_eq!(code, 0, "{stderr}");
    let log = fs::read_to_string(world.path("rec/logs/billing/ledger-x/ledger.log")).unwrap();
    assert!(log.contains(" line 0\n") && log.contains(" line 3999\n"));
    assert!(!log.contains("yesterday"), "before the time that is looked at");
    let lines = fs::read_to_string(world.path("rec/logs.jsonl")).unwrap();
    assert!(lines.contains("last words of a pod that is gone") && lines.contains("ledger-gone"));
}

fn walk(folder: &Path) -> Vec<PathBuf> {
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

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_become_reports_and_the_agent_stops_in_order() {
    let world = World::start().await;
    fs::write(world.path("token"), "a-long-token\n").unwrap();
    let mut served = world
        .command(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--webhook-token-file",
            "token",
        ])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(served.stderr.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let url = line
        .split_whitespace()
        .find(|word| word.starts_with("http://"))
        .unwrap()
        .to_owned();

    claw_core::http::install_crypto_provider();
    #[allow(clippy::disallowed_methods)] // a sender that is not ours
    let client = reqwest::Client::new();
    let post = |token: &str| {
        let request = client
            .post(format!("{url}/webhook/alertmanager"))
            .bearer_auth(token);
        request.body(alert(world.began).to_string()).send()
    };
    assert_eq!(post("wrong").await.unwrap().status(), 401);
    let receipt: Value = post("a-long-token").await.unwrap().json().await.unwrap();
    let run = receipt["runs"][0].as_str().unwrap();
    let report = world.path("claw-data/reports").join(format!("{run}.json"));
    tokio::time::timeout(Duration::from_secs(60), async {
        while !report.exists() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("a report");
    let report: Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(report["hypotheses"][0]["mechanism"], "image_pull");

    let pid = served.id().unwrap().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let ended = tokio::time::timeout(Duration::from_secs(30), served.wait()).await;
    assert_eq!(ended.expect("it stops").unwrap().code(), Some(0));
    let (code, stdout, _) = world.run(&["audit", "verify"]).await;
    assert_eq!(code, 0, "{stdout}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_missing_are_named() {
    let world = World::start().await;
    let (code, stdout, stderr) = world.run(&["access", "--check"]).await;
    assert_eq!(code, 0, "{stdout}{stderr}");
    world
        .api
        .cluster()
        .act_as(Some(claw_testkit::api::User::service_account("ops", "nobody")));
    let (code, stdout, stderr) = world.run(&["access", "--check"]).await;
    assert_eq!(code, 5, "{stdout}{stderr}");
    assert!(stdout.contains("get_pods does not work without pods"), "{stdout}");
}

/// Makes the simulated server take what `text` holds, and act as the account of it from now on.
fn apply_and_act(world: &World, text: &str) {
    for document in text.split("---\n") {
        let object: Value = serde_saphyr::from_str(document).unwrap();
        world.api.cluster().put(object);
    }
    let account = claw_testkit::api::User::service_account("claw", "openclaw-agent");
    world.api.cluster().act_as(Some(account));
}

/// The resources, in plural, that the server refused to list so far wherever it was asked.
fn refused(world: &World) -> BTreeSet<String> {
    let exchanges = world.api.faults().exchanges();
    let resources = |refused: bool| -> BTreeSet<String> {
        exchanges
            .iter()
            .filter(|exchange| exchange.status.is_some_and(|status| (status == 403) == refused))
            .map(|exchange| exchange.path.rsplit('/').next().unwrap().to_owned())
            .collect()
    };
    resources(true).difference(&resources(false)).cloned().collect()
}

/// The report of an investigation of `cart`, with every refused resource among its gaps.
async fn investigated_with_gaps(world: &World) -> Value {
    let arguments = ["investigate", "-n", NAMESPACE, "deploy/cart", "-o", "json"];
    let (_, stdout, stderr) = world.run(&arguments).await;
    let report: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
    assert_eq!(report["hypotheses"][0]["mechanism"], "image_pull", "{stdout}");
    assert_eq!(report["hypotheses"][0]["entity"]["name"], "cart", "{stdout}");
    let gaps = report["gaps"].to_string();
    let refused = refused(world);
    assert!(!refused.is_empty());
    for resource in &refused {
        assert!(gaps.contains(resource.as_str()), "{resource} is not among {gaps}");
    }
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_of_the_specification_is_enough_and_what_it_hides_is_named() {
    let world = World::start().await;
    let (code, seed, stderr) = world.run(&["access", "--seed-only"]).await;
    assert_eq!(code, 0, "{stderr}");
    apply_and_act(&world, &seed);
    investigated_with_gaps(&world).await;
    let refused = refused(&world);
    assert!(refused.contains("networkpolicies"), "{refused:?}");
    assert!(
        !refused.contains("pods") && !refused.contains("nodes"),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_in_one_namespace_is_enough_and_what_it_hides_is_named() {
    let world = World::start().await;
    let (_, seed, _) = world.run(&["access", "--seed-only"]).await;
    let place = format!("metadata:\n  namespace: {NAMESPACE}\n");
    let namespaced = seed
        .replace("kind: ClusterRole\nmetadata:\n", &format!("kind: Role\n{place}"))
        .replace(
            "kind: ClusterRoleBinding\nmetadata:\n",
            &format!("kind: RoleBinding\n{place}"),
        )
        .replace("kind: ClusterRole\n", "kind: Role\n");
    apply_and_act(&world, &namespaced);
    investigated_with_gaps(&world).await;
    assert!(refused(&world).contains("nodes"), "{:?}", refused(&world));

    // Asked for the one namespace, the rights there are seen; asked for all, none is.
    let pods = ["access", "--check", "--tool", "get_workloads"];
    let (_, stdout, _) = world.run(&pods).await;
    assert!(stdout.contains("get_workloads does not work without"), "{stdout}");
    let (_, stdout, stderr) = world.run(&[&pods[..], &["--in", NAMESPACE]].concat()).await;
    assert!(
        stdout.contains("namespace shop") && !stdout.contains("does not work without"),
        "{stdout}{stderr}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_starts_warns_of_what_it_will_not_see() {
    let world = World::start().await;
    world
        .api
        .cluster()
        .act_as(Some(claw_testkit::api::User::service_account("ops", "nobody")));
    let mut served = world
        .command(&["serve", "--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(served.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    let warned = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            let last = line.contains("access --check");
            said.push(line);
            if last {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), warned)
        .await
        .unwrap();
    let about = |tool: &str| said.iter().filter(|line| line.contains(tool)).count();
    assert!(said[0].contains("listens on"), "{said:#?}");
    assert_eq!(
        (about("warning: get_pods "), about("warning: describe_events ")),
        (1, 1),
        "{said:#?}"
    );
    let log = fs::read_to_string(world.path("claw-data/audit.jsonl")).unwrap();
    assert!(log.contains("own_rights"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_at_the_cluster_besides_the_tools_are_on_record() {
    let world = World::start().await;
    for (arguments, looks) in [
        (
            &["investigate", "-n", NAMESPACE, "deploy/cart"][..],
            &["server_version"][..],
        ),
        (
            &["collect", "rec", "-n", NAMESPACE],
            &["server_version", "api_groups"],
        ),
    ] {
        let arguments = [arguments, &["--audit", "log.jsonl"]].concat();
        let (code, _, stderr) = world.run(&arguments).await;
        assert_eq!(code, 0, "{stderr}");
        let log = fs::read_to_string(world.path("log.jsonl")).unwrap();
        for look in looks {
            assert!(log.contains(&format!("\"subject\":\"{look}\"")), "{look}");
        }
        fs::remove_file(world.path("log.jsonl")).unwrap();
        fs::remove_file(world.path("log.jsonl.head")).unwrap();
    }
}
