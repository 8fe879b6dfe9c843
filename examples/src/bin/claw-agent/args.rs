//! The command line. Help texts teach: each says what the command is for, and shows a line to copy.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

/// Investigates incidents in Kubernetes clusters: reads, never writes, records every read.
#[derive(Debug, Parser)]
#[command(
    name = "claw-agent",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "\
Start here:
  claw-agent demo                                   an incident from alert to report, no cluster needed
  claw-agent investigate -n shop deployment/cart    why is this workload in trouble?
  claw-agent serve                                  receive Alertmanager webhooks and report on each incident

Exit codes:
  0  the command did what was asked; for investigations: nothing is wrong, or a cause was found; for replays: the
     report was printed, whatever it says
  1  the command failed; the last line says why and what to do
  2  wrong arguments
  3  something is wrong and what was seen does not say why
  4  the report stands, but important sources could not be read
  5  a check failed: the audit log does not verify, a definition is not accepted, rights are missing, or the emergency
     stop is engaged
  130  a signal broke the command off"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// How results are printed.
    #[arg(long, short, global = true, value_enum, default_value_t = Output::Text, env = "CLAW_OUTPUT")]
    pub(crate) output: Output,

    /// Prints more about what happens (-v, -vv) to standard error.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// A form of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people at a terminal.
    Text,
    /// For tickets and chats.
    Markdown,
    /// For programs.
    Json,
    /// A page with pictures, in one file.
    Html,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Plays an incident in a simulated world: alert, investigation, report, audit log. Or what the guardrails do.
    ///
    /// Needs no cluster and no network. The simulated API server, Prometheus and Loki answer over HTTP on this machine;
    /// everything between them and the report is the code that runs against real ones.
    Demo(DemoArguments),

    /// Finds the likely root cause of trouble in a cluster.
    ///
    /// Reads from the cluster that the kubeconfig names, and from Prometheus and Loki where given. Writes nothing.
    #[command(after_help = "\
Examples:
  claw-agent investigate --namespace shop deployment/cart
  claw-agent investigate --namespace shop                        everything in the namespace
  claw-agent investigate --cluster                               everything in the cluster, grouped by cause
  claw-agent investigate --alert alert.json --prometheus http://localhost:9090")]
    Investigate(InvestigateArguments),

    /// Records what an investigation would look at into a folder (a bundle), without secrets.
    ///
    /// A bundle can be attached to a ticket, replayed with `claw-agent replay`, and turned into a test.
    Collect(CollectArguments),

    /// Investigates a recorded incident.
    ///
    /// DIR is a bundle, a folder written by `kubectl cluster-info dump --output-directory`, or a must-gather folder.
    /// It may hold only objects, only metrics or only logs.
    Replay(ReplayArguments),

    /// Receives Alertmanager webhooks and delivers a report on each incident.
    ///
    /// Alerts are queued on disk before the webhook is answered; a run that is interrupted is finished after a restart.
    Serve(ServeArguments),

    /// Says what tool and workflow definitions mean, or where they are wrong.
    Check(CheckArguments),

    /// Shows the rights that the agent needs, or tests whether it has them.
    ///
    /// Prints ServiceAccount, ClusterRole and ClusterRoleBinding as YAML, made from the tools' own declarations. With --writes,
    /// prints what an account that writes takes instead: another ServiceAccount with the fewest rights for the tools that propose
    /// and the phase of the policy, and the admission policies by which the API server holds it to that policy.
    #[command(after_help = "\
Examples:
  claw-agent access | kubectl apply -f -                        the account that reads
  claw-agent access --writes --policy policy.yaml               what the account that writes would get
  claw-agent access --writes --policy policy.yaml --in shop --in pay | kubectl apply -f -
  claw-agent access --check                                     has this identity what the tools need?
  claw-agent access --check --writes --policy policy.yaml --token-path writer.token
                                                                does the cluster hold the account that writes to the policy?

Exit codes: 0 all is as it should be; 5 it is not; 1 it could not be asked; 2 wrong arguments")]
    Access(AccessArguments),

    /// Says what a policy lets the agent do, and why.
    #[command(subcommand)]
    Policy(PolicyCommand),

    /// Works with the audit log: checks it, proves a record, tells the story of a run, exports.
    #[command(subcommand)]
    Audit(AuditCommand),

    /// Engages or releases the emergency stop of an agent, or says how it stands.
    ///
    /// While it is engaged the agent reads and writes nothing. It stays engaged, also across restarts, until a person releases
    /// it. docs/stop.md has the other ways to engage it: a file, a ConfigMap, a signal.
    #[command(subcommand)]
    Stop(StopCommand),
}

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

