//! `claw-agent demo`: an incident from webhook to report, without a cluster.

mod clock;
mod guardrails;
mod story;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use claw_core::clock::{Clock, SystemClock};
use claw_core::http::{Client, ClientConfig};
use claw_core::report::Report;
use claw_core::store::{DeliveryState, SqliteStore};
use claw_core::tool::ToolContext;
use claw_core::workflow::RunId;
use claw_guardrails::audit::{FileAuditLog, verify_file};
use claw_k8s::bundle::Bundle;
use claw_testkit::replay;
use claw_workflows::assemble::{Agent, Assembly};
use claw_workflows::deliver::Format;
use claw_workflows::deliver::file::FileSink;
use claw_workflows::runtime::Ended;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::args::{DemoArguments, DemoScene, Output};
use crate::failure::{self, Failure};
use crate::print::{self, say};
use crate::progress::Progress;
use crate::{files, serve};
use clock::ShiftedClock;

/// How long the demo waits for the report.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it looks whether the report is there, besides when the run says something.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) async fn run(given: DemoArguments, output: Output) -> Result<u8, Failure> {
    if given.scene == DemoScene::Guardrails {
        if given.bundle.is_some() {
            return Err(Failure::arguments(
                "--bundle is an incident, and `demo guardrails` plays none",
                "leave one of the two out",
            ));
        }
        output.is_text("demo guardrails")?;
        return guardrails::run(&given.directory).await;
    }
    let mut progress = Progress::start("booting the simulated world");
    files::make_folder(&given.directory)?;
    let folder = match given.bundle {
        Some(folder) => folder,
        None => built_in(&given.directory)?,
    };
    let bundle = crate::replay::load(folder.clone()).await?;
    let Some(alert) = bundle.alert.clone() else {
        return Err(Failure::new(
            format!(
                "{} has no alert.json, and the demo begins with an alert",
                folder.display()
            ),
            format!("investigate it with `claw-agent replay {}`", folder.display()),
        ));
    };
    let played = play(&bundle, alert, &given.directory, &mut progress).await?;
    drop(progress);
    print::report(&played.report, output)?;
    say(&format!(
        "\ninvestigated in {:.2} s",
        played.elapsed.as_secs_f64()
    ));
    let sink = FileSink::new(&given.directory).with_formats([Format::Html, Format::Markdown, Format::Json]);
    for path in sink.paths(&played.report) {
        say(&format!("  report     {}", path.display()));
    }
    say(&format!("  recording  {}", folder.display()));
    let log = given.directory.join("audit.jsonl");
    let verification = verify_file(&log)?;
    say(&format!("  audit log  {}", log.display()));
    say(&format!("{verification}"));
    if !verification.is_intact() {
        return Ok(failure::CHECK);
    }
    say(&format!(
        "\nNext:\n  claw-agent audit show {} {}\n  claw-agent replay {}",
        played.report.case,
        log.display(),
        folder.display()
    ));
    Ok(0)
}

/// Writes the built-in incident, so that it can be looked at and replayed.
fn built_in(directory: &Path) -> Result<PathBuf, Failure> {
    let folder = directory.join("recording");
    story::write(&folder).map_err(|error| {
        Failure::new(
            format!("{} cannot be written", folder.display()),
            "choose another folder with --directory",
        )
        .because(error)
    })?;
    Ok(folder)
}

struct Played {
    report: Report,
    /// From the webhook until the report was delivered.
    elapsed: Duration,
}

/// Serves as `claw-agent serve` does, sends the alert, and waits for the report.
async fn play(
    bundle: &Bundle,
    alert: Value,
    directory: &Path,
    progress: &mut Progress,
) -> Result<Played, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(ShiftedClock::at(bundle.manifest.collected_at));
    let mut gaps = Vec::new();
    // The world lives as long as this is kept.
    let (sources, _world) = replay::boot(bundle, &mut gaps).await?;
    let audit = Arc::new(FileAuditLog::open(directory.join("audit.jsonl"), Arc::clone(&clock)).await?);
    let journal = fresh_journal(directory).await?;
    let agent = Assembly::new(
        bundle.manifest.cluster.clone(),
        sources,
        Arc::<FileAuditLog>::clone(&audit),
        clock,
    )
    .journal(Arc::new(journal.clone()))
    .sink(Arc::new(FileSink::new(directory)))
    .build()?;
    progress.watch(agent.runner());
    let bound = match TcpListener::bind(("127.0.0.1", 0)).await {
        Ok(listener) => listener.local_addr().map(|address| (listener, address)),
        Err(error) => Err(error),
    };
    let (listener, address) = bound.map_err(|error| {
        Failure::new(
            "no port on the loopback interface can be used",
            "free one, or lift what forbids it",
        )
        .because(error)
    })?;
    let stop = CancellationToken::new();
    let story = async {
        let began = SystemClock.now();
        let ended = tell(&agent, &format!("http://{address}"), &alert).await;
        stop.cancel();
        (ended, SystemClock.now().duration_since(began))
    };
    let (served, (ended, elapsed)) = tokio::join!(
        serve::serve(
            &agent,
            agent.intake(),
            listener,
            None,
            Router::new(),
            stop.clone()
        ),
        story
    );
    journal.close().await;
    audit.close().await?;
    served?;
    let report = ended?.report.ok_or_else(|| {
        Failure::new(
            "the run ended without a report",
            "see the audit log for its reason",
        )
    })?;
    Ok(Played {
        report,
        elapsed: Duration::try_from(elapsed).unwrap_or_default(),
    })
}

/// The journal of this demo. The one of a demo before would take the alert for one that is known.
async fn fresh_journal(directory: &Path) -> Result<SqliteStore, Failure> {
    let path = directory.join("journal.sqlite");
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.clone().into_os_string();
        name.push(suffix);
        match std::fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::new(
                    format!("{} cannot be removed", path.display()),
                    "remove it yourself, or choose another folder with --directory",
                )
                .because(error));
            }
            _ => {}
        }
    }
    Ok(SqliteStore::open(path).await?)
}

/// The part of the webhook's answer that matters.
#[derive(Deserialize)]
struct Receipt {
    runs: Vec<RunId>,
}

/// Sends the alert as Alertmanager does, and waits until the report has been delivered.
async fn tell(agent: &Agent, url: &str, alert: &Value) -> Result<Ended, Failure> {
    let cx = ToolContext::new(Arc::new(SystemClock), PATIENCE);
    let client = Client::new(ClientConfig::at(url))?;
    let answer = client.post("webhook/alertmanager").json(alert).send(&cx).await?;
    let receipt: Receipt = answer.json()?;
    let [run] = receipt.runs.as_slice() else {
        return Err(Failure::new(
            "the alert opened no run",
            "use a bundle whose alert.json has a firing alert",
        ));
    };
    let mut events = agent.runner().watch();
    while !cx.remaining().is_zero() {
        if let Some(ended) = agent.runner().look(run).await?
            && ended.run.status.is_ended()
            && ended.deliveries.iter().all(|delivery| is_over(delivery.state))
        {
            return Ok(ended);
        }
        // Whatever comes first: a sign of life, or some time.
        let _ = tokio::time::timeout(LOOK, events.recv()).await;
    }
    Err(Failure::new(
        format!("there was no report within {PATIENCE:?}"),
        "run it again with -vv to see what is slow",
    ))
}

fn is_over(state: DeliveryState) -> bool {
    !matches!(
        state,
        DeliveryState::Pending | DeliveryState::Attempting | DeliveryState::InDoubt
    )
}
