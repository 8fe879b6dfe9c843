//! `claw-agent serve --writing` against a real API server: set up by what it prints itself, with its own two accounts, approved by
//! `kubectl`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a failure is a panic

use std::path::Path;
use std::time::Duration;

use claw_k8s::approval::{Wall, definition};
use claw_testbed::suite::{Agent, Namespace, Part, Stop, TestFolder, Testbed, agent_command, wait_until};
use serde_json::{Value, json};

/// For what takes a moment.
const SOON: Duration = Duration::from_secs(90);
const TOKEN: &str = "kim-0123456789abcdef0123456789abcdef";

struct Scene {
    testbed: Testbed,
    program: String,
    folder: TestFolder,
    own: Namespace,
    shop: Namespace,
    /// What was applied that is in no namespace.
    cluster: Vec<String>,
}

impl Scene {
    async fn set() -> Option<Self> {
        let testbed = Testbed::for_test().await;
        let test = "an agent that writes";
        let program = testbed.need(Part::Agent, test)?.to_owned();
        let folder = TestFolder::create(&testbed, test).unwrap();
        let own = testbed.namespace("serving-own").await.unwrap();
        let shop = testbed.namespace("serving-shop").await.unwrap();
        let mut scene = Self {
            testbed,
            program,
            folder,
            own,
            shop,
            cluster: Vec::new(),
        };
        scene.write();
        scene.apply().await;
        Some(scene)
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self) {
        let (own, shop) = (self.own.name(), self.shop.name());
        let settings = json!({"writing": {
            "mode": "live", "policy": "policy.yaml", "tools": ["scale_workload"], "namespaces": [shop],
            "account": {"token_file": "writer.token"},
            "walls": {"every": "5s"},
            "lease": {"name": "claw-agent"},
            "stop": {"config_map": "claw-stop"},
            "people": {"tokens_file": "tokens", "propose": ["kim"], "circuits": ["kim"]},
            "approvals": {"carriers": {"kubernetes": true},
                "groups": [{"name": "on-call", "members": [{"name": "lee", "kubernetes": "lee@example.com"}]}]},
        }});
        let policy = json!({"policy": {"phase": "low_risk_writes", "own_namespace": own}});
        let action = |replicas: u32| {
            let input = json!({"kind": "Deployment", "namespace": shop, "name": "orders", "replicas": replicas, "reason": "orders queue up"});
            json!({"tool": "scale_workload", "input": input}).to_string()
        };
        for (name, text) in [
            // JSON is YAML.
            ("writing.yaml", settings.to_string()),
            ("policy.yaml", policy.to_string()),
            ("tokens", format!("kim {TOKEN}\n")),
            ("kim", TOKEN.to_owned()),
            ("6.json", action(6)),
            ("13.json", action(13)),
            ("14.json", action(14)),
        ] {
            std::fs::write(self.file(name), text).unwrap();
        }
    }

