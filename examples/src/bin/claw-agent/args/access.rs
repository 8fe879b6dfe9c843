//! `access`.

use std::path::PathBuf;

use clap::Args;

use super::{ClusterArguments, PhaseName};

#[derive(Debug, Args)]
pub(crate) struct AccessArguments {
    /// Only the rights of these tools; default: all tools of the agent.
    #[arg(long = "tool", value_name = "NAME")]
    pub(crate) tools: Vec<String>,
    /// Namespace of the service account; default: `claw`, and with --policy the `own_namespace` of the policy.
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Only the role of the specification, without the second one for what tools see beyond it.
    #[arg(long, conflicts_with_all = ["tools", "check", "writes"])]
    pub(crate) seed_only: bool,
    /// Adds the right to look at this ConfigMap, by which people stop the agent.
    #[arg(long, value_name = "NAME", conflicts_with = "writes")]
    pub(crate) stop_config_map: Option<String>,
    /// Asks the cluster whether the current identity has the rights, and says which tool loses what. With --writes: whether it
    /// has none too many besides, and whether the admission policies stand.
    #[arg(long)]
    pub(crate) check: bool,
    /// Asks for the rights in one namespace, for an identity that has Roles there and no ClusterRole. With --writes: binds the
    /// role in these namespaces, and not in all.
    #[arg(long = "in", value_name = "NAMESPACE")]
    pub(crate) within: Vec<String>,
    #[command(flatten)]
    pub(crate) writing: WritingArguments,
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
}

/// The account that writes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Writing")]
pub(crate) struct WritingArguments {
    /// The account that performs what was permitted, in place of the one that reads.
    #[arg(long)]
    pub(crate) writes: bool,
    /// The settings (YAML) that `serve --writing` has: policy, tools, namespaces, lease and carriers are taken from there. Without
    /// --writes it adds what the account that reads needs for the emergency stop.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["policy", "unattended", "tools", "within", "namespace", "seed_only"])]
    pub(crate) writing: Option<PathBuf>,
    /// The policy (YAML) that it is held to; default: the rules that are compiled in, in the phase `observe`, which writes nothing.
    #[arg(long, value_name = "FILE", requires = "writes")]
    pub(crate) policy: Option<PathBuf>,
    /// As in this phase.
    #[arg(long, value_enum, value_name = "PHASE", requires = "writes")]
    pub(crate) phase: Option<PhaseName>,
    /// Nobody approves anything: the API server denies what takes an approval, where it can tell, instead of noting it.
    #[arg(long, requires = "writes")]
    pub(crate) unattended: bool,
}
