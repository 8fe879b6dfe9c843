//! `claw-agent serve`: webhooks in, reports out; and with settings for writing, actions in, effects out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use claw_core::clock::{Clock, SystemClock};
use claw_core::definition::Definition;
use claw_core::http::{Client, ClientConfig};
use claw_core::report::Report;
use claw_core::stop::StopSource;
use claw_core::store::SqliteStore;
use claw_core::tool::ToolContext;
use claw_core::workflow::Workflow as _;
use claw_guardrails::audit::FileAuditLog;
use claw_guardrails::stop::{StopFile, Switch, Watch, WatchSettings};
use claw_k8s::access::{Loss, Preflight};
use claw_k8s::cluster::Cluster;
use claw_k8s::stop::StopConfigMap;
use claw_workflows::assemble::{Agent, Assembly};
use claw_workflows::deliver::file::FileSink;
use claw_workflows::deliver::sink::{DeliverError, Sink};
use claw_workflows::deliver::slack::{IncomingWebhook, PostMessage};
use claw_workflows::deliver::webhook::GenericWebhook;
use claw_workflows::incident::IncidentInvestigation;
use claw_workflows::runtime::{Retry, Settings};
use claw_workflows::trigger::Intake;
use claw_workflows::trigger::server::{self, ServerSettings, ServerState};
use claw_workflows::writing::change::Change;
use claw_workflows::writing::settings::StopPlaces;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::args::ServeArguments;
use crate::failure::Failure;
use crate::look::{self, OwnRights};
use crate::print::say;
use crate::writing::{Parts, Writing};
use crate::{audit, check, connect, files, runbooks, signals};

pub(crate) async fn run(given: ServeArguments) -> Result<u8, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let definition = check::load(&given.definition)?;
    outputs_exist(&definition, &given)?;
    let runbooks = runbooks::read(&given.runbooks).await?;
    let token = given
        .webhook_token_file
        .as_deref()
        .map(|path| files::secret(path, "token for callers"))
        .transpose()?;
    let admin = given
        .admin_token_file
        .as_deref()
        .map(|path| files::secret(path, "token for the emergency stop"))
        .transpose()?;
    let own: Vec<&SecretString> = token.iter().chain(&admin).collect();
    let writing = given.writing.as_deref();
    let writing = writing.map(|path| Writing::load(path, &own)).transpose()?;
    let places = stop_places(&given, writing.as_ref())?;
    let connected = connect::cluster(&given.cluster, definition.token_path()).await?;
    let mut sources = connect::sources(&given.sources, connected.cluster.clone())?;
    files::make_folder(&given.data)?;
    let path = given.data.join("audit.jsonl");
    let audit = audit::open(&path, &given.audit_log, Arc::clone(&clock)).await?;
    let journal = SqliteStore::open(given.data.join("journal.sqlite")).await?;
    let parts = match writing {
        Some(writing) => Some(Parts::connect(writing, &connected, &journal, Arc::clone(&clock)).await?),
        None => None,
    };
    if let Some(parts) = &parts {
        sources = parts.sources(sources, &connected.cluster);
    }
    let mut settings = Settings::default()
        .with_run_timeout(Duration::from_secs(given.timeout))
        .with_concurrent_runs(usize::from(given.concurrency));
    // Long enough for another process's lease to end.
    settings.step_retry = Retry::new(8, Duration::from_secs(1), Duration::from_secs(10));
    let mut assembly = Assembly::new(
        connected.name.clone(),
        sources,
        Arc::<FileAuditLog>::clone(&audit),
        Arc::clone(&clock),
    )
    .journal(Arc::new(journal.clone()))
    .definition(definition)
    .runbooks(runbooks)
    .settings(settings)
    .sink(Arc::new(FileSink::new(given.data.join("reports"))));
    if let Some(parts) = &parts {
        assembly = parts.assemble(assembly, &connected)?;
    }
    let agent = deliver_to(assembly, &given)?.build()?;

    let stop = CancellationToken::new();
    let switch = Switch::new(
        agent.engine().stop().clone(),
        &given.data,
        Arc::<FileAuditLog>::clone(&audit),
        Arc::clone(&clock),
    );
    // Where the agent's accounts are: a policy says so, and else the pod or the kubeconfig.
    let own = parts.as_ref().map_or(&*connected.namespace, Parts::own_namespace);
    let sources = stop_sources(places, &given, &connected.cluster, own);
    let mut watch = Watch::new(switch.clone(), sources, clock, WatchSettings::default());
    watch = watch.recorded_as(
        agent
            .gate()
            .chore("claw", "the emergency stop", "people may ask for it"),
    );
    signals::end(stop.clone(), "what has begun may end; once more stops at once")?;
    signals::engage(switch.clone())?;
    // Before anything is done: an earlier process may have been stopped.
    watch.look(&stop).await;
    let mut more = admin.map_or_else(Router::new, |token| server::stop_router(switch, &token));
    let mut upkeep = None;
    if let Some(parts) = &parts {
        more = more.merge(parts.routes(&agent));
        let metrics = connect::metrics(&given.sources)?;
        upkeep = Some(parts.upkeep(&agent, &connected.cluster, metrics)?);
    }
    let listener = TcpListener::bind(given.listen).await.map_err(|error| {
        Failure::new(
            format!("{} cannot be listened on", given.listen),
            "stop what uses the port, or choose another with --listen",
        )
        .because(error)
    })?;
    let address = listener.local_addr().unwrap_or(given.listen);
    say(&format!(
        "claw-agent listens on http://{address} for incidents in {}; reports go to {}",
        connected.name,
        given.data.join("reports").display()
    ));
    if let Some(parts) = &parts {
        say(&parts.said());
    }
    if let Some(reason) = agent.engine().stop().reason() {
        say(&format!(
            "the emergency stop is engaged, nothing is read or written: {reason}; `claw-agent stop release` lets the agent go on"
        ));
    }
    if token.is_none() && !address.ip().is_loopback() {
        say("anybody who reaches this address may call; give --webhook-token-file to prevent that");
    }
    let mut intake = agent.intake();
    if !given.no_grouping {
        intake = intake.with_grouping(agent.grouping());
    }
    let ended = CancellationToken::new();
    let work = async {
        let (served, (), (), ()) = tokio::join!(
            serve(&agent, intake, listener, token, more, stop.clone()),
            warn_of_losses(&agent, connected.cluster, stop.clone()),
            watch.run(stop.clone()),
            async {
                if let Some(upkeep) = upkeep {
                    upkeep.run(stop.clone()).await;
                }
            },
        );
        // Only now may another replica begin.
        ended.cancel();
        served
    };
    let leading = async {
        if let Some(parts) = &parts {
            parts.lead(&agent, ended.clone()).await;
        }
    };
    let (served, ()) = tokio::join!(work, leading);
    // Closed in order whatever happened, so that the next start finds nothing half done.
    if let Some(pipeline) = agent.pipeline()
        && let Err(error) = pipeline.record_requests().await
    {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "the last looks for votes are not recorded");
    }
    journal.close().await;
    audit.close().await?;
    served?;
    say("claw-agent stopped in order; unfinished runs go on at the next start");
    Ok(0)
}

