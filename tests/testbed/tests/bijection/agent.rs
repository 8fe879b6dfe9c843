//! The agent under test: put together as the binary puts itself together, with everything that asks the API server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use claw_core::action::Action;
use claw_core::audit::AuditLog;
use claw_core::clock::{Clock as _, MonotonicClock, SystemClock};
use claw_core::gate::{ObserveError, Scope};
use claw_core::store::{Documents, SqliteStore};
use claw_core::tool::ToolContext;
use claw_guardrails::approval::{Board, Carrier, Group};
use claw_guardrails::audit::FileAuditLog;
use claw_guardrails::engine::{Config, Mode};
use claw_guardrails::pipeline::{Approvals as Asking, Pipeline, Settings};
use claw_guardrails::policy::{Phase, Policy};
use claw_guardrails::stop::{Switch, Watch, WatchSettings};
use claw_k8s::apply::KubeExecutor;
use claw_k8s::approval::Approvals;
use claw_k8s::cluster::{Cluster, Connection, KubeCluster, Limits, Proxies};
use claw_k8s::lease::{Leadership, LeaseSettings};
use claw_k8s::stop::StopConfigMap;
use claw_k8s::tools::SurveyTarget;
use claw_k8s::tools::propose::{self, Proposal};
use claw_testbed::suite::TcpProxy;
use claw_workflows::approval::KubernetesApprovals;
use claw_workflows::assemble::{Agent, Assembly, Sources};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::scene::{KIM, Scene};

pub(crate) fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(20))
}

pub(crate) fn scope(run: &str) -> Scope {
    Scope {
        run: run.to_owned(),
        step: None,
        actor: "claw".to_owned(),
        deadline: SystemClock.deadline(Duration::from_secs(60)),
        cancel: Default::default(),
    }
}

pub(crate) struct TestAgent {
    pub(crate) agent: Agent,
    reader: Arc<KubeCluster>,
    audit: Arc<FileAuditLog>,
    log: PathBuf,
    cancel: CancellationToken,
    chores: Vec<JoinHandle<()>>,
}

fn guardrails() -> Config {
    let mut config = Config::default().with_mode(Mode::Live);
    config.budgets = config.budgets.with_calls(100_000).with_calls_per_tool(100_000);
    config
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    let wide = 10_000;
    for limits in [&mut settings.run, &mut settings.hour] {
        limits.objects = wide;
        limits.pods = wide;
        limits.nodes = wide;
        limits.zones = wide;
    }
    settings.approvals = Asking::asking(vec![Group::new("operators").with(Carrier::Kubernetes, KIM)]);
    settings
}

impl TestAgent {
    /// One that leads, and that looks whether somebody asks it to stop.
    pub(crate) async fn start(scene: &Scene) -> Self {
        let connection = Connection::WithToken {
            server_of: Box::new(Connection::Kubeconfig {
                files: vec![scene.testbed.kubeconfig().to_owned()],
                context: None,
            }),
            token_file: scene.token_file(),
        };
        let (proxies, limits) = (Proxies::default(), Limits::default());
        let reader = KubeCluster::connect(connection.clone(), limits.clone())
            .await
            .unwrap();
        let reader = Arc::new(reader);
        let cluster = Cluster::new(Arc::<KubeCluster>::clone(&reader));
        let executor = KubeExecutor::connect(connection.clone(), proxies.clone(), limits.clone())
            .await
            .unwrap();
        let store = SqliteStore::open(scene.folder.path().join("journal.sqlite"))
            .await
            .unwrap();
        let documents: Arc<dyn Documents> = Arc::new(store);
        let approvals = Approvals::connect(
            connection.clone(),
            proxies.clone(),
            limits.clone(),
            scene.wall.clone(),
        );
        let post = KubernetesApprovals::new(approvals.await.unwrap(), documents.clone());
        let clock = Arc::new(SystemClock);
        let log = scene.folder.path().join("audit.jsonl");
        let audit = Arc::new(FileAuditLog::open(&log, clock.clone()).await.unwrap());
        let recorded: Arc<dyn AuditLog> = Arc::<FileAuditLog>::clone(&audit);
        let surveyor = Arc::new(SurveyTarget::new(cluster.clone()));
        let writes = Pipeline::builder(Arc::new(executor), surveyor, documents, "suite")
            .with_policy(Policy::default().with_phase(Phase::Expanded))
            .with_settings(settings())
            .with_board(Board::new().with(Arc::new(post)));
        let agent = Assembly::new(
            "testbed",
            Sources::new().cluster(cluster.clone()),
            recorded.clone(),
            clock.clone(),
        )
        .guardrails(guardrails())
        .writes(writes)
        .build()
        .unwrap();
        let cancel = CancellationToken::new();
        let chore = |subject: &str| agent.gate().chore("claw", subject, "it is done all the time");

        let mut lease = LeaseSettings::new(scene.ns(), "agent", "suite");
        lease.every = Duration::from_millis(200);
        let steady = Arc::new(MonotonicClock::start());
        let leadership = Leadership::connect(connection, proxies, limits, lease, clock.clone(), steady).await;
        let leadership = leadership.unwrap();
        leadership.record_as(chore("the lease"));
        let until = cancel.clone();
        let leads = tokio::spawn(async move { leadership.run(until).await });

        let stop = agent.engine().stop().clone();
        let switch = Switch::new(stop, scene.folder.path(), recorded, clock.clone());
        let source = StopConfigMap::new(cluster, scene.ns(), StopConfigMap::NAME);
        let every = WatchSettings::default().with_every(Duration::from_millis(300));
        let mut watch =
            Watch::new(switch, [Arc::new(source) as _], clock, every).recorded_as(chore("the stop"));
        watch.look(&cancel).await;
        let until = cancel.clone();
        let watches = tokio::spawn(watch.run(until));
        Self {
            agent,
            reader,
            audit,
            log,
            cancel,
            chores: vec![leads, watches],
        }
    }

