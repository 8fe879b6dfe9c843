//! All that an agent writes with, connected.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use claw_core::clock::{Clock, MonotonicClock};
use claw_core::fence::Fence;
use claw_core::store::{Documents, SqliteStore};
use claw_guardrails::engine::{Config, Mode};
use claw_guardrails::pipeline::Pipeline;
use claw_k8s::apply::KubeExecutor;
use claw_k8s::cluster::{Cluster, Connection, KubeCluster, Limits};
use claw_k8s::lease::{Leadership, LeaseError, LeaseSettings};
use claw_k8s::tools::SurveyTarget;
use claw_metrics::source::MetricSource;
use claw_workflows::assemble::{Agent, Assembly, Sources};
use claw_workflows::outside::Router as Executors;
use claw_workflows::writing::api::{self, Permissions};
use claw_workflows::writing::change::Change;
use claw_workflows::writing::settings::Secret;
use claw_workflows::writing::{ChannelNotices, Upkeep};
use tokio_util::sync::CancellationToken;

use super::carriers::Carriers;
use super::logged::Logged;
use super::{Writing, connection};
use crate::connect::{self, Connected};
use crate::failure::Failure;
use crate::files;

/// All that an agent writes with, connected.
pub(crate) struct Parts {
    writing: Writing,
    carriers: Carriers,
    leadership: Option<Arc<Leadership>>,
    /// The cluster, as the account that writes reaches it.
    cluster: Cluster,
    executor: KubeExecutor,
    documents: Arc<dyn Documents>,
    clock: Arc<dyn Clock>,
    /// What this process calls itself.
    identity: String,
}

impl Parts {
    pub(crate) async fn connect(
        writing: Writing,
        connected: &Connected,
        journal: &SqliteStore,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        if let Some(path) = &writing.settings.account.token_file {
            files::secret(path, "token of the account that writes")?;
        }
        let connection = connection(&writing.settings.account, &connected.connection);
        let limits = Limits::default;
        let proxies = connect::proxies;
        let executor = KubeExecutor::connect(connection.clone(), proxies(), limits()).await?;
        let writer = KubeCluster::connect_through(connection.clone(), proxies(), limits()).await?;
        let documents: Arc<dyn Documents> = Arc::new(journal.clone());
        let identity = identity(&*clock);
        let leadership = leadership(&writing, connection.clone(), &identity, &clock).await?;
        Ok(Self {
            carriers: Carriers::connect(&writing, &connection, &documents, &clock).await?,
            writing,
            leadership,
            cluster: Cluster::new(Arc::new(writer)),
            executor,
            documents,
            clock,
            identity,
        })
    }

    /// Adds the tools that propose.
    pub(crate) fn sources(&self, mut sources: Sources, reader: &Cluster) -> Sources {
        for tool in self.writing.tools(reader) {
            sources = sources.tool(tool);
        }
        sources
    }

    /// Lets the agent write, as far as the guardrails let it.
    pub(crate) fn assemble(&self, assembly: Assembly, connected: &Connected) -> Result<Assembly, Failure> {
        let settings = &self.writing.settings;
        let secret = |path: &Path| files::named(&Secret::of(path), "secret");
        let told = |error: claw_workflows::outside::SettingsError| {
            Failure::new("the channels and pipelines cannot be used", "").because(error)
        };
        let (notifier, pipelines) = settings.outside.executors(secret).map_err(told)?;
        let mut executors = Executors::new().cluster(Arc::new(self.executor.clone()));
        if !settings.outside.channels.is_empty() {
            executors = executors.messages(Arc::new(notifier));
        }
        if !settings.outside.pipelines.is_empty() {
            executors = executors.pipelines(Arc::new(pipelines));
        }
        let surveyor = Arc::new(SurveyTarget::new(connected.cluster.clone()));
        let documents = Arc::clone(&self.documents);
        let mut writes = Pipeline::builder(Arc::new(executors), surveyor, documents, self.identity.clone())
            .with_policy(self.writing.policy.clone())
            .with_settings(settings.pipeline.clone())
            .with_board(self.carriers.board.clone())
            .with_notices(Arc::new(Logged));
        let mut channels = Vec::new();
        for name in &settings.notices {
            if let Some(channel) = settings.outside.channel(name, secret).map_err(told)? {
                channels.push((name.clone(), channel));
            }
        }
        if !channels.is_empty() {
            writes = writes.with_notices(Arc::new(ChannelNotices::new(channels, Arc::clone(&self.clock))));
        }
        let mut assembly = assembly
            .guardrails(Config::default().with_mode(settings.mode))
            .workflow(Change::new(connected.name.clone()))
            .writes(writes);
        if let Some(fence) = self.fence() {
            assembly = assembly.fence(fence);
        }
        Ok(assembly)
    }

