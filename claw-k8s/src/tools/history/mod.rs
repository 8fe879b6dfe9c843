//! Revisions of workloads, what changed between them, and when.

mod diff;
mod edits;
mod rollout;

pub(super) use diff::differences;
pub(super) use edits::{edits, scalings};
pub use rollout::{History, Revision};
pub(super) use rollout::{Stored, histories};
