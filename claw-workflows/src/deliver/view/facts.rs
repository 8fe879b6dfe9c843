//! What was seen: evidence, symptoms, changes, the story in time.

use std::collections::BTreeMap;

use claw_core::evidence::EvidenceId;
use claw_core::report::{ChangeAssessment, Report, Verdict};
use jiff::Timestamp;
use serde::Serialize;

use super::cause::Citation;
use super::{Clockface, Confidence, Entity, Labelled, NAME, STATEMENT, untrusted};
use crate::deliver::words;

/// Lines of a difference that are shown.
const DETAIL_LINES: usize = 20;

/// A point in time as shown. All times are UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Moment {
    /// For machines.
    pub(crate) iso: String,
    /// `2026-03-01 02:14:05 UTC`.
    pub(crate) full: String,
    /// `02:14:05`, with the date if that is not clear.
    pub(crate) short: String,
    /// `6 min before onset`.
    pub(crate) relative: Option<String>,
}

/// One observed fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Evidence {
    pub(crate) id: String,
    pub(crate) entity: Entity,
    pub(crate) time: Option<Moment>,
    pub(crate) statement: String,
    pub(crate) source: String,
    pub(crate) tool: String,
    pub(crate) digest: String,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Symptom {
    pub(crate) id: String,
    pub(crate) entity: Entity,
    pub(crate) severity: &'static str,
    pub(crate) since: Option<Moment>,
    pub(crate) statement: String,
    pub(crate) evidence: Vec<Citation>,
}

/// What was changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Change {
    pub(crate) reference: String,
    pub(crate) time: Moment,
    pub(crate) kind: &'static str,
    pub(crate) entity: Entity,
    pub(crate) summary: String,
    pub(crate) detail: Vec<String>,
    pub(crate) author: Option<String>,
    pub(crate) blamed: bool,
    pub(crate) part: Part,
    /// The answer to whether it is to blame, for tables: a key for styling and the word.
    pub(crate) answer: Labelled,
    /// `None` where nothing was seen from which a probability would follow.
    pub(crate) confidence: Option<Confidence>,
    pub(crate) reason: String,
}

/// What is known of the part that a change has in the trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// The likely cause rests on it.
    Blamed,
    /// A cause rests on it that is possible, and not more.
    Possible,
    /// A cause rests on it that is unlikely.
    Unlikely,
    /// Something speaks against it.
    Cleared,
    /// Nothing leads from it to the trouble, and nothing speaks against it.
    Unlinked,
}

impl Part {
    fn new(assessment: &ChangeAssessment, report: &Report) -> Self {
        let confidence = words::probability(assessment.confidence);
        let after = report.since.is_some_and(|since| assessment.change.time > since);
        let cleared = match report.verdict {
            // Another cause is found, and next to nothing is left for the one that rests on this.
            Verdict::Cause => words::is_remote(confidence),
            _ => false,
        };
        match assessment.blamed {
            true if words::is_likely(confidence) => Self::Blamed,
            true => Self::Possible,
            false if confidence <= 0.0 && after => Self::Cleared,
            false if confidence <= 0.0 => Self::Unlinked,
            false if words::is_possible(confidence) => Self::Possible,
            false if cleared => Self::Cleared,
            false => Self::Unlikely,
        }
    }

    /// `Not to blame`.
    pub(crate) fn phrase(self) -> &'static str {
        match self {
            Self::Blamed => "To blame",
            Self::Possible => "Possibly to blame",
            Self::Unlikely => "Unlikely to blame",
            Self::Cleared => "Not to blame",
            Self::Unlinked => "Not linked",
        }
    }

    fn answer(self) -> Labelled {
        let (key, word) = match self {
            Self::Blamed => ("yes", "yes"),
            Self::Possible => ("warning", "possibly"),
            Self::Unlikely => ("unlikely", "unlikely"),
            Self::Cleared => ("no", "no"),
            Self::Unlinked => ("unlinked", "not linked"),
        };
        Labelled { key, word }
    }
}

/// What could not be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Gap {
    pub(crate) source: String,
    pub(crate) reason: String,
    pub(crate) remedy: String,
}

/// Symptoms that have one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Group {
    pub(crate) entity: Entity,
    pub(crate) cause: String,
    pub(crate) members: Vec<Entity>,
}

/// A moment in the story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TimelineEntry {
    /// Seconds since 1970.
    pub(crate) second: i64,
    pub(crate) time: Moment,
    pub(crate) lane: &'static str,
    pub(crate) entity: Entity,
    pub(crate) text: String,
    pub(crate) severity: &'static str,
}

/// Evidence by id.
#[derive(Clone, Debug)]
pub(crate) struct Citations {
    evidence: Vec<Evidence>,
    index: BTreeMap<EvidenceId, usize>,
}

impl Citations {
    pub(super) fn new(report: &Report, clock: &Clockface) -> Self {
        let mut index = BTreeMap::new();
        for (position, evidence) in report.evidence.iter().enumerate() {
            index.entry(evidence.id.clone()).or_insert(position);
        }
        let evidence = report
            .evidence
            .iter()
            .map(|evidence| Evidence {
                id: untrusted::line(&evidence.id.to_string(), NAME),
                entity: Entity::new(&evidence.entity),
                time: evidence.time.map(|time| clock.moment(time)),
                statement: untrusted::line(&evidence.statement, STATEMENT),
                source: untrusted::line(&evidence.source.to_string(), STATEMENT),
                tool: untrusted::line(&evidence.tool, NAME),
                digest: untrusted::line(&evidence.digest, NAME),
            })
            .collect();
        Self { evidence, index }
    }

    pub(super) fn all(&self, ids: &[EvidenceId]) -> Vec<Citation> {
        ids.iter().map(|id| self.one(id)).collect()
    }

