//! Revisions of workloads, what changed between them, and when.

mod diff;
mod edits;
mod rollout;
mod scalings;

pub(super) use diff::differences;
pub(super) use edits::edits;
pub use rollout::{History, Revision};
pub(super) use rollout::{Stored, histories};
pub(super) use scalings::{scalings, tells_of_scaling};
