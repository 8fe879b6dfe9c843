//! The guardrail pipeline on a real API server: what it costs beside its writes, that a plan that wants everything gets its
//! budget and no more, and that crashes, lost answers and a second leader neither lose an effect nor double one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a failure is a panic

mod crash;
mod leaders;
mod life;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use claw_core::action::Action;
use claw_core::actuate::{Actuator as _, Settlement, Submitted};
use claw_core::audit::AuditKind;
use claw_core::clock::{Clock as _, SystemClock};
use claw_core::execute::Executor;
use claw_core::gate::{Gate, Scope};
use claw_core::redact::Redactor;
use claw_core::store::SqliteStore;
use claw_core::tool::ToolContext;
use claw_guardrails::approval::{Carrier, Group, Verdict, Vote};
use claw_guardrails::audit::{Entry, FileAuditLog, Filter, MemoryAuditLog, each_record, verify_file};
use claw_guardrails::engine::{Config, Engine, Mode};
use claw_guardrails::pipeline::{Approvals, Notice, Noticed, Notices, Pipeline, Settings};
use claw_guardrails::policy::{Phase, Policy};
use claw_k8s::apply::KubeExecutor;
use claw_k8s::cluster::{Cluster, Connection, KubeCluster, Limits, Proxies};
use claw_k8s::tools::SurveyTarget;
use claw_k8s::tools::propose::{self, Proposal};
use claw_testbed::suite::{AuditEvent, Namespace, Testbed, audit_events_of, wait_until};
use claw_testkit::AllowAll;
use serde_json::{Value, json};

/// Deployments of the runaway plan.
const PLAN: usize = 500;

/// Pairs of measurements, one after the other.
const ROUNDS: usize = 40;

#[derive(Debug, Default)]
struct Told(Mutex<Vec<Notice>>);

#[async_trait]
impl Notices for Told {
    async fn tell(&self, notice: &Notice) {
        self.0.lock().unwrap().push(notice.clone());
    }
}

struct Agent {
    cluster: Cluster,
    executor: KubeExecutor,
    pipeline: Pipeline,
    told: Arc<Told>,
    audit: Arc<FileAuditLog>,
    _folder: tempfile::TempDir,
}

impl Agent {
    async fn with(testbed: &Testbed, settings: Settings) -> Self {
        Self::built(testbed, settings, None).await
    }

    /// The same, whose pipeline performs with `by`.
    async fn built(testbed: &Testbed, settings: Settings, by: Option<Arc<dyn Executor>>) -> Self {
        let connection = as_admin(testbed);
        let reader = KubeCluster::connect(connection.clone(), Limits::default())
            .await
            .unwrap();
        let cluster = Cluster::new(Arc::new(reader));
        let executor = KubeExecutor::connect(connection, Proxies::default(), Limits::default())
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let audit = FileAuditLog::open(folder.path().join("audit.jsonl"), clock.clone()).await;
        let audit = Arc::new(audit.unwrap());
        let documents = SqliteStore::open(folder.path().join("journal.sqlite"))
            .await
            .unwrap();
        let engine = Arc::new(Engine::new(live_config(), clock.clone()));
        let gate = Gate::new(engine.clone(), audit.clone(), clock, Redactor::new());
        let told = Arc::new(Told::default());
        let surveyor = Arc::new(SurveyTarget::new(cluster.clone()));
        let pipeline = Pipeline::builder(
            by.unwrap_or_else(|| Arc::new(executor.clone())),
            surveyor,
            Arc::new(documents),
            "testbed",
        )
        .with_policy(Policy::default().with_phase(Phase::Expanded))
        .with_settings(settings)
        .with_notices(told.clone())
        .build(engine, gate);
        Self {
            cluster,
            executor,
            pipeline: pipeline.unwrap(),
            told,
            audit,
            _folder: folder,
        }
    }

    async fn scale(&self, namespace: &str, name: &str, replicas: u32) -> Action {
        scaled(&self.cluster, namespace, name, replicas).await
    }
}

