//! The audit log: an append-only file whose records are chained by hash.
//!
//! # Format
//!
//! One JSON object a line, UTF-8, each line ended by a line feed. Objects are written as RFC 8785 has it
//! ([`claw_core::canonical`]); integers that it does not know, as strings of their digits.
//!
//! - The first line is the header: `{"created":…,"format":2,"key":…,"log":…,"segment":0,"hash":…}`.
//! - Every other line is a record: `{"event":…,"prev":…,"sequence":…,"hash":…}`. Records that the log makes about
//!   itself have a `note` in place of the `event`.
//!
//! `hash` is the SHA-256, in hexadecimal, of the line without its last member, that is of
//! `{"event":…,"prev":…,"sequence":…}`. `prev` is the hash of the line before. `sequence` counts from 0. `key` is the public
//! key of the log's checkpoints.
//!
//! Beside the log `audit.jsonl` lie
//!
//! - `audit.jsonl.head`: how many records there are, and the hash of the last one;
//! - `audit.jsonl.checkpoints`: signed statements of how many records there were, and of the root of the [Merkle
//!   tree](merkle) over them ([`checkpoint`]);
//! - `audit.jsonl.key`: the private key that they are signed with;
//! - `audit.jsonl.000000` and so on: sealed segments.
//!
//! Logs of format 1 (keys sorted by code points, numbers as serde_json writes them; no key, no tree, no segments) verify as
//! before. One that is opened again is kept as the first segment of a log that goes on in this format.
//!
//! # Segments
//!
//! When the log has a certain size or age ([`AuditSettings`]), its last record says so, the file is put away under a
//! number, and the log goes on in a new file. The header of that has the hash of the last record, and the perfect subtrees
//! and the root of the tree over all records before, as `after`. So hashes and tree go on across files; sequences do, too.
//!
//! Old segments can be deleted, by the settings or by hand. What is left verifies by the subtrees in its first header, if a
//! checkpoint is there that was made after them. That a deletion was meant is on record before it is made.
//!
//! # What a check can see
//!
//! [`verify_file`] finds every flipped, inserted or dropped byte and every altered, dropped, inserted or moved record or
//! segment. Three things need more than the log itself:
//!
//! - *Whole records cut off at the end.* The chain up to there is intact. The head file shows it, and so do checkpoints; that
//!   they are gone is a problem of its own. If all of it was cut back, only a [`Head`] or a checkpoint that was kept
//!   elsewhere shows it: give it to [`verify_file_with`]. A log that went on without its head file says so in a note
//!   ([`Verification::notes`]). A log that was closed in order ends with a note that says so ([`End::Closed`]); one that was
//!   cut ends with [`End::Open`], like that of an agent that is running or was killed.
//! - *Records that were written anew, with all hashes after them.* The chain has no secret in it. Checkpoints show it, unless
//!   who did it had the key as well, or made a key of his own. So keep the public key elsewhere
//!   ([`FileAuditLog::verifier_key`]), or, better, checkpoints ([`CheckpointSink`](claw_core::audit::CheckpointSink)): against
//!   those even the private key is of no use.
//! - *The last few records after a power failure.* Records are on disk before they are acknowledged. The head file is
//!   written after that and not forced to disk each time, so that it may lag behind. It is never ahead. Checkpoints are
//!   made from time to time; what comes after the last one is guarded by the chain and the head alone.

mod chain;
mod check;
pub mod checkpoint;
mod file;
mod head;
mod lines;
mod marks;
mod medium;
mod memory;
pub mod merkle;
mod open;
mod otlp;
mod proved;
mod records;
mod segments;
mod settings;
mod signing;
mod story;
mod take_up;
mod verification;
mod verify;
mod writer;

pub use chain::{After, Entry, Header, Note, Record};
pub use file::FileAuditLog;
pub use head::{Head, ParseHeadError, head_path};
pub use memory::MemoryAuditLog;
pub use otlp::otlp_json;
pub use proved::{Checked, ProveError, RecordProof, prove};
pub use records::{Filter, each_record};
pub use segments::{sealed_segments, segment_path};
pub use settings::AuditSettings;
pub use story::{Story, show, show_file};
pub use verification::{Anchor, Checkpoints, End, Gone, Noted, Part, Problem, ProblemKind, Verification};
pub use verify::{CheckpointCheck, Checks, EndCheck, VerifyError, verify, verify_file, verify_file_with};

/// Longest line of a log, in bytes. An event that makes a longer one is refused.
pub const MAX_LINE: usize = 4 * 1024 * 1024;

use std::path::{Path, PathBuf};

use claw_core::audit::AuditError;

fn audit_error(reason: impl Into<String>) -> AuditError {
    AuditError {
        reason: reason.into(),
        source: None,
    }
}

fn io_error(reason: impl Into<String>, source: std::io::Error) -> AuditError {
    AuditError {
        reason: reason.into(),
        source: Some(Box::new(source)),
    }
}

/// The file beside a log whose name ends so.
fn beside(log: &Path, ending: &str) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
