//! The five steps of an investigation, in the order of the runbook.

pub(in crate::incident) mod analyze_logs;
mod check_dependencies;
mod correlate_changes;
pub(in crate::incident) mod gather_context;
mod installations;
mod outside;
mod reading;
mod search_logs;
mod synthesize;

pub(in crate::incident) use reading::{heard, is_silent, read, settle, unanswered};

pub use analyze_logs::AnalyzeLogs;
pub use check_dependencies::CheckDependencies;
pub use correlate_changes::CorrelateChanges;
pub use gather_context::GatherContext;
pub use synthesize::Synthesize;