    fn one(&self, id: &EvidenceId) -> Citation {
        let index = self.index.get(id).copied();
        let id = untrusted::line(&id.to_string(), NAME);
        match index.and_then(|index| self.evidence.get(index)) {
            Some(evidence) => Citation {
                id,
                index,
                statement: evidence.statement.clone(),
                entity: Some(evidence.entity.clone()),
                time: evidence.time.as_ref().map(|time| time.short.clone()),
                alike: Vec::new(),
            },
            None => Citation {
                id,
                index: None,
                statement: "this evidence is not part of the report".to_owned(),
                entity: None,
                time: None,
                alike: Vec::new(),
            },
        }
    }

    pub(super) fn into_evidence(self) -> Vec<Evidence> {
        self.evidence
    }
}

pub(super) fn symptoms(report: &Report, clock: &Clockface, cites: &Citations) -> Vec<Symptom> {
    report
        .symptoms
        .iter()
        .map(|finding| Symptom {
            id: untrusted::line(&finding.id, NAME),
            entity: Entity::new(&finding.entity),
            severity: words::severity(finding.severity),
            since: finding.since.map(|time| clock.moment(time)),
            statement: untrusted::line(&finding.statement, STATEMENT),
            evidence: cites.all(&finding.evidence),
        })
        .collect()
}

pub(super) fn changes(report: &Report, clock: &Clockface) -> Vec<Change> {
    report
        .changes
        .iter()
        .map(|assessment| {
            let change = &assessment.change;
            let part = Part::new(assessment, report);
            let mut detail: Vec<_> = change
                .detail
                .iter()
                .take(DETAIL_LINES)
                .map(|line| untrusted::line(line, STATEMENT))
                .collect();
            let more = change.detail.len().saturating_sub(DETAIL_LINES);
            if more > 0 {
                detail.push(format!("… and {}", words::count(more, "more line", "more lines")));
            }
            Change {
                reference: untrusted::line(&change.reference, NAME),
                time: clock.moment(change.time),
                kind: words::change_kind(change.kind),
                entity: Entity::new(&change.entity),
                summary: untrusted::line(&change.summary, STATEMENT),
                detail,
                author: change
                    .author
                    .as_deref()
                    .map(|author| untrusted::line(author, NAME)),
                blamed: assessment.blamed,
                part,
                answer: part.answer(),
                confidence: (part != Part::Unlinked).then(|| Confidence::new(assessment.confidence)),
                reason: untrusted::line(&assessment.reason, STATEMENT),
            }
        })
        .collect()
}

pub(super) fn gaps(report: &Report) -> Vec<Gap> {
    report
        .gaps
        .iter()
        .map(|gap| Gap {
            source: untrusted::line(&gap.source, NAME),
            reason: untrusted::line(&gap.reason, STATEMENT),
            remedy: untrusted::line(&gap.remedy, STATEMENT),
        })
        .collect()
}

pub(super) fn groups(report: &Report) -> Vec<Group> {
    report
        .groups
        .iter()
        .map(|group| Group {
            entity: Entity::new(&group.entity),
            cause: untrusted::line(&group.cause, STATEMENT),
            members: group.members.iter().map(Entity::new).collect(),
        })
        .collect()
}

/// In order of time, whatever the order in the report is.
pub(super) fn timeline(report: &Report, clock: &Clockface) -> Vec<TimelineEntry> {
    let mut entries: Vec<_> = report.timeline.iter().collect();
    entries.sort_by_key(|entry| (entry.time, entry.lane));
    entries
        .into_iter()
        .map(|entry| TimelineEntry {
            second: Timestamp::as_second(entry.time),
            time: clock.moment(entry.time),
            lane: words::lane(entry.lane),
            entity: Entity::new(&entry.entity),
            text: untrusted::line(&entry.text, STATEMENT),
            severity: words::severity(entry.severity),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::sample;

    /// What is said of the second change, 5 min before the onset or so many seconds after it.
    fn said(verdict: Verdict, blamed: bool, confidence: f64, after: Option<i64>) -> Change {
        let mut report = sample::incident();
        report.verdict = verdict;
        let onset = report.since.unwrap();
        let change = &mut report.changes[1];
        change.blamed = blamed;
        change.confidence = confidence;
        change.change.time = onset + jiff::SignedDuration::from_secs(after.unwrap_or(-300));
        changes(&report, &Clockface::new(&report)).remove(1)
    }

    #[test]
    fn only_what_something_speaks_against_is_not_to_blame() {
        let part = |verdict, blamed, confidence| said(verdict, blamed, confidence, None).part;
        assert_eq!(part(Verdict::Cause, true, 0.8), Part::Blamed);
        assert_eq!(part(Verdict::Cause, true, 0.4), Part::Possible);
        assert_eq!(part(Verdict::Ambiguous, false, 0.4), Part::Possible);
        assert_eq!(part(Verdict::Cause, false, 0.02), Part::Cleared);
        assert_eq!(part(Verdict::Cause, false, 0.2), Part::Unlikely);
        assert_eq!(part(Verdict::Unknown, false, 0.02), Part::Unlikely);
        for verdict in [Verdict::Cause, Verdict::Unknown, Verdict::Healthy] {
            assert_eq!(part(verdict, false, 0.0), Part::Unlinked);
            assert_eq!(said(verdict, false, 0.0, Some(60)).part, Part::Cleared);
        }
    }

    #[test]
    fn what_is_not_linked_has_no_probability() {
        let unlinked = said(Verdict::Cause, false, 0.0, None);
        assert_eq!(
            (unlinked.part.phrase(), unlinked.confidence),
            ("Not linked", None)
        );
        assert!(said(Verdict::Cause, false, 0.0, Some(60)).confidence.is_some());
    }
}
