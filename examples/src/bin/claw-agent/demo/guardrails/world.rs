//! The simulated cluster of `claw-agent demo guardrails`, and two accounts in it: one that reads, and one that writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use claw_core::clock::SystemClock;
use claw_k8s::apply::KubeExecutor;
use claw_k8s::cluster::{Cluster, Connection, KubeCluster, Limits, Proxies};
use claw_testkit::api::{self, ApiServer, User};
use serde_json::{Value, json};

use crate::failure::Failure;

/// The namespace that the agent's accounts lie in.
const OWN: &str = "claw";

pub(super) struct World {
    pub(super) server: ApiServer,
    pub(super) reader: Cluster,
    pub(super) executor: KubeExecutor,
    /// What the executor shows the API server, and a thief might.
    pub(super) token: String,
}

impl World {
    pub(super) async fn start(directory: &Path) -> Result<Self, Failure> {
        let cluster = api::Cluster::new(objects(), Arc::new(SystemClock));
        for account in ["reader", "executor"] {
            cluster.allow_token(format!("{account}-token"), User::service_account(OWN, account));
        }
        // Who shows no token is nobody.
        cluster.act_as(None);
        let server = ApiServer::start(cluster).await.map_err(|error| {
            Failure::new(
                "no port on the loopback interface can be used",
                "free one, or lift what forbids it",
            )
            .because(error)
        })?;
        let connection = |account: &str| -> Result<Connection, Failure> {
            let path = directory.join(format!("{account}.kubeconfig"));
            private(&path, &server.kubeconfig(Some(&format!("{account}-token"))))?;
            Ok(Connection::Kubeconfig {
                files: vec![path],
                context: None,
            })
        };
        let limits = Limits::default();
        let reader = KubeCluster::connect(connection("reader")?, limits.clone()).await?;
        let executor = KubeExecutor::connect(connection("executor")?, Proxies::default(), limits).await?;
        Ok(Self {
            reader: Cluster::new(Arc::new(reader)),
            executor,
            token: "executor-token".to_owned(),
            server,
        })
    }

    /// Replicas of a Deployment in the namespace `shop`.
    pub(super) fn replicas(&self, name: &str) -> Option<u64> {
        let object = self.server.cluster().get("Deployment", "shop", name)?;
        object.pointer("/spec/replicas")?.as_u64()
    }
}

fn private(path: &PathBuf, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        Failure::new(
            format!("{} cannot be written", path.display()),
            "choose another folder with --directory",
        )
        .because(error)
    })
}

/// A shop in staging, with a Service and its endpoints; the agent's accounts and their rights.
fn objects() -> Vec<Value> {
    let mut objects = vec![
        namespace("kube-system", json!({})),
        namespace("shop", json!({"env": "staging"})),
        namespace(OWN, json!({})),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cart", "namespace": "shop"},
            "spec": {"selector": {"app": "cart"}, "ports": [{"port": 80}]}}),
        role(
            "reader",
            &json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]),
        ),
        role(
            "executor",
            &json!([
                {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]},
                {"apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews"], "verbs": ["create"]},
            ]),
        ),
    ];
    for account in ["reader", "executor"] {
        objects.push(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": OWN}}));
        objects.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": account},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": account},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": OWN}],
        }));
    }
    for name in ["cart", "search", "mail", "ads"] {
        objects.extend(deployment(name, 4));
    }
    objects
}

fn namespace(name: &str, labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}, "status": {"phase": "Active"}})
}

fn role(name: &str, rules: &Value) -> Value {
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules})
}

/// A Deployment that is well, with its ReplicaSet and pods.
fn deployment(name: &str, replicas: u64) -> Vec<Value> {
    let template = json!({"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "app", "image": format!("{name}:1")}]}});
    let selector = json!({"matchLabels": {"app": name}});
    let status = json!({"replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
        "updatedReplicas": replicas, "observedGeneration": 1,
        "conditions": [{"type": "Available", "status": "True"}, {"type": "Progressing", "status": "True"}]});
    let owned = |kind: &str, owner: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": format!("uid-{owner}"), "controller": true}]);
    let set = format!("{name}-5d9c");
    let mut objects = vec![
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"),
                "labels": {"app": name, "claw.dev/nature": "stateless", "claw.dev/criticality": "low"}},
            "spec": {"replicas": replicas, "selector": selector, "template": template}, "status": status}),
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": set, "namespace": "shop", "uid": format!("uid-{set}"), "labels": {"app": name},
                "ownerReferences": owned("Deployment", name)},
            "spec": {"replicas": replicas, "selector": selector, "template": template}, "status": {"replicas": replicas}}),
    ];
    for number in 0..replicas {
        objects.push(json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("{set}-{number}"), "namespace": "shop", "labels": {"app": name},
                "ownerReferences": owned("ReplicaSet", &set)},
            "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": format!("{name}:1")}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}));
    }
    objects
}
