//! `claw-agent investigate`: one question about a live cluster.

use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::{Clock, SystemClock};
use claw_guardrails::audit::FileAuditLog;
use claw_k8s::cluster::Cluster;
use claw_workflows::assemble::{Agent, Assembly};
use claw_workflows::runtime::Settings;
use tokio_util::sync::CancellationToken;

use crate::args::{InvestigateArguments, Output};
use crate::failure::Failure;
use crate::look::{self, ServerVersion};
use crate::progress::Progress;
use crate::{connect, files, incident, print};

pub(crate) async fn run(given: InvestigateArguments, output: Output) -> Result<u8, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut progress = Progress::start("connecting");
    let connected = connect::cluster(&given.cluster, None).await?;
    let incident = incident::incident(&given.subject, &connected.namespace, clock.now())?;
    let sources = connect::sources(&given.sources, connected.cluster.clone())?;
    files::make_folder_of(&given.run.audit)?;
    let audit = Arc::new(FileAuditLog::open(&given.run.audit, Arc::clone(&clock)).await?);
    let agent = Assembly::new(connected.name, sources, Arc::<FileAuditLog>::clone(&audit), clock)
        .settings(Settings::default().with_run_timeout(Duration::from_secs(given.run.timeout)))
        .build()?;
    if let Err(failure) = reachable(&agent, connected.cluster, &incident.id.0).await {
        audit.close().await?;
        return Err(failure);
    }
    progress.watch(agent.runner());
    let ended = agent.investigate(&incident).await;
    drop(progress);
    audit.close().await?;
    let Some(report) = ended?.report else {
        return Err(Failure::new(
            "the run ended without a report",
            "see the audit log for its reason",
        ));
    };
    print::report(&report, output)?;
    Ok(print::code(&report, agent.tools()))
}

/// Looks at the server: a cluster that cannot be reached at all is worth a line, not a report.
pub(crate) async fn reachable(agent: &Agent, cluster: Cluster, run: &str) -> Result<(), Failure> {
    let why = "to see whether the cluster can be reached at all";
    let seen = look::look(agent, ServerVersion(cluster), run, CancellationToken::new(), why).await?;
    match seen.unreachable {
        None => Ok(()),
        // The line says what to do.
        Some(line) => Err(Failure::new(line, "")),
    }
}
