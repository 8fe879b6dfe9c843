//! How does a workflow change something, and wait for people where the policy wants it?
//!
//! The workflow has a tool propose, submits the action, and goes on when people have decided. What may be done is for the policy
//! to say, and none of it is in the workflow. The API server is simulated; everything else is what runs against real ones.
//!
//! ```text
//! cargo run --example remediate
//! ```

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use claw_core::action::Action;
use claw_core::actuate::{Settlement, Submitted};
use claw_core::clock::{Clock, SystemClock};
use claw_core::evidence::Severity;
use claw_core::report::{Report, Topology, Verdict, Window};
use claw_core::store::SqliteStore;
use claw_core::workflow::{Outcome, RunId, Step, StepContext, StepError, Wait, Workflow};
use claw_guardrails::approval::{Carrier, Group, Verdict as Said, Vote};
use claw_guardrails::audit::MemoryAuditLog;
use claw_guardrails::engine::{Config, Mode};
use claw_guardrails::pipeline::{Approvals, Pipeline, Settings};
use claw_guardrails::policy::{Phase, Policy};
use claw_k8s::apply::KubeExecutor;
use claw_k8s::cluster::{Cluster, Connection, KubeCluster, Limits, Proxies};
use claw_k8s::tools::SurveyTarget;
use claw_k8s::tools::propose::{ScaleWorkload, ScaleWorkloadInput};
use claw_testkit::api::{self, ApiServer};
use claw_workflows::assemble::{Agent, Assembly, Sources};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// Gives a Deployment the replicas that its queue needs.
struct DrainQueue {
    steps: Vec<Box<dyn Step<Wanted>>>,
}

/// What the steps hand to each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Wanted {
    replicas: i32,
    action: Option<Action>,
}

impl Workflow for DrainQueue {
    const NAME: &'static str = "drain_queue";
    type Input = i32;
    type State = Wanted;

    fn start(&self, replicas: i32) -> Wanted {
        Wanted {
            replicas,
            action: None,
        }
    }

    fn steps(&self) -> &[Box<dyn Step<Wanted>>] {
        &self.steps
    }
}

/// Has the change proposed. The runner journals it, so that a restart submits the same action.
struct Propose;

#[async_trait]
impl Step<Wanted> for Propose {
    fn name(&self) -> &str {
        "propose"
    }

    async fn run(&self, cx: &StepContext, mut state: Wanted) -> Result<Outcome<Wanted>, StepError> {
        let input = ScaleWorkloadInput {
            kind: "Deployment".to_owned(),
            namespace: "shop".to_owned(),
            name: "cart".to_owned(),
            replicas: state.replicas,
            reason: "the queue grows faster than it is worked off".to_owned(),
        };
        let proposed = cx.observe::<ScaleWorkload>(input, "the queue is long").await;
        let proposal = proposed.map_err(|error| StepError::Fatal {
            step: self.name().to_owned(),
            reason: error.to_string(),
            source: None,
        })?;
        state.action = Some(proposal.action);
        Ok(Outcome::Continue(state))
    }
}

/// Submits it, and waits where people have to decide. Submitted again it is not done again: the answer is how it stands.
struct Submit;

#[async_trait]
impl Step<Wanted> for Submit {
    fn name(&self) -> &str {
        "submit"
    }

    async fn run(&self, cx: &StepContext, state: Wanted) -> Result<Outcome<Wanted>, StepError> {
        let Some(action) = &state.action else {
            return Ok(Outcome::Continue(state));
        };
        Ok(match cx.submit(action).await? {
            Submitted::Waiting { approval, until } => {
                let wait = Wait::Approval { id: approval, until };
                Outcome::Wait(state, wait)
            }
            Submitted::UnderWay { intent, until, .. } => {
                let wait = Wait::Approval { id: intent, until };
                Outcome::Wait(state, wait)
            }
            _ => Outcome::Continue(state),
        })
    }
}

/// Says what came of it.
struct Conclude;

#[async_trait]
impl Step<Wanted> for Conclude {
    fn name(&self) -> &str {
        "conclude"
    }

