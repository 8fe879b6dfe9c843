//! `collect`, `replay` and `evaluate`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::{ClusterArguments, RunArguments, RunbookArguments, SourceArguments};

#[derive(Debug, Args)]
pub(crate) struct CollectArguments {
    /// Folder to write; must not exist or be empty.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) subject: CollectSubject,
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
    #[command(flatten)]
    pub(crate) sources: SourceArguments,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

/// What is recorded.
#[derive(Debug, Args)]
#[command(next_help_heading = "Subject")]
pub(crate) struct CollectSubject {
    /// Namespaces to record; default: all that may be read.
    #[arg(long = "namespace", short = 'n', value_name = "NAME")]
    pub(crate) namespaces: Vec<String>,
    /// Alertmanager webhook body to keep with the recording.
    #[arg(long, value_name = "FILE")]
    pub(crate) alert: Option<PathBuf>,
    /// When the trouble began, RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Timestamp>,
    /// How far back metrics and logs are recorded, in minutes.
    #[arg(long, default_value_t = 120, value_name = "MINUTES")]
    pub(crate) lookback: u32,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// The recording.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Prints the whole report as JSON instead of the short form (with --output json).
    #[arg(long)]
    pub(crate) full: bool,
    #[command(flatten)]
    pub(crate) runbooks: RunbookArguments,
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArguments {
    /// Folder of recordings.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}