/// The places from which people stop the agent, each named once: by an argument, or by the settings for writing.
fn stop_places(given: &ServeArguments, writing: Option<&Writing>) -> Result<StopPlaces, Failure> {
    let mut places = writing.map_or_else(StopPlaces::default, |writing| writing.settings.stop.clone());
    let twice = |flag: &str, key: &str| {
        Failure::arguments(
            format!("{flag} is given, and the settings for writing have stop.{key}"),
            "say it in one place, so that people know where to stop the agent",
        )
    };
    if let Some(file) = &given.stop_file {
        if places.file.is_some() {
            return Err(twice("--stop-file", "file"));
        }
        places.file = Some(file.clone());
    }
    if let Some(name) = &given.stop_config_map {
        if places.config_map.is_some() {
            return Err(twice("--stop-config-map", "config_map"));
        }
        places.config_map = Some(name.clone());
    }
    Ok(places)
}

fn stop_sources(
    places: StopPlaces,
    given: &ServeArguments,
    cluster: &Cluster,
    namespace: &str,
) -> Vec<Arc<dyn StopSource>> {
    let file = places.file.unwrap_or_else(|| given.data.join("STOP"));
    let mut sources: Vec<Arc<dyn StopSource>> = vec![Arc::new(StopFile::new(file))];
    if let Some(name) = &places.config_map {
        sources.push(Arc::new(StopConfigMap::new(cluster.clone(), namespace, name)));
    }
    sources
}

/// Says, once, which tools lack rights in the whole cluster. Nothing depends on it: runs name what they could not see.
async fn warn_of_losses(agent: &Agent, cluster: Cluster, stop: CancellationToken) {
    let needs = agent.tools().specs().into_iter();
    let tool = OwnRights {
        cluster,
        needs: needs.map(|spec| (spec.name, spec.access)).collect(),
    };
    let why = "to warn at the start of what runs will not see";
    let result = match look::look(agent, tool, "preflight", stop.clone(), why).await {
        Ok(result) => result,
        Err(_) if stop.is_cancelled() => return,
        Err(failure) => {
            say(&format!("warning: the agent's rights are not known: {failure}"));
            return;
        }
    };
    agent.gate().end_run("preflight");
    for warning in warnings(&result) {
        say(&format!("warning: {warning}"));
    }
}

