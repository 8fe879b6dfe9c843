//! An agent in this process, put together as `claw-agent` puts itself together, with the rights of one account.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use claw_core::clock::SystemClock;
use claw_core::gate::{ObserveError, Scope};
use claw_core::registry::Registry;
use claw_guardrails::audit::MemoryAuditLog;
use claw_k8s::access::{PolicyRule, rules};
use claw_k8s::cluster::{Cluster, ClusterReader, Connection, KubeCluster, Limits};
use claw_metrics::logs::loki::{Loki, LokiConfig};
use claw_metrics::prometheus::{Prometheus, PrometheusConfig};
use claw_testbed::suite::{Account, Namespace, Part, Testbed, wait_until};
use claw_workflows::assemble::{Agent, Assembly, Sources};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// How long one call may take, as in an investigation.
const CALL: Duration = Duration::from_secs(30);
/// For what takes a moment.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// What an agent with `cluster` sees here: metrics and logs where the testbed has them.
fn sources(testbed: &Testbed, cluster: Cluster) -> Sources {
    let mut sources = Sources::new().cluster(cluster);
    if let Some(url) = testbed.part(Part::Prometheus) {
        let metrics = Prometheus::new(PrometheusConfig::at(url)).unwrap();
        sources = sources.metrics(Arc::new(metrics));
    }
    if let Some(url) = testbed.part(Part::Loki) {
        sources = sources.logs(Arc::new(Loki::new(LokiConfig::at(url)).unwrap()));
    }
    sources
}

fn kubeconfig(testbed: &Testbed) -> Connection {
    Connection::Kubeconfig {
        files: vec![testbed.kubeconfig().to_owned()],
        context: None,
    }
}

/// Every tool that an agent has here.
pub(crate) async fn every_tool(testbed: &Testbed) -> Registry {
    let reader = KubeCluster::connect(kubeconfig(testbed), Limits::default())
        .await
        .unwrap();
    let cluster = Cluster::new(Arc::new(reader));
    sources(testbed, cluster).tools().unwrap()
}

/// The role that all tools together need.
pub(crate) async fn whole_role(testbed: &Testbed) -> Vec<PolicyRule> {
    let specs = every_tool(testbed).await.specs();
    rules(specs.iter().map(|spec| &spec.access))
}

/// The cluster as one account sees it.
#[derive(Clone)]
pub(crate) struct Reader {
    reader: Arc<KubeCluster>,
    _token: Arc<tempfile::TempDir>,
}

impl Reader {
    pub(crate) async fn of(testbed: &Testbed, account: &Account) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token");
        std::fs::write(&token_file, account.token()).unwrap();
        let connection = Connection::WithToken {
            server_of: Box::new(kubeconfig(testbed)),
            token_file,
        };
        let reader = KubeCluster::connect(connection, Limits::default()).await.unwrap();
        Self {
            reader: Arc::new(reader),
            _token: Arc::new(folder),
        }
    }

    /// A cluster that has read nothing yet.
    pub(crate) fn cluster(&self) -> Cluster {
        let reader: Arc<dyn ClusterReader> = Arc::<KubeCluster>::clone(&self.reader);
        Cluster::new(reader)
    }
}

/// An agent, whose tools are called one by one through its gate.
pub(crate) struct AgentUnderTest {
    agent: Agent,
    audit: Arc<MemoryAuditLog>,
    calls: AtomicUsize,
}

impl AgentUnderTest {
    /// One that has read nothing yet.
    pub(crate) fn new(testbed: &Testbed, reader: &Reader) -> Self {
        let audit = Arc::new(MemoryAuditLog::default());
        let log = Arc::<MemoryAuditLog>::clone(&audit);
        let sources = sources(testbed, reader.cluster());
        let agent = Assembly::new("testbed", sources, log, Arc::new(SystemClock)).build();
        Self {
            agent: agent.unwrap(),
            audit,
            calls: AtomicUsize::new(0),
        }
    }

    /// One with the rights of all tools, once these have taken effect.
    pub(crate) async fn with_all_rights(testbed: &Testbed, namespace: &Namespace) -> (Self, Account) {
        let rules = json!(whole_role(testbed).await);
        let account = Account::create(testbed, namespace, "agent", &rules)
            .await
            .unwrap();
        let api = account.api(testbed).await.unwrap();
        let pods = format!("/api/v1/namespaces/{}/pods?limit=1", namespace.name());
        wait_until(SOON, "the agent's rights", async || {
            let status = api.status(&pods).await?;
            Ok(if status == 200 {
                Ok(())
            } else {
                Err(status.to_string())
            })
        })
        .await
        .unwrap();
        let reader = Reader::of(testbed, &account).await;
        (Self::new(testbed, &reader), account)
    }

    /// Calls a tool by name, as a model or a definition does. Each call is a run of its own, so that no budget ends it.
    pub(crate) async fn call(&self, tool: &str, input: Value) -> Result<Value, ObserveError> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let scope = Scope {
            run: format!("call-{number}"),
            step: None,
            actor: "suite".to_owned(),
            deadline: self.agent.clock().deadline(CALL),
            cancel: CancellationToken::new(),
        };
        let tool = self.agent.tools().get(tool);
        let tool = tool.unwrap_or_else(|| panic!("there is no such tool"));
        let gate = self.agent.gate();
        gate.observe_json(&scope, tool, input, "to see what it answers")
            .await
    }

    /// How many calls were made, and how many the audit log has.
    pub(crate) fn recorded(&self) -> (usize, usize) {
        (self.calls.load(Ordering::Relaxed), self.audit.events().len())
    }
}