#[derive(Debug, Subcommand)]
pub(crate) enum StopCommand {
    /// Stops the agent: nothing is read or written, and what is under way is broken off.
    ///
    /// An agent that runs feels it within some seconds. Where none runs, the next one starts stopped.
    #[command(after_help = "\
Example:
  claw-agent stop engage --reason 'the new release misbehaves'")]
    Engage(StopEngageArguments),
    /// Lets the agent go on. Who did it, and why, is recorded in the audit log.
    ///
    /// Refused while the file or the ConfigMap that asked for it is still there.
    #[command(after_help = "\
Example:
  claw-agent stop release --by ann --reason 'rolled back, looked at the audit log'

Exit codes: 0 it is released, or was not engaged; 1 it stays engaged, and the last line says why")]
    Release(StopReleaseArguments),
    /// Says whether the stop is engaged, since when, by whom and why.
    ///
    /// This is what the folder of the agent says. A file or ConfigMap that has just been made is seen there some seconds later,
    /// by an agent that runs.
    #[command(after_help = "\
Exit codes: 0 it is not engaged; 5 it is; 1 that is not known")]
    Status(StopPlace),
}

/// Whose stop it is.
#[derive(Debug, Args)]
pub(crate) struct StopPlace {
    /// Folder of the agent's journal and audit log, as `serve` has it.
    #[arg(long, default_value = "claw-data", value_name = "DIR")]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct StopEngageArguments {
    #[command(flatten)]
    pub(crate) place: StopPlace,
    /// Who does it.
    #[arg(long, env = "USER", value_name = "NAME")]
    pub(crate) by: String,
    /// Why.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct StopReleaseArguments {
    #[command(flatten)]
    pub(crate) place: StopPlace,
    /// Who does it.
    #[arg(long, env = "USER", value_name = "NAME")]
    pub(crate) by: String,
    /// Why it may go on.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

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

/// Where metrics and logs are.
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
    /// Tenant header for Prometheus and Loki (X-Scope-OrgID).
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<String>,
}

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
    pub(crate) run: RunArguments,
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
}

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
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// YAML files with `tools:` and `workflow:` documents.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

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

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Checks that no record was changed, dropped, moved or cut off, in any segment.
    ///
    /// Each record holds the hash of the one before it. Checkpoints hold the root of a tree over all records so far, are
    /// signed, and say when the next one comes at the latest: that some were taken away is seen. Two things no log can show by
    /// itself. That it was written anew as a whole, with another key: keep its public key (which this prints). And that all its
    /// files were set back to an earlier moment, or its last records after the last checkpoint changed: keep copies of its
    /// checkpoints where the agent's machine cannot change them.
    #[command(after_help = "\
Examples:
  claw-agent audit verify                                        the log in claw-data, with what lies beside it
  claw-agent audit verify /var/lib/claw                          the log in that folder
  claw-agent audit verify --key 'claw-audit/1f2e…+0a1b2c3d+AR…'  its checkpoints have to be signed with this key
  claw-agent audit verify --checkpoints /mnt/kept/checkpoints    checkpoints that were kept elsewhere

Exit codes: 0 the log is intact; 5 it is not; 1 it cannot be read; 2 wrong arguments")]
    Verify(AuditVerifyArguments),
    /// Proves that a record is in the log, to somebody who does not have the log; or checks such a proof.
    ///
    /// A proof is the record, a signed checkpoint, and a few hashes that lead from the one to the other. It is printed as
    /// JSON. Checking it needs no log, only the public key that was kept.
    #[command(after_help = "\
Examples:
  claw-agent audit prove 1042 > proof.json
  claw-agent audit prove --check proof.json --key 'claw-audit/1f2e…+0a1b2c3d+AR…'

Exit codes: 0 it is proved; 5 the proof does not hold; 1 there is none; 2 wrong arguments")]
    Prove(AuditProveArguments),
    /// Tells the story of one run: what was observed, concluded and decided, and why.
    #[command(after_help = "\
Examples:
  claw-agent audit show run-7f3a            a report names its run; `claw-agent serve` lists runs at /runs
  claw-agent audit show run-7f3a -o json    every field of every record")]
    Show(AuditShowArguments),
    /// Makes the judgements of writes again, from the inputs that were recorded with them, and says where they come out otherwise.
    #[command(after_help = "\
Examples:
  claw-agent audit replay                   every judgement in claw-data
  claw-agent audit replay --run run-7f3a    those of one run

Exit codes: 0 all are the same; 5 some are not; 1 the log cannot be read; 2 wrong arguments")]
    Replay(AuditReplayArguments),
    /// Prints the records of the log for other systems, one JSON object a line.
    ///
    /// jsonl has the records as they stand in the log, each with its hash. otlp-json has each as a request of
    /// OpenTelemetry logs (resourceLogs), for a collector. What the log noted about itself is among them, unless a run or
    /// kinds are asked for, so that no number is missing.
    #[command(after_help = "\
