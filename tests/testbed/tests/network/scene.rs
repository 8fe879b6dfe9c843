//! A namespace in which something is wrong, and an agent that is asked about it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use claw_k8s::cluster::{Connection, KubeCluster, Limits};
use claw_testbed::suite::{
    Account, Namespace, Part, TestFolder, Testbed, agent_command, audit_events_of, wait_until,
};
use claw_testkit::faults::{Fault, Rule};
use claw_testkit::reverse_proxy::ReverseProxy;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use crate::investigated::Investigated;

/// For what takes a moment.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// For what has to be pulled, backed off or started first.
pub(crate) const LATER: Duration = Duration::from_secs(90);
/// How long runs share lists of what has a status, and a moment more.
const SHARED: Duration = Duration::from_secs(6);
/// Nothing takes longer. What does, hangs.
const HANGS: Duration = Duration::from_secs(180);

/// Scenes that only look at the testbed go on side by side; one that breaks a part of it has it for itself.
static TESTBED: Semaphore = Semaphore::const_new(SHARES as usize);
const SHARES: u32 = 64;

/// What is wrong, and what a report has to say of it.
#[derive(Clone, Copy)]
pub(crate) struct Trouble {
    fault: &'static str,
    workload: &'static str,
    waits: &'static str,
    restarts: i64,
    pub(crate) mechanism: &'static str,
}

/// Objects alone show it.
pub(crate) const IMAGE: Trouble = Trouble {
    fault: "imagepull",
    workload: "mailer",
    waits: "ImagePullBackOff",
    restarts: 0,
    mechanism: "image_pull",
};
/// Logs are looked at, too.
pub(crate) const CRASH: Trouble = Trouble {
    fault: "crashloop",
    workload: "billing",
    waits: "CrashLoopBackOff",
    restarts: 1,
    mechanism: "application_crash",
};

/// The trouble, the agent's account, and the folder in which the agent works.
pub(crate) struct Scene {
    pub(crate) testbed: Testbed,
    trouble: Trouble,
    namespace: Namespace,
    account: Account,
    program: String,
    cluster: Value,
    folder: TestFolder,
    test: String,
    // Given back last: until then others wait.
    _share: SemaphorePermit<'static>,
}

impl Scene {
    /// Sets the scene, or says what is absent for `test`.
    pub(crate) async fn set(test: &str) -> Option<Self> {
        Self::with_shares(test, IMAGE, 1).await
    }

    /// The same, with other trouble.
    pub(crate) async fn set_with(test: &str, trouble: Trouble) -> Option<Self> {
        Self::with_shares(test, trouble, 1).await
    }

    /// A scene with a container that crashes, and the addresses of the stores of metrics and of logs.
    pub(crate) async fn set_with_sources(test: &str) -> Option<(Self, String, String)> {
        let scene = Self::set_with(test, CRASH).await?;
        let address = |part| scene.testbed.need(part, test).map(str::to_owned);
        let (prometheus, loki) = (address(Part::Prometheus)?, address(Part::Loki)?);
        Some((scene, prometheus, loki))
    }

    /// The same as [`set`](Self::set), with the testbed for itself.
    pub(crate) async fn set_alone(test: &str) -> Option<Self> {
        Self::with_shares(test, IMAGE, SHARES).await
    }