    /// What an operator does.
    async fn apply(&mut self) {
        let (own, shop) = (self.own.name().to_owned(), self.shop.name().to_owned());
        let writing = self.file("writing.yaml");
        let kubectl = self.testbed.kubectl();
        let wall = Wall::new(
            &own,
            ["openclaw-agent", "openclaw-agent-writer"].map(|account| (own.as_str(), account)),
        )
        .unwrap();
        let approvers = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "approvers", "namespace": own},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "claw-approver"},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "lee@example.com"}]});
        let labels = json!({"claw.dev/nature": "stateless", "claw.dev/criticality": "low"});
        let template = json!({"metadata": {"labels": {"app": "orders"}},
            "spec": {"containers": [{"name": "app", "image": "registry.example.com/orders:1"}]}});
        let orders = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "orders", "namespace": shop, "labels": labels},
            "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "orders"}}, "template": template}});
        let label = ["label", "namespace", shop.as_str(), "env=staging"];
        kubectl.run(&label).await.unwrap();
        let reader = self.agent(&["access", "--writing", &writing]).await;
        let writer = self.agent(&["access", "--writes", "--writing", &writing]).await;
        for text in [
            definition().unwrap(),
            wall.policy().unwrap(),
            wall.roles().unwrap(),
            approvers.to_string(),
            orders.to_string(),
            reader.1,
            writer.1,
        ] {
            for line in kubectl.apply(&text).await.unwrap().lines() {
                let name = line.split_whitespace().next().unwrap_or_default();
                let kind = name.split(['.', '/']).next().unwrap_or_default();
                if kind.starts_with("clusterrole") || kind.starts_with("validatingadmission") {
                    self.cluster.push(name.to_owned());
                }
            }
        }
        for (account, file) in [
            ("openclaw-agent", "reader.token"),
            ("openclaw-agent-writer", "writer.token"),
        ] {
            let token = self.testbed.token(&own, account).await.unwrap();
            std::fs::write(self.file(file), token).unwrap();
        }
    }

    /// A command of the agent: its exit code, and what it printed.
    async fn agent(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = agent_command(&self.program);
        command.args(arguments).current_dir(self.folder.path());
        let output = command.output().await.unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    async fn start(&self) -> Agent {
        let (writing, reader) = (self.file("writing.yaml"), self.file("reader.token"));
        let arguments = ["--writing", &writing, "--token-path", &reader];
        let data = self.folder.path().join("data");
        let started = Agent::start_with(
            &self.program,
            &self.testbed,
            Path::new(&data),
            self.testbed.kubeconfig(),
            &arguments,
        );
        started.await.unwrap()
    }

    async fn ask(&self, agent: &Agent, arguments: &[&str]) -> (i32, String, String) {
        let webhook = agent.webhook();
        let url = webhook.trim_end_matches("/webhook/alertmanager");
        let token = self.file("kim");
        let whom = ["--url", url, "--token-file", &token];
        self.agent(&[arguments, &whom].concat()).await
    }

    async fn replicas(&self) -> u64 {
        let path = format!("/apis/apps/v1/namespaces/{}/deployments/orders", self.shop.name());
        let object: Value = self.testbed.api().get(&path).await.unwrap();
        object["spec"]["replicas"].as_u64().unwrap()
    }

    async fn end(self) {
        for name in &self.cluster {
            // Others may have taken it away.
            let _ = self
                .testbed
                .kubectl()
                .run(&["delete", "--ignore-not-found", name])
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn what_it_prints_sets_it_up_and_kubectl_approves() {
    let Some(scene) = Scene::set().await else {
        return;
    };
    let (writing, token) = (scene.file("writing.yaml"), scene.file("writer.token"));
    let kubeconfig = scene.testbed.kubeconfig().to_str().unwrap().to_owned();
    let check = [
        "access",
        "--check",
        "--writes",
        "--writing",
        &writing,
        "--token-path",
        &token,
        "--kubeconfig",
        &kubeconfig,
    ];
    wait_until(SOON, "the walls stand", async || {
        let (code, said, stderr) = scene.agent(&check).await;
        Ok(if code == 0 {
            Ok(())
        } else {
            Err(format!("{said}{stderr}"))
        })
    })
    .await
    .unwrap();

    let agent = scene.start().await;
    let (code, said, stderr) = scene.ask(&agent, &["act", "6.json", "--timeout", "90"]).await;
    assert_eq!(code, 0, "{said}{stderr}");
    assert!(said.contains("applied, by the policy alone"), "{said}");
    assert_eq!(scene.replicas().await, 6);

    let (code, said, stderr) = scene.ask(&agent, &["act", "13.json"]).await;
    assert_eq!(code, 0, "{said}{stderr}");
    assert!(said.contains("spec.replicas: 6 → 13"), "{said}");
    let run = said.split(':').next().unwrap().to_owned();
    let after = |word: &str| {
        said.split_once(word)
            .unwrap()
            .1
            .split_whitespace()
            .next()
            .unwrap()
    };
    let digest = after("digest ");
    let id = said.lines().nth(1).unwrap().split(':').next().unwrap();
    let decision =
        json!({"decisions": {"lee@example.com": {"verdict": "approve", "digest": digest}}}).to_string();
    let patch = [
        "--as",
        "lee@example.com",
        "--namespace",
        scene.own.name(),
        "patch",
        "approval",
        id,
        "--type",
        "merge",
        "--patch",
        &decision,
    ];
    scene.testbed.kubectl().run(&patch).await.unwrap();
    wait_until(SOON, "it is done", async || {
        let seen = agent.run(&run).await?;
        let status = seen["run"]["status"].as_str().unwrap_or_default().to_owned();
        Ok(if status == "done" { Ok(()) } else { Err(status) })
    })
    .await
    .unwrap();
    assert_eq!(scene.replicas().await, 13);

    // One command stops it.
    let stop = [
        "--namespace",
        scene.own.name(),
        "create",
        "configmap",
        "claw-stop",
        "--from-literal=stop=enough",
    ];
    scene.testbed.kubectl().run(&stop).await.unwrap();
    agent.records("\"kind\":\"stop\"", SOON).await.unwrap();
    let (code, said, _) = scene.ask(&agent, &["act", "14.json"]).await;
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("the emergency stop is engaged"), "{said}");
    assert_eq!(scene.replicas().await, 13);

    agent
        .stop(Stop::Terminate, Duration::from_secs(30))
        .await
        .unwrap();
    let lease = format!(
        "/apis/coordination.k8s.io/v1/namespaces/{}/leases/claw-agent",
        scene.own.name()
    );
    let lease = scene.testbed.api().get(&lease).await.unwrap();
    assert!(lease["spec"]["holderIdentity"].is_null(), "{lease}");
    let log = scene.file("data/audit.jsonl");
    let (code, said, _) = scene.agent(&["audit", "verify", &log]).await;
    assert_eq!(code, 0, "{said}");
    let (_, story, _) = scene.agent(&["audit", "show", &run, &log]).await;
    assert!(story.contains("lee"), "{story}");
    scene.end().await;
}