/// What the tool proposes.
async fn scaled(cluster: &Cluster, namespace: &str, name: &str, replicas: u32) -> Action {
    let tools = propose::all(cluster);
    let tool = tools.iter().find(|tool| tool.name() == "scale_workload").unwrap();
    let input = json!({ "kind": "Deployment", "namespace": namespace, "name": name, "replicas": replicas, "reason": "a plan" });
    let answer = tool.call_json(&cx(), input).await.unwrap();
    serde_json::from_value::<Proposal>(answer).unwrap().action
}

fn as_admin(testbed: &Testbed) -> Connection {
    Connection::Kubeconfig {
        files: vec![testbed.kubeconfig().to_owned()],
        context: None,
    }
}

fn live_config() -> Config {
    let mut config = Config::default().with_mode(Mode::Live);
    config.budgets = config.budgets.with_calls(100_000).with_calls_per_tool(100_000);
    config
}

/// Budgets that many actions fit into.
fn wide() -> Settings {
    let mut settings = Settings::default();
    for limits in [&mut settings.run, &mut settings.hour] {
        limits.objects = 10_000;
        limits.pods = 10_000;
        limits.nodes = 10_000;
        limits.zones = 10_000;
    }
    settings
}

fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(20))
}

fn scope(run: &str) -> Scope {
    Scope {
        run: run.to_owned(),
        step: None,
        actor: "claw".to_owned(),
        deadline: SystemClock.deadline(Duration::from_secs(600)),
        cancel: Default::default(),
    }
}

