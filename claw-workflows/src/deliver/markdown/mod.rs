//! The report as Markdown, for tickets and pull requests.

mod escape;
mod sections;
mod tables;

use claw_core::report::Report;

use super::view::View;

/// The report as Markdown (CommonMark with GitHub's tables).
pub fn render(report: &Report) -> String {
    let view = View::new(report);
    let mut out = String::new();
    sections::head(&mut out, &view);
    sections::causes(&mut out, &view, report);
    sections::actions(&mut out, &view);
    sections::runbooks(&mut out, &view);
    sections::dashboards(&mut out, &view);
    sections::gaps(&mut out, &view);
    tables::other_causes(&mut out, &view, report);
    sections::ruled_out(&mut out, &view);
    sections::tests(&mut out, &view);
    tables::changes(&mut out, &view);
    tables::symptoms(&mut out, &view);
    sections::groups(&mut out, &view);
    tables::timeline(&mut out, &view);
    tables::evidence(&mut out, &view);
    out
}

#[cfg(test)]
mod tests;
