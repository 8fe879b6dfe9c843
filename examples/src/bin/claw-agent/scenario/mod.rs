//! `claw-agent scenario`: recordings as tests.

mod check;
mod new;

use claw_core::report::Report;
use claw_k8s::bundle::Bundle;
use claw_testkit::replay::Replay;

use crate::args::{Output, ScenarioCommand};
use crate::failure::Failure;

pub(crate) async fn run(command: ScenarioCommand, output: Output) -> Result<u8, Failure> {
    match command {
        ScenarioCommand::New(given) => new::run(given, output).await,
        ScenarioCommand::Check(given) => check::run(given, output).await,
    }
}

async fn replayed(bundle: &Bundle) -> Result<Report, Failure> {
    Ok(Replay::of(bundle).await?.run().await?)
}

/// The answer of a report in one line.
fn answer(report: &Report) -> String {
    let verdict = serde_json::json!(report.verdict);
    let verdict = verdict.as_str().unwrap_or_default();
    match report.hypotheses.first() {
        Some(first) if !matches!(verdict, "healthy" | "unknown") => format!(
            "{verdict}: {} of {} ({:.0} %)",
            first.mechanism,
            first.entity,
            first.confidence * 100.0
        ),
        _ => verdict.to_owned(),
    }
}

/// Does what reads files where blocking is allowed.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Failure::new("the files could not be read", "report this").because(error))
}
