//! Names in a report the runbooks that fit it.

use claw_core::report::{self, Gap, Report, Verdict};

use super::Runbooks;
use super::follow::SOURCE;
use crate::deliver::untrusted::truncate;
use crate::incident::case::Case;

/// Causes whose mechanisms count, from the first on.
const CAUSES: usize = 3;
/// A cause that is less sure is none to look up.
const LIKELY_ENOUGH: f64 = 0.2;
/// Runbooks that one report names.
const MOST: usize = 10;
/// Characters that are kept of a runbook's text.
const TEXT: usize = 4_000;
/// Annotations by which rules name a page about the alert.
const ANNOTATIONS: [&str; 2] = ["runbook_url", "runbook"];

impl Runbooks {
    /// Names the runbooks that were followed, those that fit the best causes, and the pages that alerts name themselves. A
    /// report that names no cause has none to look up.
    pub(in crate::incident) fn name_in(&self, report: &mut Report, case: &Case) {
        let mut named = case.runbooks.clone();
        let answered = matches!(report.verdict, Verdict::Cause | Verdict::Ambiguous);
        for runbook in self.0.iter().filter(|_| answered) {
            let causes = report.hypotheses.iter().take(CAUSES);
            let fitting = causes
                .filter(|cause| cause.confidence >= LIKELY_ENOUGH)
                .find(|cause| runbook.fits.mechanism(&cause.mechanism));
            let Some(cause) = fitting else { continue };
            let because = format!("cause {} is {}", cause.rank, cause.mechanism);
            match named.iter_mut().find(|named| named.place == runbook.place) {
                Some(known) => known.because.push(because),
                None => {
                    let mut entry = runbook.entry(because);
                    if !runbook.calls.is_empty() {
                        let note =
                            "its calls were not made: it fits the cause, which is known last, and no alert";
                        entry.because.push(note.to_owned());
                    }
                    named.push(entry);
                }
            }
        }
        for page in pages(case) {
            if !named.iter().any(|known| known.place == page.place) {
                named.push(page);
            }
        }
        let left: Vec<String> = named
            .drain(MOST.min(named.len())..)
            .map(|one| one.title)
            .collect();
        if !left.is_empty() {
            report.gaps.push(Gap {
                source: SOURCE.to_owned(),
                reason: format!(
                    "more runbooks fit than a report names ({MOST}); left out: {}",
                    left.join(", ")
                ),
                remedy: "narrow what they match".to_owned(),
            });
            report.gaps.sort();
        }
        for runbook in &mut named {
            runbook.text = truncate(&runbook.text, TEXT).into_owned();
        }
        report.runbooks = named;
    }
}

/// The pages that alerts name in their annotations.
fn pages(case: &Case) -> Vec<report::Runbook> {
    let mut pages: Vec<report::Runbook> = Vec::new();
    for alert in &case.incident.alerts {
        let annotation = ANNOTATIONS.iter().find_map(|name| alert.annotations.get(*name));
        let is_address = |text: &&String| text.starts_with("https://") || text.starts_with("http://");
        let Some(address) = annotation.filter(is_address) else {
            continue;
        };
        if pages.iter().any(|page| page.place == *address) {
            continue;
        }
        pages.push(report::Runbook {
            title: format!("Runbook of {}", alert.name().unwrap_or("the alert")),
            place: address.clone(),
            because: vec!["the alert names it".to_owned()],
            text: String::new(),
            calls: Vec::new(),
        });
    }
    pages
}
