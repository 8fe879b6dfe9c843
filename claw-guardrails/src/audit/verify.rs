//! Checking a log: is it whole, and is it as it was written?

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::chain::{FORMAT, Note, read_header, read_line};
use super::head::{self, Head, head_path};
use super::lines::{Next, next_line};
use super::verification::{Anchor, End, Noted, Problem, ProblemKind, Verification};

/// Most problems, and most notes, that are listed; further ones are counted.
const LISTED: usize = 100;

/// A log could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The log itself.
    #[error("the audit log {path} cannot be read; check that it exists and that this user may read it")]
    Log {
        /// Where it should be.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The head file beside it.
    #[error(
        "the head file {path} cannot be read; if it is damaged, move it away and check the log without it"
    )]
    Head {
        /// Where it is.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// What the end of a log is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndCheck {
    /// The head file beside the log. That it is gone beside a log with records is a problem.
    #[default]
    Beside,
    /// A head that was kept elsewhere.
    Kept(Head),
    /// Nothing: records that were cut off the end are not seen.
    Skip,
}

/// Checks the log at `path` against the head file beside it. The log may be in use.
///
/// Blocks while it reads. Takes memory for one line.
pub fn verify_file(path: impl AsRef<Path>) -> Result<Verification, VerifyError> {
    verify_file_with(path, EndCheck::Beside)
}

