//! Replays a recorded incident: the agent that runs against clusters, over a recording.
//!
//! ```no_run
//! use claw_k8s::bundle::Bundle;
//! use claw_testkit::replay::Replay;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let bundle = Bundle::load("cases/cart-oom")?;
//! let report = Replay::of(&bundle).await?.run().await?;
//! println!("{}", report.summary);
//! # Ok(())
//! # }
//! ```
//!
//! The clock stands at the time of the recording, so that two replays of one bundle give the same bytes.

mod gaps;
mod incident;
mod logs;
mod metrics;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use claw_core::audit::AuditLog;
use claw_core::clock::{Clock, ManualClock};
use claw_core::report::{Gap, Report};
use claw_core::tool::Tool as _;
use claw_guardrails::audit::MemoryAuditLog;
use claw_k8s::bundle::Bundle;
use claw_k8s::cluster::{Cluster, KubeCluster, Limits};
use claw_metrics::logs::loki::{Loki, LokiConfig};
use claw_metrics::prometheus::{Prometheus, PrometheusConfig};
use claw_metrics::tools::QueryPrometheus;
use claw_workflows::assemble::{Agent, Assembly, AssemblyError, Sources};
use claw_workflows::runtime::RunnerError;
use claw_workflows::trigger::Incident;

pub use self::incident::incident;
pub use self::metrics::store;
use crate::prometheus;
use crate::world::{RunningWorld, SimulatedWorld};

/// Most series of one answer: recordings are small, and none of them should be left out.
const MAX_SERIES: usize = 20_000;

/// The gap of a cluster without metrics-server. A recording never holds what that knows.
const USAGE: &str = "resource usage (metrics.k8s.io)";

/// A recorded incident, about to be investigated.
///
/// The simulated API server, Prometheus and Loki are in this process and answer over HTTP on the loopback interface. They
/// are gone when this is dropped.
#[derive(Debug)]
pub struct Replay {
    agent: Agent,
    incident: Incident,
    case: String,
    gaps: Vec<Gap>,
    /// What the recorder could not see; `None` where it did not tell.
    told: Option<Vec<Gap>>,
    world: RunningWorld,
}

/// A replay could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// No port for a simulated server.
    #[error("no port on the loopback interface can be used; free one, or lift what forbids it")]
    Port(#[source] std::io::Error),
    /// The client of the simulated Prometheus or Loki could not be made.
    #[error(transparent)]
    Client(#[from] claw_core::http::HttpError),
    /// The client of the simulated API server could not be made.
    #[error("the simulated API server cannot be reached; report this")]
    Cluster(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A defect: no agent can be made of the recording.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
    /// Journal or audit log failed.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// The run ended without a report.
    #[error("the investigation ended without a report; see the agent's log")]
    NoReport,
}

impl Replay {
    /// Boots the recorded world with an audit log in memory.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub async fn of(bundle: &Bundle) -> Result<Self, ReplayError> {
        Self::audited(bundle, Arc::new(MemoryAuditLog::default())).await
    }

    /// Boots the recorded world; every read is recorded in `audit`.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub async fn audited(bundle: &Bundle, audit: Arc<dyn AuditLog>) -> Result<Self, ReplayError> {
        Self::with(bundle, audit, |assembly| assembly).await
    }

    /// Boots the recorded world for an agent of your own: `change` gets the assembly as it would be, and may change it.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub async fn with(
        bundle: &Bundle,
        audit: Arc<dyn AuditLog>,
        change: impl FnOnce(Assembly) -> Assembly,
    ) -> Result<Self, ReplayError> {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(bundle.manifest.collected_at));
        let mut gaps = Vec::new();
        let (incident, problem) = incident(bundle);
        gaps.extend(problem);
        let (sources, world) = boot(bundle, &mut gaps).await?;
        world.api().cluster().know_only(&bundle.recorded_kinds());
        let assembly = Assembly::new(&bundle.manifest.cluster, sources, audit, clock);
        let agent = change(assembly).build()?;
        Ok(Self {
            agent,
            incident,
            case: bundle.manifest.case.clone(),
            gaps,
            told: bundle.manifest.gaps.clone(),
            world,
        })
    }

    /// The agent.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// What is investigated.
    pub fn incident(&self) -> &Incident {
        &self.incident
    }

    /// The servers of the recorded world: what they were asked, and their faults.
    pub fn world(&self) -> &RunningWorld {
        &self.world
    }

    /// Investigates. The report bears the name of the recorded case, and says what of the recording could not be read.
    ///
    /// # Errors
    /// If journal or audit log fail.
    pub async fn run(&self) -> Result<Report, ReplayError> {
        let ended = self.agent.investigate(&self.incident).await?;
        let mut report = ended.report.ok_or(ReplayError::NoReport)?;
        report.case.clone_from(&self.case);
        // What was not recorded is said once, in terms of the recording.
        let unrecorded = |source: &str| self.gaps.iter().any(|gap| gap.source == source);
        report.gaps.retain(|gap| match gap.source.as_str() {
            "search_logs" => !unrecorded("logs"),
            "query_prometheus" | "list_metrics" => !unrecorded("metrics"),
            USAGE => false,
            _ => true,
        });
        let told = self.told.as_deref().unwrap_or_default();
        gaps::settle(&mut report.gaps, told, &self.world.api().cluster().unknown());
        report.gaps.extend(self.gaps.iter().cloned());
        report.gaps.sort();
        report.gaps.dedup();
        Ok(report)
    }
}

