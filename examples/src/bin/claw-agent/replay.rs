//! `claw-agent replay`: a recorded incident.

use std::sync::Arc;

use claw_guardrails::audit::MemoryAuditLog;
use claw_k8s::bundle::Bundle;
use claw_testkit::replay::Replay;
use claw_workflows::deliver::json;

use crate::args::{Output, ReplayArguments};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::{print, runbooks};

pub(crate) async fn run(given: ReplayArguments, output: Output) -> Result<u8, Failure> {
    let mut progress = Progress::start("reading the recording");
    let bundle = load(given.directory).await?;
    let runbooks = runbooks::read(&given.runbooks).await?;
    let replay = Replay::with(&bundle, Arc::new(MemoryAuditLog::default()), |assembly| {
        assembly.runbooks(runbooks)
    })
    .await?;
    progress.watch(replay.agent().runner());
    let report = replay.run().await?;
    drop(progress);
    if output == Output::Json && !given.full {
        print::out(&json::Replay::new(&report).to_json())?;
    } else {
        print::report(&report, output)?;
    }
    // What a recording lacks and what it does not tell is in the report; the replay did what was asked.
    Ok(0)
}

/// Reads a folder where blocking is allowed.
pub(crate) async fn load(folder: std::path::PathBuf) -> Result<Bundle, Failure> {
    let loaded = tokio::task::spawn_blocking(move || Bundle::load(folder)).await;
    loaded
        .map_err(|error| Failure::new("the recording could not be read", "report this").because(error))?
        .map_err(Failure::from)
}