    /// The routes of people: approvals, actions, circuits.
    pub(crate) fn routes(&self, agent: &Agent) -> Router {
        let mut routes = self.carriers.routes();
        if let (Some(people), Some(tokens)) = (&self.writing.settings.people, &self.writing.tokens) {
            let permissions = Permissions::none()
                .proposing(people.propose.iter().cloned())
                .switching(people.circuits.iter().cloned());
            routes = routes.merge(api::router(agent.clone(), tokens.clone(), permissions));
        }
        routes
    }

    /// What goes on beside the runs. From now on nothing is written before the walls were seen.
    pub(crate) fn upkeep(
        &self,
        agent: &Agent,
        reader: &Cluster,
        metrics: Option<Arc<dyn MetricSource>>,
    ) -> Result<Upkeep, Failure> {
        let settings = &self.writing.settings;
        let mut upkeep = Upkeep::of(agent.clone()).probing(settings.health.clone(), reader.clone(), metrics);
        for inbox in self.carriers.inboxes() {
            upkeep = upkeep.hearing(inbox);
        }
        if let Some(fence) = self.fence() {
            upkeep = upkeep.while_leading(fence);
        }
        // Who writes nothing is held to it by that.
        if settings.mode == Mode::Live {
            let walls = self.writing.walls()?;
            upkeep = upkeep.within(walls, self.cluster.clone(), settings.walls.clone());
        }
        Ok(upkeep)
    }

    /// Holds the lease, where there is one, until `cancel` fires; then gives it back.
    pub(crate) async fn lead(&self, agent: &Agent, cancel: CancellationToken) {
        if let Some(leadership) = &self.leadership {
            leadership.record_as(agent.gate().chore("claw", "the lease", "only one may write"));
            leadership.run(cancel).await;
        }
    }

    fn fence(&self) -> Option<Arc<dyn Fence>> {
        let leadership = self.leadership.as_ref()?;
        Some(Arc::<Leadership>::clone(leadership) as Arc<dyn Fence>)
    }

    /// Where the agent's accounts are, and what stops it.
    pub(crate) fn own_namespace(&self) -> &str {
        &self.writing.policy.own_namespace
    }

    /// How far it goes, in one line.
    pub(crate) fn said(&self) -> String {
        let phase = self.writing.policy.phase;
        match self.writing.settings.mode {
            Mode::Live => {
                let asked: Vec<&str> = self.carriers.board.carriers().map(|by| by.name()).collect();
                let asked = match asked.is_empty() {
                    true => "nobody is asked, so that what takes an approval is not done".to_owned(),
                    false => format!("people are asked by {}", asked.join(", ")),
                };
                format!("the agent writes what its policy lets pass in the phase {phase}; {asked}")
            }
            _ => format!(
                "actions are judged by the policy in the phase {phase} and rehearsed; nothing is written (mode: live writes)"
            ),
        }
    }
}

async fn leadership(
    writing: &Writing,
    connection: Connection,
    identity: &str,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<Leadership>>, Failure> {
    // Who writes nothing need not be alone.
    let Some(lease) = writing
        .settings
        .lease
        .as_ref()
        .filter(|_| writing.settings.mode == Mode::Live)
    else {
        return Ok(None);
    };
    let own = &writing.policy.own_namespace;
    let mut settings = LeaseSettings::new(
        lease.namespace.as_ref().unwrap_or(own),
        &lease.name,
        lease.identity.as_deref().unwrap_or(identity),
    );
    settings.duration = lease.duration;
    settings.every = lease.every;
    settings.margin = lease.margin;
    let leadership = Leadership::connect(
        connection,
        connect::proxies(),
        Limits::default(),
        settings,
        Arc::clone(clock),
        Arc::new(MonotonicClock::start()),
    );
    let leadership = leadership
        .await
        .map_err(|error: LeaseError| Failure::new("the lease cannot be used", "").because(error))?;
    Ok(Some(Arc::new(leadership)))
}

/// A name that no other process has: that of the pod or host, and the moment of the start.
fn identity(clock: &dyn Clock) -> String {
    let host = ["POD_NAME", "HOSTNAME"].into_iter().find_map(|name| {
        let value = connect::variable(name)?.into_string().ok()?;
        (!value.trim().is_empty()).then_some(value)
    });
    let host = host.unwrap_or_else(|| "claw-agent".to_owned());
    format!("{host}_{}_{}", clock.now().as_nanosecond(), std::process::id())
}
