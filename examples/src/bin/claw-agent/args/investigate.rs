//! `investigate`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::{ClusterArguments, RunArguments, RunbookArguments, SourceArguments};

/// What is investigated, and when.
#[derive(Debug, Args)]
#[command(next_help_heading = "Subject")]
pub(crate) struct SubjectArguments {
    /// What is in trouble: `pod/NAME`, `deployment/NAME`, `service/NAME`, `node/NAME` …; several are one incident.
    #[arg(value_name = "KIND/NAME")]
    pub(crate) entities: Vec<String>,
    /// Namespace of the entities, or, without any, the namespace to look at.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Body of an Alertmanager webhook (version 4); `-` reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "entities")]
    pub(crate) alert: Option<PathBuf>,
    /// The whole cluster: everything that is wrong, grouped by cause. The same as naming nothing at all.
    #[arg(long = "cluster", conflicts_with_all = ["entities", "namespace", "alert"])]
    pub(crate) whole_cluster: bool,
    /// When the trouble began, RFC 3339; default: found from what is seen.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct InvestigateArguments {
    #[command(flatten)]
    pub(crate) subject: SubjectArguments,
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
    #[command(flatten)]
    pub(crate) sources: SourceArguments,
    #[command(flatten)]
    pub(crate) runbooks: RunbookArguments,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}
