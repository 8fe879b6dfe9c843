//! What the process does when it gets a signal.

use claw_guardrails::stop::Switch;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::print::say;

/// Fires `end` at SIGTERM or ctrl-c; at a second one the process ends at once. `meaning` is what is said of the first.
pub(crate) fn end(end: CancellationToken, meaning: &'static str) -> Result<(), Failure> {
    #[cfg(unix)]
    let mut terminate = unix(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let mut interrupt = unix(tokio::signal::unix::SignalKind::interrupt())?;
    tokio::spawn(async move {
        for first in [true, false] {
            #[cfg(unix)]
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            #[cfg(not(unix))]
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            if first {
                say(&format!("stopping: {meaning}"));
                end.cancel();
            } else {
                std::process::exit(130);
            }
        }
    });
    Ok(())
}

/// Engages the emergency stop at SIGUSR1, where there are such signals.
#[cfg(unix)]
pub(crate) fn engage(switch: Switch) -> Result<(), Failure> {
    let mut asked = unix(tokio::signal::unix::SignalKind::user_defined1())?;
    tokio::spawn(async move {
        while asked.recv().await.is_some() {
            match switch
                .engage("SIGUSR1", "the signal was sent to the process")
                .await
            {
                Ok(()) => {
                    say("the emergency stop is engaged; `claw-agent stop release` lets the agent go on")
                }
                Err(error) => say(&format!(
                    "the emergency stop is engaged as long as this process runs: {error}"
                )),
            }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn engage(_switch: Switch) -> Result<(), Failure> {
    Ok(())
}

#[cfg(unix)]
fn unix(kind: tokio::signal::unix::SignalKind) -> Result<tokio::signal::unix::Signal, Failure> {
    tokio::signal::unix::signal(kind)
        .map_err(|error| Failure::new("signals cannot be received", "report this").because(error))
}
