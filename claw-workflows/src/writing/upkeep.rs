//! What goes on beside the runs of an agent that writes: people decide, walls may fall, backends may go away.

use std::sync::Arc;
use std::time::Duration;

use claw_core::audit::AuditKind;
use claw_core::fence::Fence;
use claw_core::gate::{Entry, Refusal, Scope};
use claw_core::tool::ToolContext;
use claw_core::walls::Standing;
use claw_guardrails::approval::Inbox;
use claw_guardrails::breaker::Backend;
use claw_guardrails::pipeline::PipelineError;
use claw_k8s::cluster::{Cluster, ClusterError};
use claw_metrics::source::MetricSource;
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::settings::{HealthSettings, WallSettings};
use crate::assemble::Agent;
use crate::walls::OuterWalls;

/// How often open intents are looked after.
const TEND: Duration = Duration::from_secs(2);
/// How long a look at the walls may take: some hundred questions.
const LOOK: Duration = Duration::from_secs(60);
/// How long a look at a backend may take.
const PROBE: Duration = Duration::from_secs(5);
/// The rule by which missing walls refuse.
const WALLS: &str = "walls.missing";
/// What records of walls are about, in place of a run.
const RUN: &str = "outer-walls";

/// Looks after intents, walls and backends.
pub struct Upkeep {
    agent: Agent,
    fence: Option<Arc<dyn Fence>>,
    inboxes: Vec<Inbox>,
    walls: Option<WallWatch>,
    health: Option<Health>,
}

impl std::fmt::Debug for Upkeep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upkeep")
            .field("walls", &self.walls)
            .field("health", &self.health.is_some())
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct WallWatch {
    walls: OuterWalls,
    cluster: Cluster,
    settings: WallSettings,
    /// What was recorded last.
    said: Option<String>,
}

struct Health {
    settings: HealthSettings,
    cluster: Cluster,
    metrics: Option<Arc<dyn MetricSource>>,
}

impl Upkeep {
    /// Looks after the intents of `agent`.
    pub fn of(agent: Agent) -> Self {
        Self {
            agent,
            fence: None,
            inboxes: Vec::new(),
            walls: None,
            health: None,
        }
    }

    /// Does so only while this process holds the lease: what another replica has begun is that one's to end.
    #[must_use]
    pub fn while_leading(mut self, fence: Arc<dyn Fence>) -> Self {
        self.fence = Some(fence);
        self
    }

    /// Looks at once when a vote comes in.
    #[must_use]
    pub fn hearing(mut self, inbox: Inbox) -> Self {
        self.inboxes.push(inbox);
        self
    }

    /// Looks at the walls with the account that writes, which `cluster` is reached by. Nothing is written from now on until they
    /// were seen to stand, unless the settings do without.
    #[must_use]
    pub fn within(mut self, walls: OuterWalls, cluster: Cluster, settings: WallSettings) -> Self {
        if settings.required {
            self.agent.engine().hold(refusal(
                "they have not been looked at yet".to_owned(),
                "wait a moment",
            ));
        }
        self.walls = Some(WallWatch {
            walls,
            cluster,
            settings,
            said: None,
        });
        self
    }

    /// Opens the circuits of backends that do not answer: the API server, and metrics where there are any.
    #[must_use]
    pub fn probing(
        mut self,
        settings: HealthSettings,
        cluster: Cluster,
        metrics: Option<Arc<dyn MetricSource>>,
    ) -> Self {
        self.health = Some(Health {
            settings,
            cluster,
            metrics,
        });
        self
    }

    /// Goes on until `cancel` fires.
    pub async fn run(self, cancel: CancellationToken) {
        let Self {
            agent,
            fence,
            inboxes,
            walls,
            health,
        } = self;
        tokio::join!(
            tend(&agent, fence.as_deref(), &inboxes, &cancel),
            async {
                if let Some(walls) = walls {
                    watch(&agent, walls, &cancel).await;
                }
            },
            async {
                if let Some(health) = health {
                    probe(&agent, &health, &cancel).await;
                }
            },
        );
    }
}

/// Takes up what a restart left behind, and then what people have decided, again and again.
async fn tend(agent: &Agent, fence: Option<&dyn Fence>, inboxes: &[Inbox], cancel: &CancellationToken) {
    let arrived = Arc::new(Notify::new());
    let mut listening = tokio::task::JoinSet::new();
    for inbox in inboxes {
        let (inbox, arrived) = (inbox.clone(), Arc::clone(&arrived));
        listening.spawn(async move {
            loop {
                inbox.arrived().await;
                arrived.notify_one();
            }
        });
    }
    while !cancel.is_cancelled() {
        let leads = match fence {
            Some(fence) => fence.check().await.is_ok(),
            None => true,
        };
        if leads && let Err(error) = agent.tend().await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "actions that wait cannot be looked after");
        }
        tokio::select! {
            () = cancel.cancelled() => {}
            () = arrived.notified() => {}
            () = agent.clock().sleep(TEND) => {}
        }
    }
}

async fn watch(agent: &Agent, mut watch: WallWatch, cancel: &CancellationToken) {
    let every = watch.settings.every;
    // What cannot be seen yet is looked at again sooner.
    let soon = every.min(Duration::from_secs(10));
    while !cancel.is_cancelled() {
        let holds = match agent.engine().stop().reason() {
            // While it is engaged nothing is read.
            Some(_) => false,
            None => watch.look(agent, cancel).await,
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = agent.clock().sleep(if holds { every } else { soon }) => {}
        }
    }
}

