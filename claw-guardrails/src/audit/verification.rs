//! The result of a check.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::checkpoint::Cadence;
use super::entry::Note;
use super::head::Head;
use super::merkle::TreeHash;

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
    /// Segments are missing at the beginning, and the log does not say that they were to be deleted.
    SegmentMissing,
    /// A checkpoint is damaged, or is signed by another key, or not as it should be.
    Checkpoint,
    /// The records are not those that a checkpoint was signed for.
    Root,
    /// The file of checkpoints is gone, or has none.
    CheckpointsMissing,
    /// Earlier segments are gone, and no checkpoint says what was in them.
    Unanchored,
    /// There is more after the last checkpoint than the agent leaves there: checkpoints were taken away, or the rest was
    /// written by somebody else.
    Unsigned,
}

/// A file of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// The segment that is written.
    #[default]
    Current,
    /// The sealed segment of that number.
    Sealed(u64),
    /// The file of checkpoints.
    Checkpoints,
    /// The file of checkpoints that were kept elsewhere.
    KeptCheckpoints,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => Ok(()),
            Self::Sealed(index) => write!(f, "segment {index:06}, "),
            Self::Checkpoints => f.write_str("checkpoints, "),
            Self::KeptCheckpoints => f.write_str("kept checkpoints, "),
        }
    }
}

/// What is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gone {
    /// How many segments, from the first.
    pub segments: u64,
    /// How many records, from the first.
    pub records: u64,
    /// Whether the log says that they were to be deleted.
    pub retired: bool,
}

/// What was found of the checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checkpoints {
    /// How many were checked: signature, and root of the tree over the records. One that is about no record does not count.
    pub checked: u64,
    /// How many of these were kept elsewhere.
    pub kept: u64,
    /// How many are about records that are gone, so that only their signature was checked.
    pub unmatched: u64,
    /// How many records the last one that fits is about: so far the log is as its agent wrote it.
    pub last: Option<u64>,
    /// When that one was made, where it says so.
    pub time: Option<Timestamp>,
    /// When it says that the next one comes at the latest.
    pub next: Option<Cadence>,
    /// How many records come after it. Their hashes alone guard them, and anybody can make hashes.
    pub unsigned: u64,
    /// The public keys that they had to be signed with.
    pub keys: Vec<String>,
    /// Whether these keys were given, rather than taken from the log itself.
    pub trusted: bool,
}

/// One thing that is wrong with a log, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// In which file.
    pub part: Part,
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
        write!(f, "{}line {}", self.part, self.line)?;
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
    /// Nothing: this head was taken before the first record that is still there.
    Passed(Head),
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
    /// In which file.
    pub part: Part,
    /// Line in the file, from 1.
    pub line: u64,
    /// Sequence of the record, from 0.
    pub record: u64,
    /// What it says.
    pub note: Note,
}

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}line {}, record {}: ", self.part, self.line, self.record)?;
        match &self.note {
            Note::Recovered { time, bytes, .. } => write!(
                f,
                "note: a crash left {bytes} bytes that nobody had been told were safe; they were cut off at {time}"
            ),
            Note::HeadMissing { time } => write!(
                f,
                "note: the head file was gone when the log was opened at {time}; what may have been cut off before cannot \
                 be seen, so compare with a head that was kept elsewhere"
            ),
            Note::Unsigned { time, after, records } => write!(
                f,
                "note: the log was opened at {time} with the records {after} to {} behind its last checkpoint, so that \
                 nothing but their hashes says that they are the agent's: compare with checkpoints that were kept elsewhere",
                records.saturating_sub(1)
            ),
            Note::KeyChanged { time, from, .. } => write!(
                f,
                "note: the key was changed at {time}; before, checkpoints were signed with {from}"
            ),
            Note::Closed { time } => write!(f, "note: closed in order at {time}"),
            Note::Sealed { time, .. } => write!(f, "note: the segment was sealed at {time}"),
            Note::Retired {
                time,
                segments,
                records,
            } => write!(
                f,
                "note: at {time} the first {segments} segments, with {records} records, were deleted as the settings ask"
            ),
        }
    }
}

impl fmt::Display for Checkpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(last) = self.last else {
            return f.write_str("checkpoints: none that could be compared with the records");
        };
        let whose = if self.trusted {
            "the key that was given"
        } else {
            "the key that the log itself names, which shows nothing if the log was written anew; give the one that was kept (--key)"
        };
        let time = self.time.map(|time| format!(" of {time}")).unwrap_or_default();
        match last {
            0 => write!(
                f,
                "checkpoints: none is about a record yet; the first{time} is signed by {whose}"
            )?,
            _ => write!(
                f,
                "checkpoints: {} compared with the records, the last at {last}{time}, signed by {whose}",
                self.checked
            )?,
        }
        if self.unmatched > 0 {
            write!(f, "; {} more are about records that are gone", self.unmatched)?;
        }
        if self.unsigned > 0 {
            write!(
                f,
                "\nafter the last checkpoint: {} records, which only their hashes guard, so that who can write the files can \
                 have made them",
                self.unsigned
            )?;
            if let Some(Cadence { records, seconds }) = self.next {
                write!(
                    f,
                    "; the agent makes the next checkpoint after {records} events or {seconds} seconds at the latest"
                )?;
            }
        }
        if self.kept == 0 {
            f.write_str(
                "\nnot to be seen here: whether all files together were set back to an earlier moment; compare with \
                 checkpoints that were kept elsewhere (--checkpoints)",
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = if self.retired {
            "deleted as the log's settings ask"
        } else {
            "and the log does not say why"
        };
        write!(
            f,
            "gone: the first {} segments, with records 0 to {}, {why}",
            self.segments,
            self.records.saturating_sub(1)
        )
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
    /// Number of segments that were read.
    pub segments: u64,
    /// What is not there any more, if anything.
    pub gone: Option<Gone>,
    /// Hash of the last record, or of the header when there is none. Keep it elsewhere as a head.
    pub hash: String,
    /// Root of the tree over all records, those that are gone included; `None` when some could not be read.
    pub root: Option<TreeHash>,
    /// What the end was compared with.
    pub anchor: Anchor,
    /// What was found of the checkpoints; `None` when they were not looked at.
    pub checkpoints: Option<Checkpoints>,
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
            records: self
                .gone
                .map_or(0, |gone| gone.records)
                .saturating_add(self.records),
            hash: self.hash.clone(),
        })
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_intact() { "intact" } else { "NOT intact" };
        write!(f, "audit log {}: {state}, {} records", self.log, self.records)?;
        if self.segments > 1 {
            write!(f, " in {} segments", self.segments)?;
        }
        match (&self.anchor, self.end) {
            (Anchor::Head(head), _) => write!(f, ", end checked against a head at {} records", head.records)?,
            (Anchor::Passed(head), _) => write!(
                f,
                ", end not checked: the head is of {} records, before the first that is still there",
                head.records
            )?,
            (Anchor::None, End::Closed) => f.write_str(", closed in order")?,
            (Anchor::None, End::Open) => {
                f.write_str(", end not checked: no head, and the log was not closed in order")?;
            }
        }
        if let Some(checkpoints) = &self.checkpoints {
            write!(f, "\n{checkpoints}")?;
        }
        if let Some(gone) = &self.gone {
            write!(f, "\n{gone}")?;
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
