//! `claw-agent investigate`: one question about a live cluster.

use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::{Clock, SystemClock};
use claw_guardrails::audit::FileAuditLog;
use claw_k8s::cluster::Cluster;
use claw_workflows::assemble::{Agent, Assembly};
use claw_workflows::runtime::{Ended, RunnerError, Settings};
use claw_workflows::trigger::Incident;
use tokio_util::sync::CancellationToken;

use crate::args::{InvestigateArguments, Output};
use crate::failure::Failure;
use crate::look::{self, ServerVersion};
use crate::progress::Progress;
use crate::{audit, connect, files, incident, print, runbooks, signals};

pub(crate) async fn run(given: InvestigateArguments, output: Output) -> Result<u8, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let runbooks = runbooks::read(&given.runbooks).await?;
    let mut progress = Progress::start("connecting");
    let connected = connect::cluster(&given.cluster, None).await?;
    let incident = incident::incident(&given.subject, &connected.namespace, clock.now())?;
    let sources = connect::sources(&given.sources, connected.cluster.clone())?;
    files::make_folder_of(&given.run.audit)?;
    let audit = audit::open(&given.run.audit, &given.run.audit_log, Arc::clone(&clock)).await?;
    let agent = Assembly::new(connected.name, sources, Arc::<FileAuditLog>::clone(&audit), clock)
        .runbooks(runbooks)
        .settings(Settings::default().with_run_timeout(Duration::from_secs(given.run.timeout)))
        .build()?;
    let broken_off = CancellationToken::new();
    signals::end(
        broken_off.clone(),
        "the investigation is broken off; once more stops at once",
    )?;
    let seen = reachable_until(&agent, connected.cluster, &incident.id.0, broken_off.clone()).await;
    if let Err(failure) = seen {
        audit.close().await?;
        return Err(if broken_off.is_cancelled() {
            interrupted()
        } else {
            failure
        });
    }
    progress.watch(agent.runner());
    let ended = investigated(&agent, &incident, &broken_off).await;
    drop(progress);
    audit.close().await?;
    let ended = ended?;
    if broken_off.is_cancelled() && ended.report.is_none() {
        return Err(interrupted());
    }
    let Some(report) = ended.report else {
        return Err(Failure::new(
            "the run ended without a report",
            "see the audit log for its reason",
        ));
    };
    print::report(&report, output)?;
    Ok(print::code(&report, agent.tools()))
}

/// Investigates until the end, or until `broken_off` fires: then the run is cancelled, which is recorded, and ends in order.
async fn investigated(
    agent: &Agent,
    incident: &Incident,
    broken_off: &CancellationToken,
) -> Result<Ended, RunnerError> {
    let mut investigation = std::pin::pin!(agent.investigate(incident));
    tokio::select! {
        biased;
        // First, so that there is a run to cancel.
        ended = &mut investigation => return ended,
        () = broken_off.cancelled() => {}
    }
    // Both at once, so that the calls that are given up are recorded before the log is closed.
    let cancelled = agent
        .runner()
        .cancel(&incident.id, "a person broke it off by a signal");
    let (_, ended) = tokio::try_join!(cancelled, investigation)?;
    Ok(ended)
}

fn interrupted() -> Failure {
    Failure::interrupted(
        "the investigation was broken off by a signal",
        "run it again for a report",
    )
}

/// Looks at the server: a cluster that cannot be reached at all is worth a line, not a report.
pub(crate) async fn reachable(agent: &Agent, cluster: Cluster, run: &str) -> Result<(), Failure> {
    reachable_until(agent, cluster, run, CancellationToken::new()).await
}

async fn reachable_until(
    agent: &Agent,
    cluster: Cluster,
    run: &str,
    cancel: CancellationToken,
) -> Result<(), Failure> {
    let why = "to see whether the cluster can be reached at all";
    let seen = look::look(agent, ServerVersion(cluster), run, cancel, why).await?;
    match seen.unreachable {
        None => Ok(()),
        // The line says what to do.
        Some(line) => Err(Failure::new(line, "")),
    }
}
