//! `stop`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum StopCommand {
    /// Stops the agent: nothing is read or written, and what is under way is broken off.
    ///
    /// An agent that runs feels it within some seconds. Where none runs, the next one starts stopped.
    #[command(after_help = "\
Example:
  claw-agent stop engage --reason 'the new release misbehaves'")]
    Engage(StopEngageArguments),
    /// Lets the agent go on. Who did it, and why, is recorded in the audit log.
    ///
    /// Refused while the file or the ConfigMap that asked for it is still there.
    #[command(after_help = "\
Example:
  claw-agent stop release --by ann --reason 'rolled back, looked at the audit log'

Exit codes: 0 it is released, or was not engaged; 1 it stays engaged, and the last line says why")]
    Release(StopReleaseArguments),
    /// Says whether the stop is engaged, since when, by whom and why.
    ///
    /// This is what the folder of the agent says. A file or ConfigMap that has just been made is seen there some seconds later,
    /// by an agent that runs.
    #[command(after_help = "\
Exit codes: 0 it is not engaged; 5 it is; 1 that is not known")]
    Status(StopPlace),
}

/// Whose stop it is.
#[derive(Debug, Args)]
pub(crate) struct StopPlace {
    /// Folder of the agent's journal and audit log, as `serve` has it.
    #[arg(long, default_value = "claw-data", value_name = "DIR")]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct StopEngageArguments {
    #[command(flatten)]
    pub(crate) place: StopPlace,
    /// Who does it.
    #[arg(long, env = "USER", value_name = "NAME")]
    pub(crate) by: String,
    /// Why.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct StopReleaseArguments {
    #[command(flatten)]
    pub(crate) place: StopPlace,
    /// Who does it.
    #[arg(long, env = "USER", value_name = "NAME")]
    pub(crate) by: String,
    /// Why it may go on.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}
