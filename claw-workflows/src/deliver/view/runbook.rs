//! Runbooks: what was written down beforehand about such an incident.

use claw_core::report::{self, Report};
use serde::Serialize;

use super::link::can_be_linked;
use super::{NAME, STATEMENT, TITLE, untrusted};

/// Longest text of a runbook.
const TEXT: usize = 5_000;

/// A runbook as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Runbook {
    pub(crate) title: String,
    pub(crate) place: String,
    /// Its place, where that can be opened in a browser.
    pub(crate) link: Option<String>,
    pub(crate) because: String,
    /// Empty where only the place is known.
    pub(crate) text: String,
    pub(crate) calls: Vec<Call>,
}

/// A call that it asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Call {
    pub(crate) tool: String,
    pub(crate) input: String,
    pub(crate) answer: String,
}

pub(super) fn runbooks(report: &Report) -> Vec<Runbook> {
    report.runbooks.iter().map(shown).collect()
}

fn shown(runbook: &report::Runbook) -> Runbook {
    let call = |call: &report::RunbookCall| Call {
        tool: untrusted::line(&call.tool, NAME),
        input: untrusted::line(&call.input, STATEMENT),
        answer: match &call.answer {
            Some(answer) => untrusted::line(answer, TEXT),
            None => "no answer; see what could not be seen".to_owned(),
        },
    };
    Runbook {
        title: untrusted::line(&runbook.title, TITLE),
        place: untrusted::line(&runbook.place, STATEMENT),
        link: can_be_linked(&runbook.place).then(|| runbook.place.clone()),
        because: untrusted::line(&runbook.because.join("; "), STATEMENT),
        text: untrusted::block(&runbook.text, TEXT),
        calls: runbook.calls.iter().map(call).collect(),
    }
}
