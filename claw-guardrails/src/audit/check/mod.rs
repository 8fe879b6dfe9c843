//! The check itself: one pass over the segments of a log, line by line.

mod end;
mod header;
mod record;
mod vouched;

use std::io::BufRead;

use self::vouched::Vouched;
use super::cursor::{Cursor, Found};
use super::head::Head;
use super::lines::{Next, next_line};
use super::merkle::Frontier;
use super::verification::{Anchor, End, Part, Problem, ProblemKind, Verification};

/// Most problems, and most notes, that are listed; further ones are counted.
const LISTED: usize = 100;

const TAMPERED: &str =
    "keep the file, restore the log from a copy, and find out who could write to it since then";
const UNFINISHED: &str = "if an agent is writing to the log, check again; if one crashed, start it again: it cuts off what it \
     never acknowledged and says so; otherwise the end was cut off";

/// A check that is under way.
#[derive(Debug)]
pub(super) struct Check<'a> {
    head: Option<&'a Head>,
    /// The place where the head was taken was among the records.
    met: bool,
    /// Checkpoints from beside the log, and such that were kept elsewhere.
    checkpoints: Vec<Cursor<'a>>,
    vouched: Vouched,
    /// Some header names a key.
    signed: bool,
    part: Part,
    line: u64,
    /// Sequence of the next record, and the hash that it has to follow; `None` after a line that could not be read.
    sequence: u64,
    prev: Option<String>,
    /// The tree over the records so far; `None` after something that is wrong, which its roots would only say again.
    tree: Option<Frontier>,
    /// The line before could not be read, so that it is not known which record comes next.
    lost: bool,
    /// The segment says that it takes no more.
    sealed: bool,
    /// Number of the current segment.
    segment: Option<u64>,
    result: Verification,
}

impl<'a> Check<'a> {
    /// A check against a head and checkpoints.
    pub(super) fn new(head: Option<&'a Head>, checkpoints: Vec<Cursor<'a>>) -> Self {
        Self {
            head,
            met: false,
            checkpoints,
            vouched: Vouched::default(),
            signed: false,
            part: Part::Current,
            line: 0,
            sequence: 0,
            prev: None,
            tree: None,
            lost: false,
            sealed: false,
            segment: None,
            result: Verification {
                log: String::new(),
                created: None,
                records: 0,
                segments: 0,
                gone: None,
                hash: String::new(),
                root: None,
                anchor: Anchor::None,
                checkpoints: None,
                end: End::Open,
                problems: Vec::new(),
                problem_count: 0,
                notes: Vec::new(),
                note_count: 0,
            },
        }
    }

    /// Reads the next segment: all of it, or, where `upto` says how long it was, so many bytes and what checkpoints are
    /// about of the rest. A log in use grows while it is read, and its checkpoints are those of the time when that began.
    pub(super) fn segment(
        &mut self,
        part: Part,
        mut reader: impl BufRead,
        upto: Option<u64>,
    ) -> std::io::Result<()> {
        (self.part, self.line, self.sealed) = (part, 0, false);
        self.result.segments = self.result.segments.saturating_add(1);
        let mut buffer = Vec::new();
        let mut read = 0_u64;
        loop {
            if upto.is_some_and(|upto| read >= upto && read > 0) && !self.is_behind() {
                return Ok(());
            }
            let next = next_line(&mut reader, &mut buffer)?;
            if next == Next::End {
                if self.line == 0 {
                    let reason = "the file is empty".to_owned();
                    let remedy = "check that this is the audit log's path";
                    self.problem(ProblemKind::Header, None, reason, remedy);
                }
                return Ok(());
            }
            self.line = self.line.saturating_add(1);
            read = read.saturating_add(buffer.len() as u64 + 1);
            match next {
                Next::End => {}
                Next::Incomplete => self.incomplete(),
                Next::TooLong if self.line == 1 => self.header(b"")?,
                Next::TooLong => self.malformed(),
                Next::Line if self.line == 1 => self.header(&buffer)?,
                Next::Line => self.record(&buffer)?,
            }
        }
    }

    /// Whether there are checkpoints of records that were not read yet.
    fn is_behind(&self) -> bool {
        self.checkpoints.iter().any(Cursor::is_ahead)
    }

    fn problem(&mut self, kind: ProblemKind, record: Option<u64>, reason: String, remedy: &str) {
        let (part, line) = (self.part, self.line.max(1));
        self.problem_at(part, line, kind, record, reason, remedy);
    }

    fn problem_at(
        &mut self,
        part: Part,
        line: u64,
        kind: ProblemKind,
        record: Option<u64>,
        reason: String,
        remedy: &str,
    ) {
        self.result.problem_count = self.result.problem_count.saturating_add(1);
        if self.result.problems.len() < LISTED {
            self.result.problems.push(Problem {
                part,
                line,
                record,
                kind,
                reason,
                remedy: remedy.to_owned(),
            });
        }
    }

    /// At the place where the head was taken the hash has to be the head's.
    fn compare_with_head(&mut self, hash: &str) {
        let Some(head) = self.head.filter(|head| head.records == self.sequence) else {
            return;
        };
        self.met = true;
        if head.hash != hash {
            let reason = format!(
                "the head says that the log has the hash {} here, and it has {hash}",
                head.hash
            );
            let record = self.sequence.checked_sub(1);
            self.problem(ProblemKind::Unlinked, record, reason, TAMPERED);
        }
    }

    fn compare_with_checkpoints(&mut self) -> std::io::Result<()> {
        let mut found = Vec::new();
        let tree = self.tree.as_ref();
        for cursor in &mut self.checkpoints {
            if let Some(checkpoint) = cursor.at(self.sequence, || tree.map(Frontier::root), &mut found)? {
                self.vouched.by(&checkpoint);
            }
        }
        self.checkpoint_problems(found);
        Ok(())
    }

    fn checkpoint_problems(&mut self, found: Vec<Found>) {
        for Found {
            part,
            line,
            kind,
            reason,
        } in found
        {
            let remedy = if kind == ProblemKind::Incomplete {
                UNFINISHED
            } else {
                TAMPERED
            };
            self.problem_at(part, line, kind, None, reason, remedy);
        }
    }
}
