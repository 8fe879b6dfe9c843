//! The report as JSON: whole, or in the short form that a replay prints.
//!
//! Both have a stable order of fields and are the same to the byte for equal reports. Characters that a terminal would
//! obey or that reorder text are written as `\u` escapes, so the text is neither changed nor able to deceive.

mod replay;
mod visible;

use claw_core::report::Report;

pub use replay::{Replay, ReplayChange, ReplayEvidence, ReplayHypothesis};

/// The whole report, indented, with a line end.
pub fn render(report: &Report) -> String {
    visible::to_string(report)
}

#[cfg(test)]
mod tests;
