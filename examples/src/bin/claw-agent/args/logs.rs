//! `logs`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum LogsCommand {
    /// Tells what the lines of a log have in common, once numbers, ids, addresses and whatever else varies are taken out.
    ///
    /// One setting fits all systems, and the same lines give the same templates. With --output json: `lines` has the id of each
    /// line's template, in their order, and `templates` what each id means, how many lines it has, and the first of them.
    #[command(after_help = "\
Examples:
  claw-agent logs templates app.log                            the templates, the most frequent first
  kubectl logs deploy/cart | claw-agent logs templates -
  claw-agent logs templates app.log --output json")]
    Templates(TemplatesArguments),
}

#[derive(Debug, Args)]
pub(crate) struct TemplatesArguments {
    /// The log; `-` for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}
