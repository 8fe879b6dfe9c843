//! `demo`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What a demo plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DemoScene {
    /// An incident, from alert to report.
    Incident,
    /// Writes: what the agent may do, what people decide, what is refused twice, and what a breaker does.
    Guardrails,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// What is played.
    #[arg(value_enum, default_value_t = DemoScene::Incident)]
    pub(crate) scene: DemoScene,
    /// Folder for report and audit log.
    #[arg(long, default_value = "claw-demo")]
    pub(crate) directory: PathBuf,
    /// Plays this bundle instead of the built-in incident.
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: Option<PathBuf>,
}
