//! The report as people read it: ids resolved, times and numbers put into words, text made safe to show.
//!
//! Every renderer for people starts from here, so that all of them say the same. Text is safe with regard to control
//! characters; escaping for HTML, Markdown or Slack is the renderer's.

mod cause;
mod dashboard;
mod facts;
mod fold;
mod link;
mod runbook;

use claw_core::entity::EntityRef;
use claw_core::report::{Report, Verdict};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::untrusted;
use super::words;

pub(crate) use cause::{Citation, Hypothesis, Recommendation, RuledOut, Term, Test};
pub(crate) use dashboard::Dashboard;
pub(crate) use facts::{Change, Evidence, Gap, Group, Moment, Part, Symptom, TimelineEntry};
pub(crate) use runbook::Runbook;

/// Longest name, in characters.
const NAME: usize = 120;
/// Longest title.
const TITLE: usize = 200;
/// Longest single statement.
const STATEMENT: usize = 600;
/// Longest paragraph.
const PARAGRAPH: usize = 2_000;
/// Longest command or diff.
const BLOCK: usize = 8_000;

/// A stable key for styling, and the word for readers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Labelled {
    /// Stable key.
    pub(crate) key: &'static str,
    /// What readers see.
    pub(crate) word: &'static str,
}

/// A probability in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Confidence {
    /// `87%`.
    pub(crate) percent: String,
    /// `very likely`.
    pub(crate) word: &'static str,
    /// Whole percent for bars, 0 to 100.
    pub(crate) bar: u32,
}

impl Confidence {
    fn new(value: f64) -> Self {
        Self {
            percent: words::percent(value),
            word: words::likelihood(value),
            bar: (words::probability(value) * 100.0).round() as u32,
        }
    }

    /// `very likely, 87%`.
    pub(crate) fn phrase(&self) -> String {
        format!("{}, {}", self.word, self.percent)
    }
}

/// An entity as shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Entity {
    /// `Deployment`.
    pub(crate) kind: String,
    /// `shop/payments`, or the bare name.
    pub(crate) path: String,
}

impl Entity {
    pub(crate) fn new(entity: &EntityRef) -> Self {
        let kind = match entity.kind.as_str() {
            EntityRef::EXTERNAL_HOST => "External host".to_owned(),
            kind => untrusted::line(kind, NAME),
        };
        Self {
            kind,
            path: untrusted::line(&entity.path(), NAME * 2),
        }
    }

    /// `Deployment shop/payments`.
    pub(crate) fn full(&self) -> String {
        format!("{} {}", self.kind, self.path)
    }
}

/// The whole report as people read it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct View {
    pub(crate) case: String,
    pub(crate) workflow: String,
    pub(crate) cluster: String,
    pub(crate) title: String,
    /// In paragraphs.
    pub(crate) summary: Vec<String>,
    pub(crate) verdict: Labelled,
    pub(crate) severity: &'static str,
    pub(crate) since: Option<Moment>,
    /// From the onset to the end of the window.
    pub(crate) lasting: Option<String>,
    pub(crate) window_start: Moment,
    pub(crate) window_end: Moment,
    pub(crate) window_length: String,
    pub(crate) subject: Vec<Entity>,
    pub(crate) hypotheses: Vec<Hypothesis>,
    pub(crate) recommendations: Vec<Recommendation>,
    pub(crate) ruled_out: Vec<RuledOut>,
    pub(crate) tests: Vec<Test>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) changes: Vec<Change>,
    pub(crate) symptoms: Vec<Symptom>,
    pub(crate) groups: Vec<Group>,
    pub(crate) timeline: Vec<TimelineEntry>,
    pub(crate) runbooks: Vec<Runbook>,
    pub(crate) dashboards: Vec<Dashboard>,
    pub(crate) evidence: Vec<Evidence>,
}

impl View {
    pub(crate) fn new(report: &Report) -> Self {
        let clock = Clockface::new(report);
        let cites = facts::Citations::new(report, &clock);
        let moment = |time| clock.moment(time);
        Self {
            case: untrusted::line(&report.case, NAME),
            workflow: untrusted::line(&report.workflow, NAME),
            cluster: untrusted::line(&report.cluster, NAME),
            title: untrusted::line(&report.title, TITLE),
            summary: paragraphs(&report.summary),
            verdict: Labelled {
                key: words::verdict_key(report.verdict),
                word: words::verdict(report.verdict, first_confidence(report)),
            },
            severity: words::severity(report.severity),
            since: report.since.map(moment),
            lasting: report.since.and_then(|since| {
                let seconds = report.window.end.as_second().saturating_sub(since.as_second());
                (seconds > 0).then(|| words::duration(seconds))
            }),
            window_start: clock.moment(report.window.start),
            window_end: clock.moment(report.window.end),
            window_length: words::duration(
                report
                    .window
                    .end
                    .as_second()
                    .saturating_sub(report.window.start.as_second()),
            ),
            subject: report.subject.iter().map(Entity::new).collect(),
            hypotheses: cause::hypotheses(report, &cites),
            recommendations: cause::recommendations(report),
            ruled_out: cause::ruled_out(report, &cites),
            tests: cause::tests(report),
            gaps: facts::gaps(report),
            changes: facts::changes(report, &clock),
            symptoms: facts::symptoms(report, &clock, &cites),
            groups: facts::groups(report),
            timeline: facts::timeline(report, &clock),
            runbooks: runbook::runbooks(report),
            dashboards: dashboard::dashboards(report),
            evidence: cites.into_evidence(),
        }
    }

