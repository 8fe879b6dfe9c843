//! `scenario`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum ScenarioCommand {
    /// Makes a scenario of a recording: without the names in it, and with a draft of what is expected.
    ///
    /// Names of namespaces, workloads, services, nodes, hosts, images and people become made-up ones of the same shape, the same
    /// everywhere, and so do addresses and uids; secrets are taken out. The replay of what is written has to answer as that of the
    /// recording does. Look through it before it leaves your hands, and then through its expect.json, which says what is
    /// answered today.
    #[command(after_help = "\
Examples:
  claw-agent scenario new incident-7 tests/scenarios/queue-full
  claw-agent scenario new incident-7 queue-full --keep kafka-connect --seed 2

Exit codes: 0 it is written; 5 it is written, and its replay answers otherwise than that of the recording; 1 it is not")]
    New(ScenarioNewArguments),

    /// Replays scenarios, and says in what the answers miss their expectations.
    ///
    /// DIR is a scenario, or a folder of scenarios.
    #[command(after_help = "\
Examples:
  claw-agent scenario check tests/scenarios
  claw-agent scenario check tests/scenarios/queue-full --output json

Exit codes: 0 all answers are as expected; 5 some are not; 1 a scenario could not be read")]
    Check(ScenarioCheckArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ScenarioNewArguments {
    /// The recording (`claw-agent collect`).
    #[arg(value_name = "BUNDLE")]
    pub(crate) bundle: PathBuf,
    /// Folder to write; must not exist or be empty. Its name is that of the scenario.
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,
    /// Word to leave as it is; can be given several times.
    #[arg(long, value_name = "WORD")]
    pub(crate) keep: Vec<String>,
    /// The same number gives the same made-up words; drawn if not given.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct ScenarioCheckArguments {
    /// The scenario, or a folder of scenarios.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}
