//! `claw-agent collect`: what an investigation would look at, as a bundle.
//!
//! Everything is read through the gate, as in an investigation: judged, audited and redacted.

mod beside;
mod kinds;
mod list_objects;
mod log_store;
mod logs;
mod metrics;
mod told;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::{Clock, SystemClock};
use claw_core::gate::Scope;
use claw_core::registry::Registry;
use claw_core::report::Gap;
use claw_core::tool::{ErasedTool, Tool as _, ToolContext};
use claw_core::workflow::{Progress as Watchers, StepContext};
use claw_guardrails::audit::FileAuditLog;
use claw_guardrails::engine::{Budgets, Config};
use claw_k8s::bundle::{BundleWriter, Incident, Manifest, VERSION};
use claw_k8s::cluster::{Cluster, Discovery};
use claw_metrics::tools::QueryPrometheus;
use claw_workflows::assemble::{Agent, Assembly};
use claw_workflows::trigger::Incident as Question;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::args::{CollectArguments, CollectSubject, SourceArguments};
use crate::failure::{self, Failure};
use crate::look::ApiGroups;
use crate::print::say;
use crate::progress::Progress;
use crate::{audit, connect, files, incident, investigate, look, subject};
use list_objects::ListObjects;
use metrics::Which;

/// Calls of one recording: a list for each kind and namespace, and a log for each container.
const CALLS: u32 = 5_000;
/// How long trouble is taken to last where nobody says when it began.
const RECENT: SignedDuration = SignedDuration::from_mins(30);

/// What the cluster serves. A cluster that cannot be reached at all says so here.
async fn discover(
    agent: &Agent,
    cluster: &Cluster,
    run: &str,
    cx: &ToolContext,
) -> Result<Arc<Discovery>, Failure> {
    investigate::reachable(agent, cluster.clone(), run).await?;
    let why = "to record the kinds that the cluster serves, and no others";
    look::look(agent, ApiGroups(cluster.clone()), run, cx.cancel.clone(), why).await?;
    // Kept from the look just made.
    Ok(cluster.discovery(cx).await?)
}

pub(crate) async fn run(given: CollectArguments) -> Result<u8, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    refuse_full(&given.directory)?;
    let progress = Progress::start("connecting");
    let connected = connect::cluster(&given.cluster, None).await?;
    let now = clock.now();
    let subject = Subject::of(&given.subject, now)?;
    files::make_folder_of(&given.run.audit)?;
    let audit = audit::open(&given.run.audit, &given.run.audit_log, Arc::clone(&clock)).await?;
    let cx = ToolContext::new(Arc::clone(&clock), Duration::from_secs(given.run.timeout));
    let sources = connect::sources(&given.sources, connected.cluster.clone())?
        .tool(Arc::new(ListObjects::new(connected.cluster.clone())) as Arc<dyn ErasedTool>);
    let budgets = Budgets::default().with_calls(CALLS).with_calls_per_tool(CALLS);
    let agent = Assembly::new(
        connected.name.clone(),
        sources,
        Arc::<FileAuditLog>::clone(&audit),
        Arc::clone(&clock),
    )
    .guardrails(Config::default().with_budgets(budgets))
    .build()?;
    let discovery = match discover(&agent, &connected.cluster, &subject.run, &cx).await {
        Ok(discovery) => discovery,
        Err(failure) => {
            audit.close().await?;
            return Err(failure);
        }
    };

    let manifest = subject.manifest(&given.directory, connected.name, now);
    let step = StepContext::new(
        agent.gate().clone(),
        agent.tools().clone(),
        Scope {
            run: subject.run.clone(),
            step: Some("collect".to_owned()),
            actor: "claw-agent".to_owned(),
            deadline: cx.deadline,
            cancel: CancellationToken::new(),
        },
        Watchers::none(),
    );
    let mut recording = Recording {
        writer: BundleWriter::new(manifest.clone()),
        gaps: BTreeSet::new(),
    };
    if let Some(alert) = subject.alert {
        recording.writer.alert(alert);
    }
    let asked = &subject.namespaces;
    progress.say("recording metrics");
    let mut series = metrics::Recorded::default();
    metrics::record(&step, Which::With(asked), &manifest, &mut recording, &mut series).await?;
    progress.say("recording objects");
    let mut objects = kinds::Recorded::default();
    kinds::record(&step, &discovery, asked, &mut recording, &mut objects).await?;
    kinds::usage(&step, &mut recording).await?;
    let mut beside = BTreeSet::new();
    if !asked.is_empty() {
        progress.say("recording namespaces that are called into");
        let peers = std::mem::take(&mut series.peers);
        beside = beside::namespaces(&step, asked, peers, &mut recording).await?;
    }
    if !beside.is_empty() {
        kinds::record(&step, &discovery, &beside, &mut recording, &mut objects).await?;
        metrics::record(
            &step,
            Which::Only(&beside),
            &manifest,
            &mut recording,
            &mut series,
        )
        .await?;
    }
    told::record(&step, &manifest, &mut recording).await?;
    progress.say("recording logs");
    let logs = logs::record(&step, &objects.pods, manifest.window.start, &mut recording).await?;
    let mut logged: BTreeSet<String> = asked.union(&beside).cloned().collect();
    if asked.is_empty() {
        let pods = objects.pods.iter();
        logged = pods.filter_map(|pod| pod.metadata.namespace.clone()).collect();
    }
    let lines = log_store::record(&step, &logged, &manifest, &mut recording).await?;
    let Recording { mut writer, gaps } = recording;
    writer.manifest_mut().kinds = Some(objects.kinds());
    let absent = absent(agent.tools());
    writer.manifest_mut().gaps = Some(gaps.iter().cloned().chain(absent).collect());
    let directory = given.directory.clone();
    let written = tokio::task::spawn_blocking(move || writer.write(directory)).await;
    audit.close().await?;
    written
        .map_err(|error| Failure::new("the bundle could not be written", "report this").because(error))??;
    drop(progress);
    say(&format!(
        "{}: {} objects, {logs} logs, {} series of {}",
        given.directory.display(),
        objects.count,
        series.count,
        manifest.cluster
    ));
    if lines > 0 {
        say(&format!("{lines} lines of the log store"));
    }
    for gap in &gaps {
        say(&format!("not recorded: {}: {}", gap.source, gap.reason));
    }
    tell_absent(&given.sources);
    Ok(if has_failed(&gaps, agent.tools()) {
        failure::GAPS
    } else {
        0
    })
}