/// Checks the log at `path`, and its end as `end` says. The log may be in use.
///
/// Blocks while it reads. Takes memory for one line.
pub fn verify_file_with(path: impl AsRef<Path>, end: EndCheck) -> Result<Verification, VerifyError> {
    let path = path.as_ref();
    let beside = end == EndCheck::Beside;
    let head = match end {
        EndCheck::Skip => None,
        EndCheck::Kept(head) => Some(head),
        // The head first: a log in use only grows, so that it cannot seem to lag behind its head.
        EndCheck::Beside => {
            let head_path = head_path(path);
            head::read(&head_path).map_err(|source| VerifyError::Head {
                path: head_path.display().to_string(),
                source,
            })?
        }
    };
    let failed = |source| VerifyError::Log {
        path: path.display().to_string(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let mut check = Check::new(head.as_ref());
    check.needs_head = beside;
    check
        .read(BufReader::with_capacity(256 * 1024, file))
        .map_err(failed)
}

/// Checks a log against a head that was kept elsewhere, where there is one.
///
/// Takes memory for one line. The error is the reader's; whatever is wrong with the log is in the result.
pub fn verify(reader: impl BufRead, head: Option<&Head>) -> std::io::Result<Verification> {
    Check::new(head).read(reader)
}

const TAMPERED: &str = "something other than the agent wrote here: do not trust this place, restore the log from a copy, \
     and compare it with a head that was kept elsewhere";

struct Check<'a> {
    head: Option<&'a Head>,
    /// That there is no head is a problem.
    needs_head: bool,
    line: u64,
    /// Sequence of the next record, and the hash that it has to follow; `None` after a line that could not be read.
    sequence: u64,
    prev: Option<String>,
    /// The line before could not be read, so that it is not known which record comes next.
    lost: bool,
    result: Verification,
}

impl<'a> Check<'a> {
    fn new(head: Option<&'a Head>) -> Self {
        Self {
            head,
            needs_head: false,
            line: 0,
            sequence: 0,
            prev: None,
            lost: false,
            result: Verification {
                log: String::new(),
                created: None,
                records: 0,
                hash: String::new(),
                anchor: head.map_or(Anchor::None, |head| Anchor::Head(head.clone())),
                end: End::Open,
                problems: Vec::new(),
                problem_count: 0,
                notes: Vec::new(),
                note_count: 0,
            },
        }
    }

    fn read(mut self, mut reader: impl BufRead) -> std::io::Result<Verification> {
        let mut buffer = Vec::new();
        loop {
            let next = next_line(&mut reader, &mut buffer)?;
            if next == Next::End {
                return Ok(self.finish());
            }
            self.line = self.line.saturating_add(1);
            match next {
                Next::End => {}
                Next::Incomplete => self.incomplete(),
                Next::TooLong if self.line == 1 => self.header(b""),
                Next::TooLong => self.malformed(),
                Next::Line if self.line == 1 => self.header(&buffer),
                Next::Line => self.record(&buffer),
            }
        }
    }

    fn problem(&mut self, kind: ProblemKind, record: Option<u64>, reason: String, remedy: &str) {
        self.result.problem_count = self.result.problem_count.saturating_add(1);
        if self.result.problems.len() < LISTED {
            self.result.problems.push(Problem {
                line: self.line.max(1),
                record,
                kind,
                reason,
                remedy: remedy.to_owned(),
            });
        }
    }

    fn header(&mut self, line: &[u8]) {
        let Some((header, hash, computed)) = read_header(line) else {
            let reason = "the first line is not the header of an audit log".to_owned();
            self.problem(
                ProblemKind::Header,
                None,
                reason,
                "check that this is an audit log; if it is, restore it from a copy",
            );
            self.lost = true;
            return;
        };
        if header.format > FORMAT {
            let reason = format!(
                "the log has format {}, and this version knows format {FORMAT}",
                header.format
            );
            self.problem(ProblemKind::Header, None, reason, "check it with a newer version");
        } else if hash != computed {
            let reason = format!("the header's content has the hash {computed}, and the header says {hash}");
            self.problem(ProblemKind::Altered, None, reason, TAMPERED);
        }
        if let Some(head) = self
            .head
            .filter(|head| !head.log.is_empty() && head.log != header.log)
        {
            let reason = format!(
                "this is the log {}, and the head is that of the log {}",
                header.log, head.log
            );
            self.problem(
                ProblemKind::OtherLog,
                None,
                reason,
                "check the log against its own head",
            );
        }
        self.compare_with_head(&hash);
        self.result.log = header.log;
        self.result.created = Some(header.created);
        self.result.hash.clone_from(&hash);
        self.prev = Some(hash);
    }

    fn record(&mut self, bytes: &[u8]) {
        let Some(line) = read_line(bytes) else {
            self.malformed();
            return;
        };
        let sequence = line.sequence;
        let expected = self.sequence;
        if line.hash != line.computed {
            let reason = format!(
                "the record's content has the hash {}, and the record says {}",
                line.computed, line.hash
            );
            self.problem(ProblemKind::Altered, Some(expected), reason, TAMPERED);
        }
        let in_place = self.lost || sequence == expected;
        if !in_place && sequence > expected {
            let reason = format!(
                "the record has the number {sequence}: records {expected} to {} are missing",
                sequence - 1
            );
            self.problem(ProblemKind::Missing, Some(expected), reason, TAMPERED);
        } else if !in_place {
            let reason = format!("the record has the number {sequence}, and number {expected} belongs here");
            self.problem(ProblemKind::OutOfPlace, Some(expected), reason, TAMPERED);
        } else if self.prev.as_ref().is_some_and(|prev| *prev != line.prev) {
            let reason = format!(
                "the record follows {}, which is not the hash of the line before it",
                line.prev
            );
            self.problem(ProblemKind::Unlinked, Some(expected), reason, TAMPERED);
        }
        self.lost = false;
        self.sequence = sequence.saturating_add(1);
        self.result.records = self.result.records.saturating_add(1);
        self.result.end = End::Open;
        match line.note {
            None => {}
            Some(Note::Closed { .. }) => self.result.end = End::Closed,
            Some(note) => self.note(sequence, note),
        }
        self.compare_with_head(&line.hash);
        self.result.hash.clone_from(&line.hash);
        self.prev = Some(line.hash);
    }

    fn note(&mut self, record: u64, note: Note) {
        self.result.note_count = self.result.note_count.saturating_add(1);
        if self.result.notes.len() < LISTED {
            self.result.notes.push(Noted {
                line: self.line,
                record,
                note,
            });
        }
    }

    fn malformed(&mut self) {
        let reason = "the line is not a record in the form in which records are written".to_owned();
        self.problem(ProblemKind::Malformed, Some(self.sequence), reason, TAMPERED);
        self.sequence = self.sequence.saturating_add(1);
        self.prev = None;
        self.lost = true;
    }

    fn incomplete(&mut self) {
        let record = (self.line > 1).then_some(self.sequence);
        self.problem(
            ProblemKind::Incomplete,
            record,
            "the last line has no end".to_owned(),
            "if an agent is writing to the log, check again; if one crashed, start it again: it cuts off what it never \
             acknowledged and says so; otherwise the end was cut off",
        );
    }

    /// At the place where the head was taken the hash has to be the head's.
    fn compare_with_head(&mut self, hash: &str) {
        if let Some(head) = self
            .head
            .filter(|head| head.records == self.sequence && head.hash != hash)
        {
            let reason = format!(
                "the head says that the log has the hash {} here, and it has {hash}",
                head.hash
            );
            let record = self.sequence.checked_sub(1);
            self.problem(ProblemKind::Unlinked, record, reason, TAMPERED);
        }
    }

    fn finish(mut self) -> Verification {
        if self.line == 0 {
            let reason = "the file is empty".to_owned();
            self.problem(
                ProblemKind::Header,
                None,
                reason,
                "check that this is the audit log's path",
            );
        }
        if let Some(head) = self.head.filter(|head| head.records > self.sequence) {
            let reason = format!(
                "the log ends after {} records, and it had {}: the end was cut off",
                self.sequence, head.records
            );
            self.problem(ProblemKind::Truncated, Some(self.sequence), reason, TAMPERED);
        }
        if self.needs_head && self.head.is_none() && self.sequence > 0 {
            self.problem(
                ProblemKind::HeadMissing,
                Some(self.sequence),
                "the head file beside the log is gone or blank: what may have been cut off here cannot be seen"
                    .to_owned(),
                "restore the head file, give a head that was kept elsewhere (`--head`), or accept an end that is not \
                 checked (`--no-head`)",
            );
        }
        self.result
    }
}