Examples:
  claw-agent audit export --run run-7f3a > run.jsonl
  claw-agent audit export --kind refuse --kind permit --since 2026-03-01T00:00:00Z
  claw-agent audit export --format otlp-json --to /var/log/otel/claw.jsonl

Exit codes: 0 all of it; 5 lines of the log could not be read and are left out; 1 it cannot be read; 2 wrong arguments")]
    Export(AuditExportArguments),
}

#[derive(Debug, Args)]
pub(crate) struct AuditVerifyArguments {
    /// The log, or the folder that it is in.
    #[arg(default_value = "claw-data/audit.jsonl", value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Head that was kept elsewhere: a copy of the head file, or what an earlier check printed; default: the head file
    /// beside the log.
    #[arg(long, value_name = "FILE|RECORDS:HASH")]
    pub(crate) head: Option<String>,
    /// Does without a head: records that were cut off the end are then seen by checkpoints only.
    #[arg(long, conflicts_with = "head")]
    pub(crate) no_head: bool,
    /// Public key that checkpoints have to be signed with, as text or in a file; several if it was changed.
    #[arg(long = "key", value_name = "KEY|FILE", conflicts_with = "no_checkpoints")]
    pub(crate) keys: Vec<String>,
    /// Checkpoints that were kept elsewhere, one or many in a file, besides those beside the log.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoints: Option<PathBuf>,
    /// Does without checkpoints: that records were written anew, with their hashes, is then not seen.
    #[arg(long, conflicts_with = "checkpoints")]
    pub(crate) no_checkpoints: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AuditProveArguments {
    /// The record's number, which `audit show` prints after the #.
    #[arg(
        value_name = "SEQUENCE",
        required_unless_present = "check",
        conflicts_with = "check"
    )]
    pub(crate) sequence: Option<u64>,
    /// The log, or the folder that it is in.
    #[arg(default_value = "claw-data/audit.jsonl", value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Checkpoints that were kept elsewhere; default: the file beside the log.
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    pub(crate) checkpoints: Option<PathBuf>,
    /// Proves against the last checkpoint; default: the first one that is about the record.
    #[arg(long, conflicts_with = "check")]
    pub(crate) newest: bool,
    /// Checks the proof in this file; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,
    /// Public key that the checkpoint has to be signed with, as text or in a file.
    #[arg(long = "key", value_name = "KEY|FILE", requires = "check")]
    pub(crate) keys: Vec<String>,
}

/// A form of export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// The records as they stand in the log.
    Jsonl,
    /// OpenTelemetry logs, OTLP/JSON.
    OtlpJson,
}

/// What an event records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum KindName {
    /// A run began.
    RunStarted,
    /// A tool was called.
    Observe,
    /// Something was concluded.
    Reason,
    /// A read or a write was refused.
    Refuse,
    /// A write was judged.
    Intend,
    /// A person decided on a write.
    Vote,
    /// A write was permitted.
    Permit,
    /// What came of a write.
    Outcome,
    /// How the object of a write was a while after it.
    Watch,
    /// Guards were changed: the emergency stop, a circuit breaker.
    Guard,
    /// A report was handed to a sink.
    Deliver,
    /// A run ended.
    RunFinished,
    /// The emergency stop was engaged.
    Stop,
    /// The emergency stop was released.
    Release,
}

impl From<KindName> for claw_core::audit::AuditKind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::RunStarted => Self::RunStarted,
            KindName::Observe => Self::Observe,
            KindName::Reason => Self::Reason,
            KindName::Refuse => Self::Refuse,
            KindName::Intend => Self::Intend,
            KindName::Vote => Self::Vote,
            KindName::Permit => Self::Permit,
            KindName::Outcome => Self::Outcome,
            KindName::Watch => Self::Watch,
            KindName::Guard => Self::Guard,
            KindName::Deliver => Self::Deliver,
            KindName::RunFinished => Self::RunFinished,
            KindName::Stop => Self::Stop,
            KindName::Release => Self::Release,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct AuditExportArguments {
    /// The log, or the folder that it is in.
    #[arg(default_value = "claw-data/audit.jsonl", value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Form of the lines.
    #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
    pub(crate) format: ExportFormat,
    /// Only events of this run.
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Only events of these kinds.
    #[arg(long = "kind", value_enum, value_name = "KIND")]
    pub(crate) kinds: Vec<KindName>,
    /// Only events at this time or later, RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Timestamp>,
    /// Only events before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Timestamp>,
    /// File to write, which must not exist yet; default: standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AuditReplayArguments {
    /// The log, or the folder that it is in.
    #[arg(default_value = "claw-data/audit.jsonl", value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only judgements of this run.
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AuditShowArguments {
    /// The run.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The log, or the folder that it is in.
    #[arg(default_value = "claw-data/audit.jsonl", value_name = "FILE")]
    pub(crate) file: PathBuf,
}

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
