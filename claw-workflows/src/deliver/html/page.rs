//! What the template is given.

use claw_core::report::Report;
use jiff::Timestamp;
use serde::Serialize;

use super::{bars, timeline, topology};
use crate::deliver::view::{Hypothesis, View};

/// Most rows of a table. A page with more is of no use to a person; the JSON form has them all.
const ROWS: usize = 1_000;
/// Most entities that are named in one place.
const NAMES: usize = 40;

/// The page before it is written.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Page {
    view: View,
    heading: &'static str,
    caveat: Option<String>,
    /// The answer.
    leading: Vec<Cause>,
    /// What else it might be.
    others: Vec<Cause>,
    timeline: Option<timeline::Picture>,
    topology: Option<topology::Picture>,
    rows: usize,
    names_limit: usize,
}

#[derive(Clone, Debug, Serialize)]
struct Cause {
    hypothesis: Hypothesis,
    bars: Option<bars::Picture>,
}

impl Page {
    pub(super) fn new(report: &Report) -> Self {
        let view = View::new(report);
        let leading = view.leading(report);
        let cause = |hypothesis: &Hypothesis| Cause {
            hypothesis: hypothesis.clone(),
            bars: bars::Picture::new(hypothesis),
        };
        Self {
            heading: view.cause_heading(report),
            caveat: view.caveat(report),
            leading: view.hypotheses.iter().take(leading).map(cause).collect(),
            others: view.others(report).into_iter().map(cause).collect(),
            timeline: timeline::Picture::new(
                &view,
                report.window.start.as_second(),
                report.window.end.as_second(),
                report.since.map(Timestamp::as_second),
            ),
            topology: topology::Picture::new(&report.topology),
            rows: ROWS,
            names_limit: NAMES,
            view,
        }
    }
}
