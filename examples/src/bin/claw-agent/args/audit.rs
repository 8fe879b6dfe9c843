//! `audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

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