/// One line for each tool that loses something, and one for what could not be asked.
fn warnings(result: &Preflight) -> Vec<String> {
    let mut by_tool: BTreeMap<&str, Vec<&Loss>> = BTreeMap::new();
    for loss in &result.losses {
        by_tool.entry(&loss.tool).or_default().push(loss);
    }
    let mut lines: Vec<String> = by_tool
        .values()
        .filter_map(|losses| {
            // What a tool cannot do without goes first.
            let worst = losses.iter().min_by_key(|loss| loss.need)?;
            Some(match losses.len().saturating_sub(1) {
                0 => worst.meaning.clone(),
                more => format!("{}; {more} more of its rights are missing", worst.meaning),
            })
        })
        .collect();
    if let Some(gap) = result.gaps.first() {
        let more = result.gaps.len();
        lines.push(format!(
            "{more} rights are not known: {}: {}",
            gap.source, gap.reason
        ));
    }
    if !lines.is_empty() {
        lines.push(
            "`claw-agent access --check` says more, and `claw-agent access` prints what to apply".to_owned(),
        );
    }
    lines
}

/// Answers requests, those of `more` as well, hands notifications to `intake`, and works off runs until `stop` fires; runs that an earlier process left unfinished come first.
pub(crate) async fn serve(
    agent: &Agent,
    intake: Intake,
    listener: TcpListener,
    token: Option<SecretString>,
    more: Router,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let settings = ServerSettings::default();
    let state = ServerState::new(intake, settings, token, Arc::clone(agent.clock()));
    let runs = async {
        let worked = agent.runner().serve(stop.clone()).await;
        // Without a journal nothing can be taken in either.
        stop.cancel();
        worked
    };
    let requests = async {
        let answered = server::serve(
            listener,
            server::router(state).merge(more),
            settings,
            stop.clone(),
        )
        .await;
        stop.cancel();
        answered
    };
    let (worked, answered) = tokio::join!(runs, requests);
    worked?;
    answered.map_err(|error| {
        Failure::new("requests cannot be answered any more", "start the agent again").because(error)
    })
}

/// Adds the sinks that the arguments name.
fn deliver_to(mut assembly: Assembly, given: &ServeArguments) -> Result<Assembly, Failure> {
    if let Some(path) = &given.slack_webhook_file {
        let url = files::secret(path, "Slack webhook URL")?;
        assembly = assembly.sink(Arc::new(Incidents(IncomingWebhook::new(client()?, url))));
    }
    if let (Some(path), Some(channel)) = (&given.slack_token_file, &given.slack_channel) {
        let token = files::secret(path, "Slack token")?;
        assembly = assembly.sink(Arc::new(Incidents(PostMessage::new(client()?, token, channel))));
    }
    if let Some(url) = &given.report_webhook {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Failure::arguments(
                "--report-webhook is not a URL",
                "give one that begins with https:// or http://",
            ));
        }
        let url = SecretString::from(url.clone());
        assembly = assembly.sink(Arc::new(GenericWebhook::new("report_webhook", client()?, url)));
    }
    Ok(assembly)
}

/// A channel for reports on incidents. Of changes people are told by notices, in the channels that they chose for that.
struct Incidents<S>(S);

#[async_trait]
impl<S: Sink> Sink for Incidents<S> {
    fn name(&self) -> &str {
        self.0.name()
    }

    async fn deliver(&self, cx: &ToolContext, report: &Report, key: &str) -> Result<(), DeliverError> {
        match report.workflow == Change::NAME {
            true => Ok(()),
            false => self.0.deliver(cx, report, key).await,
        }
    }
}

fn client() -> Result<Client, Failure> {
    Ok(Client::new(ClientConfig::default())?)
}

/// A definition that delivers to Slack needs a way to Slack.
fn outputs_exist(definition: &Definition, given: &ServeArguments) -> Result<(), Failure> {
    let wants_slack = definition
        .workflows
        .get(IncidentInvestigation::NAME)
        .is_some_and(|workflow| workflow.steps.iter().any(|step| step.output.is_some()));
    let has_slack = given.slack_webhook_file.is_some() || given.slack_token_file.is_some();
    if wants_slack && !has_slack {
        return Err(Failure::arguments(
            "the definition delivers to slack_channel, and no way to Slack is given",
            "give --slack-webhook-file, or --slack-token-file with --slack-channel, or take `output` out",
        ));
    }
    Ok(())
}
