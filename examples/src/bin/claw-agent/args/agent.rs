//! `act`, `approvals` and `circuits`: what people ask of an agent that runs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Which agent, and on whose behalf.
#[derive(Debug, Args)]
#[command(next_help_heading = "Agent")]
pub(crate) struct AgentArguments {
    /// Where the agent listens.
    #[arg(
        long,
        env = "CLAW_AGENT_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL",
        global = true
    )]
    pub(crate) url: String,
    /// File with your own token, or the token itself in $CLAW_AGENT_TOKEN.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ActArguments {
    /// The action (JSON); `-` reads standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// By which the agent knows it again: sent twice it is done once. Another each time unless set.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Does not wait until it is known what becomes of it, or who is asked.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Longest time to wait, in seconds.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
    #[command(flatten)]
    pub(crate) agent: AgentArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ApprovalsArguments {
    #[command(subcommand)]
    pub(crate) command: Option<ApprovalsCommand>,
    #[command(flatten)]
    pub(crate) agent: AgentArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// Lists what waits for a decision, each with its digest.
    List,
    /// Says yes to what has this digest, and to nothing else.
    Approve(DecisionArguments),
    /// Says no.
    Deny(DecisionArguments),
}

#[derive(Debug, Args)]
pub(crate) struct DecisionArguments {
    /// Id of the request, as the list has it.
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Digest of what you looked at, as the list has it; its first 12 letters or more.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) digest: String,
}

#[derive(Debug, Args)]
pub(crate) struct CircuitsArguments {
    #[command(subcommand)]
    pub(crate) command: Option<CircuitsCommand>,
    #[command(flatten)]
    pub(crate) agent: AgentArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CircuitsCommand {
    /// Lists the circuits that are not closed, with the reason of each.
    List,
    /// Opens a circuit: nothing that it protects is written until a person closes it.
    Open(CircuitArguments),
    /// Closes a circuit, whatever led to it.
    Close(CircuitArguments),
}

#[derive(Debug, Args)]
pub(crate) struct CircuitArguments {
    /// Which: cluster, namespace:NAME, object:KIND:NAMESPACE:NAME, operation:NAME, workflow:NAME, backend:NAME.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// Why; it is recorded with your name.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}
