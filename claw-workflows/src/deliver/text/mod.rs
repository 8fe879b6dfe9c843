//! The report for a terminal: cause, evidence and action on the first screen, the rest below.

mod page;
mod sections;

use claw_core::report::Report;
use serde::Deserialize;

use super::view::View;
use page::Page;

/// How the text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Columns; between 40 and 160, whatever is asked for. Default 100.
    pub width: usize,
    /// Whether to use ANSI colours. Off by default: the reader may be a file.
    pub colour: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            width: 100,
            colour: false,
        }
    }
}

/// The report as text. Commands are never wrapped, so that they can be copied.
pub fn render(report: &Report, options: Options) -> String {
    let view = View::new(report);
    let mut page = Page::new(options.width.clamp(40, 160), options.colour);
    sections::head(&mut page, &view);
    sections::causes(&mut page, &view, report);
    sections::actions(&mut page, &view);
    sections::runbooks(&mut page, &view);
    sections::dashboards(&mut page, &view);
    sections::gaps(&mut page, &view);
    sections::other_causes(&mut page, &view, report);
    sections::ruled_out(&mut page, &view);
    sections::tests(&mut page, &view);
    sections::changes(&mut page, &view);
    sections::symptoms(&mut page, &view);
    sections::groups(&mut page, &view);
    sections::timeline(&mut page, &view);
    page.finish()
}

#[cfg(test)]
mod tests;
