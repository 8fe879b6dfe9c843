//! Runbooks: what was written down beforehand about such an incident.

use claw_core::report::{self, Report};
use serde::Serialize;

use super::{NAME, STATEMENT, TITLE, untrusted};

/// Longest text of a runbook.
const TEXT: usize = 5_000;
/// Longest address of a link.
const ADDRESS: usize = 500;

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

/// Whether it is an address of a page of which no character means anything in Markdown, HTML or Slack's markup.
fn can_be_linked(place: &str) -> bool {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&+,;=%".contains(c);
    let rest = place
        .strip_prefix("https://")
        .or_else(|| place.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
        && place.len() <= ADDRESS
        && place.chars().all(harmless)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_of_pages_are_links() {
        for place in [
            "https://runbooks.example.com/kube/pod?x=1&y=2#top",
            "http://10.0.0.1:8080/a",
        ] {
            assert!(can_be_linked(place), "{place}");
        }
        for place in [
            "runbooks/cart.md",
            "javascript:alert(1)",
            "https://",
            "https://a.example/)[x](javascript:1",
            "https://a.example/\"onclick=1",
            "https://a.example/a b",
            "https://a.example/|<!channel>",
        ] {
            assert!(!can_be_linked(place), "{place}");
        }
    }
}
