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
//!   tree](merkle) over them, and of when the next one is due ([`checkpoint`]);
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
//! Old segments can be deleted, by the settings. What is left verifies by the subtrees in its first header, if a checkpoint is
//! there that was made after them. That a deletion was meant is on record, and signed, before it is made.
//!
//! # What a check can see
//!
//! [`verify_file`] finds every flipped, inserted or dropped byte and every altered, dropped, inserted or moved record or
//! segment. The chain has no secret in it, though: who can write the files can make new records with new hashes, and a new
//! head. Three things hold against that.
//!
//! - *Checkpoints.* They are signed, and who has the files does not have the key, if it lies elsewhere
//!   ([`AuditSettings::key_file`]) or is its owner's alone. Records that a checkpoint vouches for cannot be changed unseen. Nor
//!   can checkpoints be taken away unseen: each says, under its signature, after how many events the next one comes at the
//!   latest ([`checkpoint::Cadence`]), and the agent makes one before it begins a segment, before it deletes segments, and when
//!   it closes the log. What does not have them is a problem ([`ProblemKind::Unsigned`]).
//! - *The agent signs nothing that it does not know.* A log that is opened again has to follow from the last checkpoint, by the
//!   same bound; what little comes after it is signed with a note that says so ([`Note::Unsigned`]). A log without checkpoints,
//!   with another key, or of the first format is not opened, unless the settings say so
//!   ([`AuditSettings::adopt_unsigned`], [`AuditSettings::previous_keys`]).
//! - *What is kept elsewhere.* By its public key ([`FileAuditLog::verifier_key`]) it is seen that a log was written anew with
//!   another. By checkpoints in another place ([`CheckpointSink`](claw_core::audit::CheckpointSink)) everything is seen that
//!   they are about, even when the key was stolen.
//!
//! # What a check cannot see
//!
//! From the files alone, and without the key, these cannot be told from what a crash leaves:
//!
//! - *A change of what comes after the last checkpoint*: at most [`AuditSettings::checkpoint_records`] events (1,000), and what was
//!   recorded in [`AuditSettings::checkpoint_seconds`] (60). [`Checkpoints::unsigned`] says how many there are.
//! - *All files together, set back to an earlier moment*, with at most so many events after that. [`Checkpoints::time`] says
//!   which moment that would be. The remedy is to keep checkpoints elsewhere, and to give them to the check
//!   ([`CheckpointCheck::Kept`]); an agent with a sink that can be read back does not go on from such files either.
//!
//! The head file shows that whole records were cut off the end by accident, or by somebody who forgot about it. It is written
//! after each record and not forced to disk, so that it may lag behind after a power failure. It is never ahead. That it is gone
//! is a problem of its own; a log that went on without it says so in a note. A [`Head`] that was kept elsewhere is as good as a
//! checkpoint that was, for the end of the log. A log that was closed in order ends with a note that says so ([`End::Closed`]).

mod chain;
mod check;
pub mod checkpoint;
mod cursor;
mod entry;
mod file;
mod files;
mod head;
mod lines;
mod medium;
mod memory;
pub mod merkle;
mod open;
mod otlp;
mod proved;
mod records;
mod recovery;
mod segments;
mod settings;
mod signing;
mod snapshot;
mod story;
mod trust;
mod verification;
mod verify;
mod witness;
mod writer;

pub use entry::{After, Entry, Header, Note, Record};
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
pub use witness::{Comparison, Mismatch, Witness, Witnessed};

/// Longest line of a log, in bytes. An event that makes a longer one is refused.
pub const MAX_LINE: usize = 4 * 1024 * 1024;
/// What a record adds to its event at most, in bytes.
const ENVELOPE: usize = 512;

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