/// What is written, and what could not be read.
#[derive(Debug)]
struct Recording {
    writer: BundleWriter,
    /// What could not be read.
    gaps: BTreeSet<Gap>,
}

impl Recording {
    fn missed(&mut self, source: &str, reason: impl Into<String>, remedy: &str) {
        self.gaps.insert(Gap {
            source: source.to_owned(),
            reason: reason.into(),
            remedy: remedy.to_owned(),
        });
    }
}

/// What there was no source of. An investigation without it says so in its own words, also in a replay.
fn absent(tools: &Registry) -> Option<Gap> {
    tools.get(QueryPrometheus::NAME).is_none().then(|| Gap {
        source: QueryPrometheus::NAME.to_owned(),
        reason: "no metrics were recorded: there was no source of metrics".to_owned(),
        remedy: "record them with `claw-agent collect --prometheus URL` next time".to_owned(),
    })
}

/// What is recorded, for which incident.
#[derive(Debug)]
struct Subject {
    run: String,
    namespaces: BTreeSet<String>,
    /// `None` where nobody told.
    began: Option<Timestamp>,
    lookback: SignedDuration,
    alert: Option<serde_json::Value>,
}

impl Subject {
    fn of(given: &CollectSubject, now: Timestamp) -> Result<Self, Failure> {
        let mut namespaces = BTreeSet::new();
        for name in &given.namespaces {
            namespaces.insert(subject::namespace(name)?.to_owned());
        }
        let (mut began, mut alert) = (None, None);
        if let Some(path) = &given.alert {
            let (_, alerts, body) = incident::alerts(path)?;
            began = alerts.iter().map(|alert| alert.starts_at).min();
            alert = Some(body);
        }
        if let Some(since) = given.since {
            incident::check_since(since, now)?;
            began = Some(since);
        }
        let question = Question::of_question("record", Default::default(), now);
        Ok(Self {
            run: question.id.0.replacen("ask-", "rec-", 1),
            namespaces,
            began: began.map(|began| began.min(now)),
            lookback: SignedDuration::from_mins(i64::from(given.lookback)),
            alert,
        })
    }

    fn manifest(&self, folder: &Path, cluster: String, now: Timestamp) -> Manifest {
        let case = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        Manifest {
            version: VERSION,
            case: case.unwrap_or_else(|| self.run.clone()),
            cluster,
            collected_at: now,
            window: incident::window(
                self.began
                    .unwrap_or_else(|| now.checked_sub(RECENT).unwrap_or(now)),
                now,
                self.lookback,
            ),
            incident: self.began.map(|start| Incident { start, end: None }),
            baseline: None,
            question: None,
            namespaces: self.namespaces.clone(),
            kinds: None,
            gaps: None,
        }
    }
}

/// Before anything is read: a recording is not to fail at its end.
fn refuse_full(folder: &Path) -> Result<(), Failure> {
    let full = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => {
            return Err(Failure::new(
                format!("{} cannot be written to", folder.display()),
                "choose a folder that does not exist",
            )
            .because(error));
        }
    };
    if full {
        return Err(Failure::new(
            format!("{} exists already and is not empty", folder.display()),
            "choose another folder",
        ));
    }
    Ok(())
}

fn tell_absent(sources: &SourceArguments) {
    if sources.prometheus.is_none() {
        say("metrics are not recorded; give --prometheus URL to record them");
    }
}

/// Whether something failed that the agent has a tool for.
fn has_failed(gaps: &BTreeSet<Gap>, tools: &Registry) -> bool {
    gaps.iter().any(|gap| tools.get(&gap.source).is_some())
}
