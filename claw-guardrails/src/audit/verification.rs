//! The result of a check.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::chain::Note;
use super::head::Head;

/// What is wrong at one place of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// The first line is not the header of a log of this format.
    Header,
    /// The line is not a record.
    Malformed,
    /// The record's content does not have the record's hash.
    Altered,
    /// Records are missing before this one.
    Missing,
    /// The record stands in the wrong place, or twice.
    OutOfPlace,
    /// The record does not follow from the one before it.
    Unlinked,
    /// The last line has no end.
    Incomplete,
    /// Records are missing at the end.
    Truncated,
    /// The log is not the one that the head was taken of.
    OtherLog,
    /// The head file beside the log is gone: whether records are missing at the end cannot be seen.
    HeadMissing,
}

/// One thing that is wrong with a log, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Line in the file, from 1.
    pub line: u64,
    /// Sequence of the record that belongs there, from 0; `None` for the header.
    pub record: Option<u64>,
    /// What kind of problem.
    pub kind: ProblemKind,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(record) = self.record {
            write!(f, ", record {record}")?;
        }
        write!(f, ": {}; {}", self.reason, self.remedy)
    }
}

/// What the end of a log was compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Anchor {
    /// Nothing: records that were cut off the end would not be seen.
    None,
    /// A head that says how many records there were at least.
    Head(Head),
}

/// How a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum End {
    /// It was closed in order.
    Closed,
    /// Its agent is running, or was killed, or the end was cut off.
    Open,
}

/// Something that the log records about itself, and that a reader of it has to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Noted {
    /// Line in the file, from 1.
    pub line: u64,
    /// Sequence of the record, from 0.
    pub record: u64,
    /// What it says.
    pub note: Note,
}

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, record {}: ", self.line, self.record)?;
        match &self.note {
            Note::Recovered { time, bytes, .. } => write!(
                f,
                "note: a crash left {bytes} bytes of a record that nobody had been told was safe; they were cut off at {time}"
            ),
            Note::HeadMissing { time } => write!(
                f,
                "note: the head file was gone when the log was opened at {time}; what may have been cut off before cannot \
                 be seen, so compare with a head that was kept elsewhere"
            ),
            Note::Closed { time } => write!(f, "note: closed in order at {time}"),
        }
    }
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Tells the log from others; empty when the header cannot be read.
    pub log: String,
    /// When the log was begun, where the header can be read.
    pub created: Option<Timestamp>,
    /// Number of lines that were read as records.
    pub records: u64,
    /// Hash of the last record, or of the header when there is none. Keep it elsewhere as a head.
    pub hash: String,
    /// What the end was compared with.
    pub anchor: Anchor,
    /// How the log ends.
    pub end: End,
    /// What is wrong, in the order of the file; at most 100 problems are listed.
    pub problems: Vec<Problem>,
    /// How many problems there are.
    pub problem_count: u64,
    /// Where the log was taken up after a crash or without its head file; at most 100 notes are listed.
    pub notes: Vec<Noted>,
    /// How many of these notes there are.
    pub note_count: u64,
}

impl Verification {
    /// Whether nothing was found to be wrong.
    pub fn is_intact(&self) -> bool {
        self.problem_count == 0
    }

    /// How far the log goes, to be kept elsewhere. `None` when the log is not intact.
    pub fn head(&self) -> Option<Head> {
        self.is_intact().then(|| Head {
            log: self.log.clone(),
            records: self.records,
            hash: self.hash.clone(),
        })
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_intact() { "intact" } else { "NOT intact" };
        write!(f, "audit log {}: {state}, {} records", self.log, self.records)?;
        match (&self.anchor, self.end) {
            (Anchor::Head(head), _) => write!(f, ", end checked against a head at {} records", head.records)?,
            (Anchor::None, End::Closed) => f.write_str(", closed in order")?,
            (Anchor::None, End::Open) => {
                f.write_str(", end not checked: no head, and the log was not closed in order")?;
            }
        }
        for problem in &self.problems {
            write!(f, "\n{problem}")?;
        }
        let listed = self.problems.len() as u64;
        if self.problem_count > listed {
            write!(f, "\nand {} more problems", self.problem_count - listed)?;
        }
        for noted in &self.notes {
            write!(f, "\n{noted}")?;
        }
        let listed = self.notes.len() as u64;
        if self.note_count > listed {
            write!(f, "\nand {} more notes", self.note_count - listed)?;
        }
        Ok(())
    }
}
