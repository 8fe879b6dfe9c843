//! A namespace with deployments, an account for the agent, and a person who approves.

use std::path::PathBuf;
use std::time::Duration;

use claw_guardrails::approval::Request;
use claw_k8s::approval::{Wall, definition};
use claw_testbed::suite::{Account, Namespace, Part, Testbed, wait_until};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

/// For what takes a moment.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// Deployments that are looked at and written to.
pub(crate) const DEPLOYMENTS: usize = 8;
/// Who approves.
pub(crate) const KIM: &str = "kim@example.com";

pub(crate) struct Scene {
    pub(crate) testbed: Testbed,
    pub(crate) account: Account,
    pub(crate) wall: Wall,
    pub(crate) folder: tempfile::TempDir,
    namespace: Namespace,
}

impl Scene {
    /// Sets the scene, or says what is absent for `test`.
    pub(crate) async fn set(test: &str) -> Option<Self> {
        let testbed = Testbed::for_test().await;
        testbed.need(Part::AuditLog, test)?;
        let namespace = testbed.namespace("bijection").await.unwrap();
        let ns = namespace.name();
        let every = ["get", "list", "watch", "create", "patch", "delete"];
        let rules = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": every }]);
        let account = Account::create(&testbed, &namespace, "agent", &rules)
            .await
            .unwrap();
        let wall = Wall::new(ns, [(ns, "agent")]).unwrap();
        let approver = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "approvers", "namespace": ns},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": KIM}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "claw-approver"}});
        for manifests in [
            definition().unwrap(),
            wall.roles().unwrap(),
            approver.to_string(),
            wall.policy().unwrap(),
            deployments(ns).to_string(),
        ] {
            testbed.apply(&manifests).await.unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let scene = Self {
            testbed,
            account,
            wall,
            folder,
            namespace,
        };
        let approvals = format!("/apis/claw.dev/v1/namespaces/{}/approvals", scene.ns());
        wait_until(SOON, "approvals are served", async || {
            let status = scene.testbed.api().status(&approvals).await?;
            Ok(if status == 200 {
                Ok(())
            } else {
                Err(status.to_string())
            })
        })
        .await
        .unwrap();
        wait_until(SOON, "its pods run", async || {
            let pods = scene.pods().await.len();
            Ok(if pods >= 2 * DEPLOYMENTS {
                Ok(())
            } else {
                Err(pods.to_string())
            })
        })
        .await
        .unwrap();
        Some(scene)
    }

    pub(crate) fn ns(&self) -> &str {
        self.namespace.name()
    }

    /// The file with the agent's token.
    pub(crate) fn token_file(&self) -> PathBuf {
        let file = self.folder.path().join("token");
        std::fs::write(&file, self.account.token()).unwrap();
        file
    }

    /// Pods of the deployments that run, as an administrator sees them.
    pub(crate) async fn pods(&self) -> Vec<String> {
        let path = format!("/api/v1/namespaces/{}/pods", self.ns());
        let pods = self.testbed.api().list(&path, "").await.unwrap();
        let running = pods.iter().filter(|pod| pod["status"]["phase"] == "Running");
        running
            .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// A person approves what an `Approval` object asks, by the API server.
    pub(crate) async fn approve(&self, request: &Request) {
        let mut file = Kubeconfig::read_from(self.testbed.kubeconfig()).unwrap();
        for user in &mut file.auth_infos {
            if let Some(info) = &mut user.auth_info {
                info.impersonate = Some(KIM.to_owned());
            }
        }
        let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
        let client = kube::Client::try_from(config.unwrap()).unwrap();
        let digest = request.binding.digest();
        let decision = json!({"decisions": {KIM: {"verdict": "approve", "digest": digest}}});
        let path = format!(
            "/apis/claw.dev/v1/namespaces/{}/approvals/{}",
            self.ns(),
            request.id
        );
        wait_until(SOON, "the decision is taken", async || {
            let request = http::Request::patch(&path)
                .header("content-type", "application/merge-patch+json")
                .body(decision.to_string().into_bytes())
                .unwrap();
            let taken = client.request::<Value>(request).await;
            Ok(taken.map(|_| ()).map_err(|error| error.to_string()))
        })
        .await
        .unwrap();
    }

    /// Takes away what is in no namespace.
    pub(crate) async fn end(self) {
        for path in [
            "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/claw-approvals",
            "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/claw-approvals",
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/claw-approvals-agent",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/claw-approvals-agent",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/claw-approver",
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/approvals.claw.dev",
        ] {
            self.testbed.api().delete(path).await.unwrap();
        }
    }
}

fn deployments(ns: &str) -> Value {
    let mut items = vec![json!({ "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": ns, "labels": { "env": "staging" } } })];
    items.extend((0..DEPLOYMENTS).map(|number| {
        let name = format!("d{number}");
        let app = json!({ "app": name });
        json!({ "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": name, "namespace": ns,
                "labels": { "claw.dev/nature": "stateless", "claw.dev/criticality": "low" } },
            "spec": { "replicas": 2, "selector": { "matchLabels": app },
                "template": { "metadata": { "labels": app },
                    "spec": { "containers": [{ "name": "main", "image": "registry.invalid/a:1" }] } } } })
    }));
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}
