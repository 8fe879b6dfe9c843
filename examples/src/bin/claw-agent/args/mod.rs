//! The command line. Help texts teach: each says what the command is for, and shows a line to copy.

mod access;
mod agent;
mod audit;
mod check;
mod collect;
mod demo;
mod group;
mod investigate;
mod logs;
mod policy;
mod scenario;
mod serve;
mod shared;
mod stop;

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use access::AccessArguments;
pub(crate) use agent::{
    ActArguments, AgentArguments, ApprovalsArguments, ApprovalsCommand, CircuitArguments, CircuitsArguments,
    CircuitsCommand, DecisionArguments,
};
pub(crate) use audit::{
    AuditCommand, AuditExportArguments, AuditProveArguments, AuditReplayArguments, AuditShowArguments,
    AuditVerifyArguments, ExportFormat,
};
pub(crate) use check::CheckArguments;
pub(crate) use collect::{CollectArguments, CollectSubject, EvaluateArguments, ReplayArguments};
pub(crate) use demo::{DemoArguments, DemoScene};
pub(crate) use group::GroupArguments;
pub(crate) use investigate::{InvestigateArguments, SubjectArguments};
pub(crate) use logs::{LogsCommand, TemplatesArguments};
pub(crate) use policy::{
    PhaseName, PolicyArguments, PolicyCheckArguments, PolicyCommand, PolicyExplainArguments,
    PolicyTableArguments,
};
pub(crate) use scenario::{ScenarioCheckArguments, ScenarioCommand, ScenarioNewArguments};
pub(crate) use serve::ServeArguments;
pub(crate) use shared::{
    AuditLogArguments, ClusterArguments, RunArguments, RunbookArguments, SourceArguments,
};
pub(crate) use stop::{StopCommand, StopEngageArguments, StopPlace, StopReleaseArguments};

/// Investigates incidents in Kubernetes clusters, and changes what its policy and people let it. Records all that it does.
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

    /// Makes tests of recordings, without the names in them, and runs such tests.
    #[command(subcommand)]
    Scenario(ScenarioCommand),

    /// Tells which of many alerts belong to one incident.
    ///
    /// Alerts that are about the same thing, or feel each other's trouble, and begin close together are one incident. With
    /// --bundle the objects and the call graph of a recording tell who feels whose trouble, and otherwise the labels alone.
    #[command(after_help = "\
Examples:
  claw-agent group alerts.jsonl
  claw-agent group alerts.jsonl --bundle incident-7 --output json
  curl -s http://alertmanager:9093/api/v2/alerts | claw-agent group -

Output of --output json: [{\"incident\": ID, \"alerts\": [NAME, …]}, …] by the time at which the incidents began. NAME is the
alert's `id`, else its `fingerprint`, else the number of its line.")]
    Group(GroupArguments),

    /// Works with logs.
    #[command(subcommand)]
    Logs(LogsCommand),

    /// Replays all recorded incidents of a folder whose cause is known, and says how often it is found.
    ///
    /// Each recording says in its expect.json what the cause was: {"root_cause": {"entity": {"kind": …, "name": …}}}; with
    /// {"verdict": "healthy"} or {"verdict": "unknown"} the right answer is to name none. Prints the place of the cause in each,
    /// and by cluster and kind of fault how often it is the first and among the first three, how often something innocent is
    /// blamed, and how well the confidence tells (Brier score, expected calibration error).
    #[command(after_help = "\
Examples:
  claw-agent evaluate incidents/
  claw-agent evaluate incidents/ --output json")]
    Evaluate(EvaluateArguments),

    /// Receives Alertmanager webhooks and delivers a report on each incident.
    ///
    /// Alerts are queued on disk before the webhook is answered; a run that is interrupted is finished after a restart.
    /// With --writing it also takes actions in, and performs what its policy lets pass and people have approved; docs/serve.md
    /// leads there step by step.
    Serve(ServeArguments),

    /// Sends an action to an agent that runs, and says what becomes of it: applied, refused, or waiting for whom.
    ///
    /// FILE names a tool that proposes, with its input; or holds an action that was proposed elsewhere. The agent judges it by its
    /// policy. Whoever sends it does not approve it.
    #[command(after_help = "\
Example of FILE:
  {\"tool\": \"scale_workload\",
   \"input\": {\"kind\": \"Deployment\", \"namespace\": \"shop\", \"name\": \"cart\", \"replicas\": 6, \"reason\": \"orders queue up\"}}

Examples:
  claw-agent act scale.json --token-file kim.token
  claw-agent act scale.json --id deploy-4711        sent twice it is done once

Exit codes: 0 it is done, rehearsed, or waits; 5 it was refused, or not done; 1 the agent did not answer; 2 wrong arguments")]
    Act(ActArguments),

    /// Lists what an agent that runs asks people, and says yes or no.
    ///
    /// This is the way over HTTP, for whoever has a token. docs/approvals.md has the others: kubectl, Slack, pull requests.
    #[command(after_help = "\
Examples:
  claw-agent approvals --token-file kim.token
  claw-agent approvals approve 3f2a… --digest 9c1e… --token-file kim.token")]
    Approvals(ApprovalsArguments),

    /// Lists the circuit breakers of an agent that runs, opens them, and closes them.
    ///
    /// What opens by trouble closes by itself after a while, but for the cluster's, and that of a workflow that went over its
    /// budget: a person looks at those, and closes them. Who did, and why, is in the audit log.
    #[command(after_help = "\
Examples:
  claw-agent circuits --token-file kim.token
  claw-agent circuits close workflow:change --reason 'looked at the plan' --token-file kim.token
  claw-agent circuits open namespace:shop --reason 'launch at noon' --token-file kim.token")]
    Circuits(CircuitsArguments),

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
  claw-agent access --writing writing.yaml | kubectl apply -f - the account that reads, for an agent that writes
  claw-agent access --writes --writing writing.yaml             the account that writes, with lease and approvals
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