    /// How many hypotheses belong to the answer: one, all that are about as likely, or none.
    pub(crate) fn leading(&self, report: &Report) -> usize {
        match report.verdict {
            Verdict::Ambiguous => self.hypotheses.len().min(3),
            Verdict::Healthy => 0,
            _ => self.hypotheses.len().min(1),
        }
    }

    /// The hypotheses that are neither the answer nor ruled out by name.
    pub(crate) fn others(&self, report: &Report) -> Vec<&Hypothesis> {
        let ruled_out = |cause: &str, entity: &Entity| {
            self.ruled_out
                .iter()
                .any(|out| out.cause == cause && out.entity == *entity)
        };
        self.hypotheses
            .iter()
            .skip(self.leading(report))
            .filter(|hypothesis| !ruled_out(&hypothesis.cause, &hypothesis.entity))
            .collect()
    }

    /// Heading over the leading hypotheses.
    pub(crate) fn cause_heading(&self, report: &Report) -> &'static str {
        match report.verdict {
            Verdict::Cause if first_confidence(report).is_some_and(|value| !words::is_likely(value)) => {
                "Possible cause"
            }
            Verdict::Cause => "Likely root cause",
            Verdict::Ambiguous => "About equally likely causes",
            Verdict::Healthy => "Nothing seen to be wrong",
            _ => "Cause not known",
        }
    }

    /// What stands in the place of a cause where there is none, or where it is doubtful.
    pub(crate) fn caveat(&self, report: &Report) -> Option<String> {
        let gaps = match self.gaps.len() {
            0 => String::new(),
            n => format!(
                " {} could not be seen; see below.",
                words::count(n, "source", "sources")
            ),
        };
        match (report.verdict, self.hypotheses.is_empty()) {
            (Verdict::Cause, false) => None,
            (Verdict::Cause, true) => Some(format!("No cause is named in this report.{gaps}")),
            (Verdict::Ambiguous, _) => Some(format!(
                "What was seen does not tell these causes apart. Check them in this order.{gaps}"
            )),
            (Verdict::Healthy, _) => Some(format!(
                "No symptom was found in the time and places that were looked at.{gaps}"
            )),
            (_, true) if report.symptoms.is_empty() => Some(format!(
                "Too little was seen to say whether anything is wrong.{gaps}"
            )),
            (_, true) => Some(format!(
                "Something is wrong, and what was seen does not say why.{gaps}"
            )),
            (_, false) => Some(format!(
                "Something is wrong, and what was seen does not say why. The best guess is below; do not rely on it.{gaps}"
            )),
        }
    }
}

/// The probability of the cause that is named first.
fn first_confidence(report: &Report) -> Option<f64> {
    report
        .hypotheses
        .iter()
        .min_by_key(|hypothesis| hypothesis.rank)
        .map(|hypothesis| hypothesis.confidence)
}

/// How times are written: with the date only if the report reaches over midnight.
#[derive(Clone, Debug)]
pub(crate) struct Clockface {
    onset: Option<Timestamp>,
    day: Option<jiff::civil::Date>,
}

impl Clockface {
    fn new(report: &Report) -> Self {
        let date = |time: Timestamp| TimeZone::UTC.to_datetime(time).date();
        let (start, end) = (date(report.window.start), date(report.window.end));
        Self {
            onset: report.since,
            day: (start == end).then_some(start),
        }
    }

    fn moment(&self, time: Timestamp) -> Moment {
        let same_day = self.day == Some(TimeZone::UTC.to_datetime(time).date());
        Moment {
            iso: time.to_string(),
            full: format!("{} UTC", time.strftime("%Y-%m-%d %H:%M:%S")),
            short: if same_day {
                time.strftime("%H:%M:%S").to_string()
            } else {
                time.strftime("%Y-%m-%d %H:%M:%S").to_string()
            },
            relative: self.onset.map(|onset| words::relative(time, onset)),
        }
    }
}

fn paragraphs(text: &str) -> Vec<String> {
    untrusted::block(text, PARAGRAPH)
        .split("\n\n")
        .map(|part| untrusted::line(part, PARAGRAPH * 2))
        .filter(|part| !part.is_empty())
        .collect()
}