    async fn run(&self, cx: &StepContext, state: Wanted) -> Result<Outcome<Wanted>, StepError> {
        let submitted = match &state.action {
            Some(action) => Some(cx.submit(action).await?),
            None => None,
        };
        let title = match submitted {
            Some(Submitted::Settled(Settlement::Applied { approved_by, .. })) => {
                format!(
                    "cart has {} replicas, approved by {}",
                    state.replicas,
                    approved_by.join(", ")
                )
            }
            Some(Submitted::Settled(Settlement::Refused(refusal))) => format!("not done: {refusal}"),
            other => format!("not done: {other:?}"),
        };
        let now = cx.now();
        Ok(Outcome::Done(Box::new(Report {
            case: cx.scope().run.clone(),
            workflow: DrainQueue::NAME.to_owned(),
            cluster: "demo".to_owned(),
            title,
            summary: String::new(),
            verdict: Verdict::Unknown,
            severity: Severity::Info,
            since: None,
            window: Window { start: now, end: now },
            subject: Vec::new(),
            hypotheses: Vec::new(),
            symptoms: Vec::new(),
            changes: Vec::new(),
            ruled_out: Vec::new(),
            tests: Vec::new(),
            recommendations: Vec::new(),
            evidence: Vec::new(),
            gaps: Vec::new(),
            groups: Vec::new(),
            timeline: Vec::new(),
            runbooks: Vec::new(),
            dashboards: Vec::new(),
            topology: Topology::default(),
        })))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("claw-remediate-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let server = ApiServer::start(api::Cluster::new(objects(), Arc::new(SystemClock))).await?;
    let kubeconfig = folder.join("kubeconfig");
    std::fs::write(&kubeconfig, server.kubeconfig(None))?;
    let connection = Connection::Kubeconfig {
        files: vec![kubeconfig],
        context: None,
    };
    let cluster = KubeCluster::connect(connection.clone(), Limits::default()).await?;
    let cluster = Cluster::new(Arc::new(cluster));
    let executor = KubeExecutor::connect(connection, Proxies::default(), Limits::default()).await?;
    let journal = SqliteStore::open(folder.join("journal.sqlite")).await?;

    let mut settings = Settings::default();
    settings.approvals = Approvals::asking(vec![Group::new("operators").with(Carrier::Terminal, "kim")]);
    let surveyor = Arc::new(SurveyTarget::new(cluster.clone()));
    let writes = Pipeline::builder(Arc::new(executor), surveyor, Arc::new(journal.clone()), "example")
        .with_policy(Policy::default().with_phase(Phase::LowRiskWrites))
        .with_settings(settings);
    let sources = Sources::new().tool(Arc::new(ScaleWorkload::new(cluster)));
    let agent = Assembly::new(
        "demo",
        sources,
        Arc::new(MemoryAuditLog::default()),
        Arc::new(SystemClock),
    )
    .journal(Arc::new(journal.clone()))
    .guardrails(Config::default().with_mode(Mode::Live))
    .workflow(DrainQueue {
        steps: vec![Box::new(Propose), Box::new(Submit), Box::new(Conclude)],
    })
    .writes(writes)
    .build()?;

    // Three times as many replicas: a person decides. The runner works on; the run waits.
    let run = RunId("drain-1".to_owned());
    agent
        .runner()
        .submit::<DrainQueue>(run.clone(), &12, Vec::new())
        .await?;
    let stop = CancellationToken::new();
    let served = tokio::spawn({
        let (agent, stop) = (agent.clone(), stop.clone());
        async move { agent.runner().serve(stop).await }
    });
    approve(&agent).await?;
    let report = loop {
        // Every few seconds, in an agent that goes on.
        agent.tend().await?;
        if let Some(report) = journal_report(&journal, &run).await? {
            break report;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    stop.cancel();
    served.await??;
    println!("{}", report.title);
    journal.close().await;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Kim looks at what is asked for, and says yes.
async fn approve(agent: &Agent) -> Result<(), Box<dyn Error>> {
    let pipeline = agent.pipeline().ok_or("the agent changes nothing")?;
    loop {
        let intents = pipeline.intents().await?;
        let asked = intents
            .iter()
            .flatten()
            .find_map(|intent| Some((intent, &intent.asked.as_ref()?.shown)));
        let Some((intent, shown)) = asked else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        println!("kim is asked: {}\n  {}", shown.reason, shown.diff.join("\n  "));
        let vote = Vote::new(
            "kim",
            Said::Approve,
            shown.digest.clone(),
            Carrier::Terminal,
            SystemClock.now(),
        );
        pipeline.vote(&intent.id, vote).await?;
        // Whoever takes votes wakes the runs that wait for them.
        agent.runner().decided(&intent.id).await?;
        return Ok(());
    }
}

async fn journal_report(journal: &SqliteStore, run: &RunId) -> Result<Option<Report>, Box<dyn Error>> {
    use claw_core::store::Journal as _;
    Ok(journal.report(run).await?)
}

/// A Deployment in staging, of which people said that it is stateless and not critical.
fn objects() -> Vec<serde_json::Value> {
    let namespace = |name: &str, labels: serde_json::Value| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
    let template = json!({"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [{"name": "app", "image": "cart:1"}]}});
    vec![
        namespace("kube-system", json!({})),
        namespace("shop", json!({"env": "staging"})),
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "cart", "namespace": "shop",
                "labels": {"claw.dev/nature": "stateless", "claw.dev/criticality": "low"}},
            "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "cart"}}, "template": template}}),
    ]
}
