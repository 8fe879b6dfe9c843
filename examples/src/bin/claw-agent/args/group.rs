//! `group`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct GroupArguments {
    /// Alerts: one JSON object a line, or a JSON list, as Alertmanager's webhook or API has them; `-` for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) alerts: PathBuf,
    /// A bundle (`claw-agent collect`) whose objects and call graph tell what the alerts have to do with each other.
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: Option<PathBuf>,
}
