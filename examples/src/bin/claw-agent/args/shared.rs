//! What several commands take.

use std::path::PathBuf;

use clap::Args;

/// Which cluster, and with what rights.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArguments {
    /// Kubeconfig file; default: $KUBECONFIG, ~/.kube/config, or the service account of the pod.
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig.
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Acts with the token in this file instead (as `auth.token_path` of a definition does).
    #[arg(long, value_name = "FILE")]
    pub(crate) token_path: Option<PathBuf>,
}

/// Where metrics and logs are, and what else tells of changes and calls.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sources")]
pub(crate) struct SourceArguments {
    /// Prometheus, Thanos, Mimir or VictoriaMetrics.
    #[arg(long, env = "PROMETHEUS_URL", value_name = "URL")]
    pub(crate) prometheus: Option<String>,
    /// File with a bearer token for Prometheus.
    #[arg(long, value_name = "FILE")]
    pub(crate) prometheus_token_file: Option<PathBuf>,
    /// Loki.
    #[arg(long, env = "LOKI_URL", value_name = "URL", conflicts_with = "elasticsearch")]
    pub(crate) loki: Option<String>,
    /// Elasticsearch or OpenSearch.
    #[arg(long, env = "ELASTICSEARCH_URL", value_name = "URL")]
    pub(crate) elasticsearch: Option<String>,
    /// Index pattern for Elasticsearch or OpenSearch.
    #[arg(long, default_value = "logs-*", value_name = "PATTERN")]
    pub(crate) elasticsearch_index: String,
    /// Grafana, whose annotations tell of deployments and other changes, and whose dashboards reports link to.
    #[arg(long, env = "GRAFANA_URL", value_name = "URL")]
    pub(crate) grafana: Option<String>,
    /// File with a token of a service account of Grafana.
    #[arg(long, value_name = "FILE", requires = "grafana")]
    pub(crate) grafana_token_file: Option<PathBuf>,
    /// Address under which people open Grafana, for links to dashboards, where it is another than the agent's.
    #[arg(long, value_name = "URL", requires = "grafana")]
    pub(crate) grafana_public_url: Option<String>,
    /// Tag that an annotation must have to count as a change; may be given more than once.
    #[arg(long = "grafana-tag", value_name = "TAG", requires = "grafana")]
    pub(crate) grafana_tags: Vec<String>,
    /// Jaeger's query service, whose traces tell who calls whom.
    #[arg(long, env = "JAEGER_URL", value_name = "URL")]
    pub(crate) jaeger: Option<String>,
    /// Tenant header for Prometheus and Loki (X-Scope-OrgID).
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<String>,
}

/// What operators wrote down.
#[derive(Debug, Args)]
#[command(next_help_heading = "Runbooks")]
pub(crate) struct RunbookArguments {
    /// Folder of runbooks: those that fit an alert are followed, and reports name those that fit (docs/runbooks.md).
    #[arg(long, value_name = "DIR")]
    pub(crate) runbooks: Option<PathBuf>,
}

/// Bounds of a run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub(crate) struct RunArguments {
    /// Audit log; every read is recorded there before its result is used.
    #[arg(long, default_value = "claw-data/audit.jsonl", value_name = "FILE")]
    pub(crate) audit: PathBuf,
    /// Longest time for one run, in seconds; the report then says what could not be seen.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
    #[command(flatten)]
    pub(crate) audit_log: AuditLogArguments,
}

/// How an audit log is opened.
#[derive(Debug, Args)]
#[command(next_help_heading = "Audit log")]
pub(crate) struct AuditLogArguments {
    /// Key that its checkpoints are signed with (Ed25519, PKCS#8); default: a file beside the log, which is made at first.
    #[arg(long, value_name = "FILE")]
    pub(crate) audit_key: Option<PathBuf>,
    /// File to which its checkpoints are added as well, best on another machine: a log that was set back, or written anew,
    /// is then found, and not taken up.
    #[arg(long, value_name = "FILE")]
    pub(crate) audit_checkpoints: Option<PathBuf>,
    /// Public key that it had before its key was changed, as `audit verify` prints it.
    #[arg(long = "audit-previous-key", value_name = "KEY")]
    pub(crate) audit_previous_keys: Vec<String>,
    /// Takes up a log that no checkpoint vouches for, and puts that on record; for one start, after a look at the log.
    #[arg(long)]
    pub(crate) audit_adopt_unsigned: bool,
}