impl WallWatch {
    /// Whether they stand.
    async fn look(&mut self, agent: &Agent, cancel: &CancellationToken) -> bool {
        let cx = ToolContext {
            cancel: cancel.clone(),
            ..ToolContext::new(Arc::clone(agent.clock()), LOOK)
        };
        let (walls, cluster, scope) = (&self.walls, &self.cluster, scope(agent, RUN));
        let asked = ("the outer walls", "nothing is written where they do not stand");
        let standing = tokio::select! {
            () = cancel.cancelled() => return false,
            standing = agent.gate().attend(&scope, cx, asked, |cx| async move {
                walls.look(cluster, &cx).await
            }) => standing,
        };
        let required = self.settings.required;
        let said = match (standing.holds(), required) {
            (true, _) => "the API server holds the agent to its policy".to_owned(),
            (false, true) => format!("nothing is written: {}", why_not(&standing)),
            (false, false) => format!(
                "writes go on without the outer walls, as the settings say (walls.required: false): {}",
                why_not(&standing)
            ),
        };
        if self.said.as_ref() != Some(&said) {
            if standing.holds() {
                tracing::info!("{said}");
            } else {
                tracing::warn!("{said}");
            }
            let entry = Entry::new(AuditKind::Guard, WALLS, "the outer walls were looked at")
                .with_input(json!({"required": required, "standing": standing}))
                .with_decided(&said);
            match agent.gate().record(&scope, entry).await {
                Ok(_) => self.said = Some(said),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "how the outer walls stand cannot be recorded");
                    // That there are none is done without only where that is on record.
                    agent.engine().hold(refusal(
                        "how they stand could not be recorded".to_owned(),
                        "see that the audit log can be written",
                    ));
                    return false;
                }
            }
        }
        match standing.holds() || !required {
            true => {
                agent.engine().lift(WALLS);
            }
            false => {
                let remedy =
                    "apply what `claw-agent access --writes` prints; `access --check --writes` says more";
                agent.engine().hold(refusal(why_not(&standing), remedy));
            }
        }
        standing.holds()
    }
}

/// The worst of it, and how much more there is.
fn why_not(standing: &Standing) -> String {
    let faults = standing.faults.iter();
    let serious = faults.filter(|fault| fault.kind != claw_core::walls::FaultKind::RightMissing);
    let mut said: Vec<String> = serious.map(ToString::to_string).collect();
    let gaps = standing.gaps.iter();
    said.extend(gaps.map(|gap| format!("not known: {}: {}", gap.source, gap.reason)));
    let more = said.len().saturating_sub(1);
    match (said.into_iter().next(), more) {
        (None, _) => "nothing could be looked at".to_owned(),
        (Some(first), 0) => first,
        (Some(first), more) => format!("{first}; and {more} more"),
    }
}

fn refusal(reason: String, remedy: &str) -> Refusal {
    Refusal {
        rule: WALLS.to_owned(),
        reason: format!("the outer walls are not known to stand: {reason}"),
        remedy: remedy.to_owned(),
    }
}

fn scope(agent: &Agent, run: &str) -> Scope {
    Scope {
        run: run.to_owned(),
        step: None,
        actor: "claw-agent".to_owned(),
        deadline: agent.clock().deadline(PROBE),
        cancel: CancellationToken::new(),
    }
}

/// A backend, and how often in a row it did not answer.
struct Probe {
    backend: Backend,
    failures: u32,
}

async fn probe(agent: &Agent, health: &Health, cancel: &CancellationToken) {
    let mut probes = vec![Probe {
        backend: Backend::ApiServer,
        failures: 0,
    }];
    if health.metrics.is_some() {
        probes.push(Probe {
            backend: Backend::Metrics,
            failures: 0,
        });
    }
    let chore = agent
        .gate()
        .chore("claw", "health checks", "writes depend on the backends");
    while !cancel.is_cancelled() {
        // While the stop is engaged nothing is read.
        if agent.engine().stop().reason().is_none() {
            for probe in &mut probes {
                let cx = ToolContext {
                    cancel: cancel.clone(),
                    ..ToolContext::new(Arc::clone(agent.clock()), PROBE)
                };
                let cx = cx.with_requests(chore.requests().await);
                if let Err(error) = probe.look(agent, health, cx).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "how a backend is cannot be kept");
                }
            }
        }
        tokio::select! {
            () = cancel.cancelled() => {}
            () = agent.clock().sleep(health.settings.every) => {}
        }
    }
    if let Err(error) = chore.record().await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "the last health checks are not recorded");
    }
}

impl Probe {
    async fn look(&mut self, agent: &Agent, health: &Health, cx: ToolContext) -> Result<(), PipelineError> {
        let Some(pipeline) = agent.pipeline() else {
            return Ok(());
        };
        let asked = async {
            match (self.backend, &health.metrics) {
                (Backend::Metrics, Some(metrics)) => match metrics.instant(&cx, "vector(1)", None).await {
                    Ok(_) => None,
                    Err(error) => Some(error.to_string()),
                },
                _ => match health.cluster.version(&cx).await {
                    // Some servers show their version to nobody; they answer all the same.
                    Ok(_) | Err(ClusterError::Denied { .. }) => None,
                    Err(error) => Some(error.to_string()),
                },
            }
        };
        let answered = tokio::select! {
            () = cx.cancel.cancelled() => return Ok(()),
            answered = tokio::time::timeout(PROBE, asked) => answered,
        };
        match answered.unwrap_or_else(|_| Some("it did not answer in time".to_owned())) {
            None => {
                self.failures = 0;
                pipeline.backend_up(self.backend).await
            }
            Some(why) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures < health.settings.failures {
                    return Ok(());
                }
                let why = agent.gate().redactor().redact(&why).into_owned();
                pipeline.backend_down(self.backend, &why).await
            }
        }
    }
}