/// Deployments of so many replicas, which nobody has to run.
async fn deployments(testbed: &Testbed, namespace: &Namespace, count: usize, replicas: u32) {
    let ns = namespace.name();
    let labels = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": ns, "labels": { "env": "staging" } } });
    testbed.apply(&labels.to_string()).await.unwrap();
    let deployment = |number: usize| {
        let name = format!("d{number}");
        let app = json!({ "app": name });
        json!({ "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": name, "namespace": ns,
                "labels": { "claw.dev/nature": "stateless", "claw.dev/criticality": "low" } },
            "spec": { "replicas": replicas, "selector": { "matchLabels": app },
                "template": { "metadata": { "labels": app },
                    "spec": { "schedulerName": "nobody", "containers": [{ "name": "main", "image": "registry.invalid/a:1" }] } } } })
    };
    for from in (0..count).step_by(50) {
        let items: Vec<Value> = (from..count.min(from + 50)).map(deployment).collect();
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
        testbed.apply(&list.to_string()).await.unwrap();
    }
    // Their controller writes an annotation when it sees them first, and what was proposed before that is outdated.
    let path = format!("/apis/apps/v1/namespaces/{ns}/deployments");
    wait_until(
        Duration::from_secs(120),
        "the controller has seen all deployments",
        async || {
            let listed = testbed.api().list(&path, "").await?;
            let seen =
                |it: &&Value| it["metadata"]["annotations"]["deployment.kubernetes.io/revision"].is_string();
            let seen = listed.iter().filter(seen).count();
            Ok(if seen >= count {
                Ok(())
            } else {
                Err(format!("{seen} of {count}"))
            })
        },
    )
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_plan_that_scales_everything_down_gets_its_budget_and_no_more() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("runaway").await.unwrap();
    deployments(&testbed, &namespace, PLAN, 2).await;
    let people = Group::new("operators").with(Carrier::Terminal, "kim");
    let mut settings = Settings::default();
    settings.approvals = Approvals::asking(vec![people]);
    let agent = Agent::with(&testbed, settings).await;
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for number in 0..PLAN {
        let action = agent.scale(namespace.name(), &format!("d{number}"), 1).await;
        let mut submitted = agent
            .pipeline
            .submit(&scope("run"), "plan", &action)
            .await
            .unwrap();
        // Somebody approves whatever comes, without looking.
        if let Submitted::Waiting { approval, .. } = &submitted {
            let intent = agent.pipeline.intent(approval).await.unwrap();
            let request = &intent.asked.as_ref().unwrap().request;
            let vote = Vote::new(
                "kim",
                Verdict::Approve,
                request.binding.digest(),
                Carrier::Terminal,
                SystemClock.now(),
            );
            submitted = agent.pipeline.vote(approval, vote).await.unwrap();
        }
        let end = match submitted {
            Submitted::Settled(Settlement::Applied { .. }) => "applied".to_owned(),
            Submitted::Settled(Settlement::Refused(refusal)) => refusal.rule,
            other => panic!("{other:?}"),
        };
        *ends.entry(end).or_default() += 1;
    }
    println!("a plan over {PLAN} deployments: {ends:?}");
    let listed = testbed
        .api()
        .get(&format!(
            "/apis/apps/v1/namespaces/{}/deployments?limit=1000",
            namespace.name()
        ))
        .await
        .unwrap();
    let touched = listed["items"].as_array().unwrap().iter();
    let touched = touched
        .filter(|item| item["spec"]["replicas"] == json!(1))
        .count();
    let budget = usize::try_from(Settings::default().run.objects).unwrap();
    assert!(0 < touched && touched <= budget, "{touched} were scaled down");
    assert_eq!(ends["applied"], touched);
    assert_eq!(ends["budget.writes"], 1);
    assert_eq!(ends["breaker.workflow"], PLAN - touched - 1);
    let told = agent.told.0.lock().unwrap().clone();
    let opened = told
        .iter()
        .find(|notice| notice.what == Noticed::CircuitOpened)
        .unwrap();
    println!("people are told: {}", opened.text);
    assert!(opened.text.contains("the budget of a run"), "{}", opened.text);
    let log = agent.audit.path().to_owned();
    agent.audit.close().await.unwrap();
    assert!(verify_file(&log).unwrap().is_intact());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn the_pipeline_costs_little_beside_its_writes() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("overhead").await.unwrap();
    deployments(&testbed, &namespace, 2 * ROUNDS, 2).await;
    let agent = Agent::with(&testbed, wide()).await;
    let (mut bare, mut whole) = (Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        let action = agent
            .scale(namespace.name(), &format!("d{}", 2 * number), 3)
            .await;
        bare.push(timed(bare_write(&agent, &action)).await);
        let action = agent
            .scale(namespace.name(), &format!("d{}", 2 * number + 1), 3)
            .await;
        whole.push(
            timed(async {
                let submitted = agent
                    .pipeline
                    .submit(&scope("run"), "plan", &action)
                    .await
                    .unwrap();
                assert!(
                    matches!(submitted, Submitted::Settled(Settlement::Applied { .. })),
                    "{submitted:?}"
                );
            })
            .await,
        );
    }
    let (bare, whole) = (median(bare), median(whole));
    // As the audit log has them: one request for each permit, and those of the calls before it.
    let mut requests = 0;
    each_record(agent.audit.path(), &Filter::default(), |record, _| {
        if let Entry::Event(event) = &record.entry {
            requests += event.requests.as_ref().map_or(0, |requests| requests.count);
            requests += u64::from(event.kind == AuditKind::Permit);
        }
        true
    })
    .unwrap();
    let build = if cfg!(debug_assertions) {
        "without optimization"
    } else {
        "optimized"
    };
    testbed.note(&format!(
        "a write, {build}: dry run and write {:.1} ms, through the pipeline {:.1} ms with {:.1} requests; it adds {:.1} ms (wanted 15)",
        bare * 1e3,
        whole * 1e3,
        requests as f64 / ROUNDS as f64,
        (whole - bare) * 1e3
    ));
}

/// What it takes without any guardrail: a dry run, and the write.
async fn bare_write(agent: &Agent, action: &Action) {
    let gate = Gate::new(
        Arc::new(AllowAll),
        Arc::new(MemoryAuditLog::default()),
        Arc::new(SystemClock),
        Redactor::new(),
    );
    agent.executor.dry_run(&cx(), action).await.unwrap();
    let permit = gate.admit(&scope("bare"), action).await.unwrap();
    agent.executor.perform(&cx(), permit, action).await.unwrap();
}

/// How long it takes, in seconds.
async fn timed(work: impl Future<Output = ()>) -> f64 {
    let before = SystemClock.now();
    work.await;
    SystemClock.now().duration_since(before).as_secs_f64()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