/// Boots the simulated world of a recording. Returns the sources of an agent in it, and the world, which lives as long as
/// it is kept. What of the recording could not be read, and what it does not hold, goes to `gaps`.
///
/// # Errors
/// If no port can be bound.
pub async fn boot(bundle: &Bundle, gaps: &mut Vec<Gap>) -> Result<(Sources, RunningWorld), ReplayError> {
    // Without objects there are no pods to ask for their logs: the log store has them.
    let mut world = SimulatedWorld::from_bundle(bundle);
    if bundle.objects.is_empty() {
        gaps.extend(logs::fill(world.lines_mut(), bundle));
    }
    let world = world.start().await.map_err(ReplayError::Port)?;
    gaps.extend(world.gaps().iter().cloned());
    gaps.extend(unrecorded(bundle));
    let client = world
        .api()
        .client()
        .map_err(|error| ReplayError::Cluster(Box::new(error)))?;
    let cluster = KubeCluster::with_client(client, Limits::default());
    let mut sources = Sources::new()
        .cluster(Cluster::new(Arc::new(cluster)))
        .recorded(bundle);
    // What the recorder had no source of, the agent beside it would not have had either.
    let told = bundle.manifest.gaps.as_deref();
    let without_metrics = told.is_some_and(|told| told.iter().any(|gap| gap.source == QueryPrometheus::NAME));
    if !without_metrics || !bundle.metrics.is_empty() {
        sources = sources.metrics(metrics_of(world.prometheus())?);
    }
    if told.is_none() || bundle.objects.is_empty() || !bundle.log_lines.is_empty() {
        sources = sources.logs(Arc::new(Loki::new(LokiConfig::at(world.loki().url()))?));
    }
    Ok((sources, world))
}

fn metrics_of(server: &prometheus::Server) -> Result<Arc<Prometheus>, ReplayError> {
    Ok(Arc::new(Prometheus::new(PrometheusConfig {
        max_series: MAX_SERIES,
        ..PrometheusConfig::at(server.url())
    })?))
}

/// What a recording does not hold at all.
fn unrecorded(bundle: &Bundle) -> Vec<Gap> {
    let mut gaps = Vec::new();
    if bundle.objects.is_empty() {
        gaps.push(absent(
            "objects",
            "objects of the cluster",
            "`claw-agent collect`",
        ));
    }
    // What the recorder tells says more.
    if bundle.manifest.gaps.is_some() {
        return gaps;
    }
    if bundle.metrics.is_empty() {
        gaps.push(absent(
            "metrics",
            "metrics",
            "`claw-agent collect --prometheus URL`",
        ));
    }
    if bundle.logs.is_empty() && bundle.log_lines.is_empty() {
        gaps.push(absent("logs", "logs", "`claw-agent collect`"));
    }
    gaps
}

fn absent(source: &str, what: &str, command: &str) -> Gap {
    Gap {
        source: source.to_owned(),
        reason: format!("the recording holds no {what}"),
        remedy: format!("record them with {command} next time"),
    }
}
