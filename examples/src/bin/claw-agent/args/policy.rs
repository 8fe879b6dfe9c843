//! `policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Decides about an action: the tier, each rule that matched with what it saw, and what would change the answer.
    ///
    /// ACTION is a file with the action as it is proposed, and what is known of its target. What is not said counts as the
    /// worst: a production namespace, a critical and stateful workload, a reach beyond all limits.
    #[command(after_help = "\
Example of ACTION:
  {\"action\": {\"verb\": \"patch\", \"api_version\": \"apps/v1\",
     \"target\": {\"kind\": \"Deployment\", \"namespace\": \"shop\", \"name\": \"cart\"},
     \"uid\": null, \"resource_version\": null, \"pre_image\": null,
     \"patch\": {\"spec\": {\"replicas\": 8}}, \"expected\": \"8 replicas\", \"reversal\": null, \"reason\": \"load\"},
   \"facts\": {\"object\": {\"metadata\": {\"labels\": {\"claw.dev/nature\": \"stateless\",
                                             \"claw.dev/criticality\": \"low\"}}, \"spec\": {\"replicas\": 4}},
     \"namespace_labels\": {\"env\": \"staging\"}, \"namespace_annotations\": {}, \"replicas_at_start\": 4,
     \"activity\": \"idle\", \"reach\": \"within\"}}")]
    Explain(PolicyExplainArguments),
    /// Says where a policy is wrong, and what in it adds nothing.
    Check(PolicyCheckArguments),
    /// Prints the whole decision table.
    Table(PolicyTableArguments),
}

/// Which policy.
#[derive(Debug, Args)]
pub(crate) struct PolicyArguments {
    /// The policy (YAML); default: the rules that are compiled in.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Decides as in this phase.
    #[arg(long, value_enum, value_name = "PHASE")]
    pub(crate) phase: Option<PhaseName>,
}

/// A phase, as policies spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum PhaseName {
    /// It reads, and sends messages.
    Observe,
    /// It also opens pull requests.
    Recommend,
    /// It also changes numbers of replicas and autoscalers.
    LowRiskWrites,
    /// It does whatever the rules leave to it.
    Expanded,
}

impl From<PhaseName> for claw_guardrails::policy::Phase {
    fn from(name: PhaseName) -> Self {
        match name {
            PhaseName::Observe => Self::Observe,
            PhaseName::Recommend => Self::Recommend,
            PhaseName::LowRiskWrites => Self::LowRiskWrites,
            PhaseName::Expanded => Self::Expanded,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PolicyExplainArguments {
    /// The action and what is known of its target (JSON).
    #[arg(value_name = "ACTION")]
    pub(crate) action: PathBuf,
    /// Decides as at this time, for freeze windows; default: now.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyCheckArguments {
    /// The policy (YAML).
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyTableArguments {
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
}