    async fn with_shares(test: &str, trouble: Trouble, shares: u32) -> Option<Self> {
        let share = TESTBED.acquire_many(shares).await.unwrap();
        let testbed = Testbed::for_test().await;
        for part in [Part::Run, Part::AuditLog, Part::PodLogs] {
            testbed.need(part, test)?;
        }
        let program = testbed.need(Part::Agent, test)?.to_owned();
        let text = std::fs::read_to_string(testbed.kubeconfig()).unwrap();
        let config: Value = serde_json::from_str(&text).unwrap();
        let folder = TestFolder::create(&testbed, test).unwrap();
        let namespace = testbed.namespace("team").await.unwrap();
        testbed.inject(trouble.fault, namespace.name()).await.unwrap();
        // Every right, so that it is the agent alone that does not write.
        let rules = json!([
            { "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] },
            { "nonResourceURLs": ["*"], "verbs": ["*"] },
        ]);
        let account = Account::create(&testbed, &namespace, "claw", &rules)
            .await
            .unwrap();
        let scene = Self {
            testbed,
            trouble,
            namespace,
            account,
            program,
            cluster: config["clusters"][0]["cluster"].clone(),
            folder,
            test: test.to_owned(),
            _share: share,
        };
        scene.is_in_trouble().await;
        Some(scene)
    }

    /// Waits until it shows what is wrong, and the account has its rights.
    async fn is_in_trouble(&self) {
        let pods = format!("/api/v1/namespaces/{}/pods", self.namespace.name());
        let api = self.account.api(&self.testbed).await.unwrap();
        wait_until(LATER, self.trouble.waits, async || {
            let pods = api.list(&pods, "").await?;
            let status = pods
                .first()
                .and_then(|pod| pod.pointer("/status/containerStatuses/0"));
            let status = status.cloned().unwrap_or_default();
            let waits = status["state"]["waiting"]["reason"] == self.trouble.waits;
            let restarted = status["restartCount"].as_i64() >= Some(self.trouble.restarts);
            Ok(if waits && restarted {
                Ok(())
            } else {
                Err(status.to_string())
            })
        })
        .await
        .unwrap();
    }

    pub(crate) fn namespace(&self) -> &str {
        self.namespace.name()
    }

    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// The address of the API server.
    pub(crate) fn server(&self) -> &str {
        self.cluster["server"].as_str().unwrap()
    }

    /// The certificate authority of the API server, PEM.
    pub(crate) fn authority(&self) -> PathBuf {
        Path::new(self.testbed.part(Part::Run).unwrap()).join("pki/ca.crt")
    }

    /// The same as kubeconfigs carry it.
    pub(crate) fn authority_data(&self) -> &Value {
        &self.cluster["certificate-authority-data"]
    }

    /// A file in the folder in which the agent works.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A kubeconfig of the agent's account for the API server at `server`.
    pub(crate) fn kubeconfig(&self, server: &str) -> PathBuf {
        self.kubeconfig_with(server, self.authority_data())
    }

    /// The same, with another certificate authority, in base64.
    pub(crate) fn kubeconfig_with(&self, server: &str, authority: &Value) -> PathBuf {
        let mut cluster = json!({ "server": server });
        if server.starts_with("https:") {
            cluster["certificate-authority-data"] = authority.clone();
        }
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "testbed",
            "clusters": [{ "name": "testbed", "cluster": cluster }],
            "users": [{ "name": "claw", "user": { "token": self.account.token() } }],
            "contexts": [{ "name": "testbed", "context": { "cluster": "testbed", "user": "claw" } }],
        });
        // Named by the address, so that one for the same address takes its place.
        let port = server.rsplit(':').next().unwrap();
        let file = self.path(&format!("kubeconfig-{port}"));
        std::fs::write(&file, config.to_string()).unwrap();
        file
    }

    /// A proxy before the API server that fails request by request.
    pub(crate) async fn reverse_proxy(&self) -> ReverseProxy {
        let file = Kubeconfig::read_from(self.testbed.kubeconfig()).unwrap();
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(file, &options)
            .await
            .unwrap();
        ReverseProxy::before_api_server(config).await.unwrap()
    }

    /// A way to the API server on which kubelets have no logs, so that the store of logs is asked, with a kubeconfig for it.
    pub(crate) async fn without_logs(&self) -> (ReverseProxy, PathBuf) {
        let proxy = self.reverse_proxy().await;
        proxy.faults().add(Rule::new("**/log", Fault::unavailable()));
        let kubeconfig = self.kubeconfig(&proxy.url());
        (proxy, kubeconfig)
    }

    /// The cluster as the agent reads it, through the API server at `server`.
    pub(crate) async fn reader(&self, server: &str) -> KubeCluster {
        let connection = Connection::Kubeconfig {
            files: vec![self.kubeconfig(server)],
            context: None,
        };
        KubeCluster::connect(connection, Limits::default()).await.unwrap()
    }

    /// A command of the agent, in its folder.
    pub(crate) fn agent(&self, arguments: &[&str]) -> Command {
        let mut command = agent_command(&self.program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Begins an investigation of the workload that is in trouble.
    pub(crate) fn begin(&self, kubeconfig: &Path, more: &[&str]) -> Child {
        let mut command = self.agent(&["investigate", "--output", "json"]);
        command
            .args(["--namespace", self.namespace()])
            .arg(format!("deployment/{}", self.trouble.workload))
            .args(["--audit", "audit.jsonl", "--kubeconfig"])
            .arg(kubeconfig)
            .args(more);
        command.spawn().unwrap()
    }

    /// Investigates to the end.
    pub(crate) async fn investigate(&self, kubeconfig: &Path, more: &[&str]) -> Investigated {
        self.finish(self.begin(kubeconfig, more)).await
    }

    /// Waits for the end of an investigation.
    pub(crate) async fn finish(&self, child: Child) -> Investigated {
        let begin = Instant::now();
        let output = timeout(HANGS, child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("the agent hangs")).unwrap();
        Investigated {
            mechanism: self.trouble.mechanism,
            code: output.status.code().unwrap_or(-1),
            report: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
            took: begin.elapsed(),
        }
    }

    /// What an investigation gives through an API server at `server` while nothing is wrong with the network.
    pub(crate) async fn usual(&self, server: &str) -> Investigated {
        let usual = self.investigate(&self.kubeconfig(server), &[]).await;
        usual.assert_cause();
        usual
    }

    /// That the audit log at `file` is whole.
    pub(crate) async fn assert_audit(&self, file: &str) {
        let output = self.agent(&["audit", "verify", file]).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
    }

    /// Ends the scene: that by its audit log the API server got reads of the agent, and nothing else.
    pub(crate) async fn end(self) {
        let user = self.account.user();
        let events = audit_events_of(&self.testbed, &user, &self.test).await.unwrap();
        let events = events.unwrap();
        let reads = events
            .iter()
            .filter(|event| matches!(event.verb.as_str(), "get" | "list" | "watch"));
        assert!(reads.count() > 0, "the agent read nothing");
        let writes: Vec<_> = events
            .iter()
            .filter(|event| !matches!(event.verb.as_str(), "get" | "list" | "watch"))
            // It asks what it may do by posting the question.
            .filter(|event| !event.uri.contains("/selfsubjectaccessreviews"))
            .collect();
        assert!(writes.is_empty(), "{writes:?}");
    }
}

/// Waits until what the agent has listed is too old for it to be used again.
pub(crate) async fn lists_are_old() {
    tokio::time::sleep(SHARED).await;
}
