//! `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{AuditLogArguments, ClusterArguments, RunbookArguments, SourceArguments};

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// File with the bearer token that callers must present; without it anybody who reaches the address may call.
    #[arg(long, value_name = "FILE")]
    pub(crate) webhook_token_file: Option<PathBuf>,
    /// Folder for journal, audit log and reports.
    #[arg(long, default_value = "claw-data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Settings (YAML) for an agent that writes: account, approvals, lease, walls. Without them it reads, and nothing else.
    #[arg(long, value_name = "FILE")]
    pub(crate) writing: Option<PathBuf>,
    /// Tool and workflow definitions (YAML) to honour.
    #[arg(long, value_name = "FILE")]
    pub(crate) definition: Vec<PathBuf>,
    /// File with a Slack incoming-webhook URL.
    #[arg(long, value_name = "FILE")]
    pub(crate) slack_webhook_file: Option<PathBuf>,
    /// File with a Slack bot token (chat.postMessage); needs --slack-channel.
    #[arg(long, value_name = "FILE", requires = "slack_channel")]
    pub(crate) slack_token_file: Option<PathBuf>,
    /// Slack channel for --slack-token-file.
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) slack_channel: Option<String>,
    /// URL that gets each report as JSON.
    #[arg(long, value_name = "URL")]
    pub(crate) report_webhook: Option<String>,
    /// File that stops the agent by being there; default: STOP in the folder of --data.
    #[arg(long, value_name = "FILE")]
    pub(crate) stop_file: Option<PathBuf>,
    /// ConfigMap in the agent's own namespace that stops it by having the key `stop`; takes the right to get it.
    #[arg(long, value_name = "NAME")]
    pub(crate) stop_config_map: Option<String>,
    /// File with the bearer token for /stop, with which the emergency stop is engaged and released; without it there is no such
    /// path.
    #[arg(long, value_name = "FILE")]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// Makes each notification a run of its own, instead of putting alerts of one incident into one.
    #[arg(long)]
    pub(crate) no_grouping: bool,
    /// Runs at one time.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) concurrency: u16,
    /// Longest time for one run, in seconds.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
    #[command(flatten)]
    pub(crate) audit_log: AuditLogArguments,
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
    #[command(flatten)]
    pub(crate) sources: SourceArguments,
    #[command(flatten)]
    pub(crate) runbooks: RunbookArguments,
}