    /// The cluster, of which nothing was read yet.
    pub(crate) fn cluster(&self) -> Cluster {
        Cluster::new(Arc::<KubeCluster>::clone(&self.reader))
    }

    pub(crate) fn now(&self) -> jiff::Timestamp {
        SystemClock.now()
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.log.clone()
    }

    /// One of the same account and log that has read nothing yet, and does no chores.
    pub(crate) fn another(&self) -> Reader {
        Reader::new(&self.reader, &self.audit)
    }

    /// The same, whose requests go through a proxy.
    pub(crate) async fn through_proxy(&self, scene: &Scene) -> (TcpProxy, Through) {
        let text = std::fs::read_to_string(scene.testbed.kubeconfig()).unwrap();
        let mut config: Value = serde_json::from_str(&text).unwrap();
        let server = config["clusters"][0]["cluster"]["server"]
            .as_str()
            .unwrap()
            .to_owned();
        let proxy = TcpProxy::before(&server).await.unwrap();
        config["clusters"][0]["cluster"]["server"] = json!(proxy.url());
        let file = scene.folder.path().join("through-proxy.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let connection = Connection::WithToken {
            server_of: Box::new(Connection::Kubeconfig {
                files: vec![file],
                context: None,
            }),
            token_file: scene.token_file(),
        };
        let reader = KubeCluster::connect(connection, Limits::default()).await.unwrap();
        let through = Through {
            reader: Arc::new(reader),
            audit: Arc::clone(&self.audit),
        };
        (proxy, through)
    }

    /// What a tool proposes.
    pub(crate) async fn scale(&self, scene: &Scene, number: usize, replicas: u32) -> Action {
        self.another().scale(scene, number, replicas).await.unwrap()
    }

    /// Ends it in order, and says where its log is.
    pub(crate) async fn end(self) -> PathBuf {
        self.cancel.cancel();
        for chore in self.chores {
            chore.await.unwrap();
        }
        self.agent.pipeline().unwrap().record_requests().await.unwrap();
        // Calls that were given up are recorded in their own time.
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.audit.close().await.unwrap();
        self.log
    }
}

/// The way through a proxy.
pub(crate) struct Through {
    reader: Arc<KubeCluster>,
    audit: Arc<FileAuditLog>,
}

impl Through {
    pub(crate) fn another(&self) -> Reader {
        Reader::new(&self.reader, &self.audit)
    }
}

/// An agent that reads.
pub(crate) struct Reader {
    agent: Agent,
    cluster: Cluster,
}

impl Reader {
    fn new(reader: &Arc<KubeCluster>, audit: &Arc<FileAuditLog>) -> Self {
        let cluster = Cluster::new(Arc::<KubeCluster>::clone(reader));
        let sources = Sources::new().cluster(cluster.clone());
        let audit: Arc<dyn AuditLog> = Arc::<FileAuditLog>::clone(audit);
        let agent = Assembly::new("testbed", sources, audit, Arc::new(SystemClock))
            .guardrails(guardrails())
            .build();
        Self {
            agent: agent.unwrap(),
            cluster,
        }
    }

    /// Calls a tool by name.
    pub(crate) async fn call(&self, tool: &str, input: Value) -> Result<Value, ObserveError> {
        let tool = self.agent.tools().get(tool).unwrap();
        let gate = self.agent.gate();
        gate.observe_json(&scope("looks"), tool, input, "to see what there is")
            .await
    }

    /// What `scale_workload` proposes; `None` where that would change nothing.
    pub(crate) async fn scale(&self, scene: &Scene, number: usize, replicas: u32) -> Option<Action> {
        let tools = propose::all(&self.cluster);
        let tool = tools.iter().find(|tool| tool.name() == "scale_workload").unwrap();
        let input = json!({ "kind": "Deployment", "namespace": scene.ns(), "name": format!("d{number}"),
            "replicas": replicas, "reason": "a plan" });
        let gate = self.agent.gate();
        let answer = gate
            .observe_json(&scope("plans"), tool, input, "to see what it takes")
            .await;
        let proposal: Proposal = serde_json::from_value(answer.ok()?).unwrap();
        Some(proposal.action)
    }
}
