//! The audit log: an append-only file whose records are chained by hash.
//!
//! # Format
//!
//! One JSON object a line, UTF-8, each line ended by a line feed. Objects are written as RFC 8785 has it
//! ([`claw_core::canonical`]); integers that it does not know, as strings of their digits.
//!
//! - The first line is the header: `{"created":…,"format":2,"log":…,"hash":…}`.
//! - Every other line is a record: `{"event":…,"prev":…,"sequence":…,"hash":…}`. Records that the log makes about
//!   itself have a `note` in place of the `event`.
//!
//! `hash` is the SHA-256, in hexadecimal, of the line without its last member, that is of
//! `{"event":…,"prev":…,"sequence":…}`. `prev` is the hash of the line before. `sequence` counts from 0.
//!
//! Beside the log `audit.jsonl` lies `audit.jsonl.head`: how many records there are, and the hash of the last one.
//!
//! # What a check can see
//!
//! [`verify_file`] finds every flipped, inserted or dropped byte and every altered, dropped, inserted or moved record.
//! Three things need more than the log itself:
//!
//! - *Whole records cut off at the end.* The chain up to there is intact. The head file shows it; that it is gone is a
//!   problem of its own. If it was cut back as well, only a [`Head`] that was kept elsewhere shows it: give it to
//!   [`verify_file_with`]. A log that went on without its head file says so in a note ([`Verification::notes`]). A log that was
//!   closed in order ends with a note that says so ([`End::Closed`]); one that was cut ends with [`End::Open`], like
//!   that of an agent that is running or was killed.
//! - *A log that was written anew as a whole.* The chain has no secret in it. Again a head kept elsewhere shows it.
//! - *The last few records after a power failure.* Records are on disk before they are acknowledged. The head file is
//!   written after that and not forced to disk each time, so that it may lag behind. It is never ahead.

mod chain;
mod file;
mod head;
mod lines;
mod medium;
mod memory;
pub mod merkle;
mod open;
mod story;
mod verification;
mod verify;
mod writer;

pub use chain::{Entry, Header, Note, Record};
pub use file::FileAuditLog;
pub use head::{Head, ParseHeadError, head_path};
pub use memory::MemoryAuditLog;
pub use story::{Story, show, show_file};
pub use verification::{Anchor, End, Noted, Problem, ProblemKind, Verification};
pub use verify::{EndCheck, VerifyError, verify, verify_file, verify_file_with};

/// Longest line of a log, in bytes. An event that makes a longer one is refused.
pub const MAX_LINE: usize = 4 * 1024 * 1024;

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

#[cfg(test)]
mod tests;
