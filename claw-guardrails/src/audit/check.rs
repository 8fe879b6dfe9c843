//! The check itself: one pass over the segments of a log, line by line.

use std::io::BufRead;

use super::chain::{FORMAT, Header, Note, read_header, read_line};
use super::head::Head;
use super::lines::{Next, next_line};
use super::marks::Marks;
use super::merkle::{Frontier, TreeHash};
use super::verification::{Anchor, End, Gone, Noted, Part, Problem, ProblemKind, Verification};

/// Most problems, and most notes, that are listed; further ones are counted.
const LISTED: usize = 100;

const TAMPERED: &str =
    "keep the file, restore the log from a copy, and find out who could write to it since then";

/// A check that is under way.
#[derive(Debug)]
pub(super) struct Check<'a> {
    head: Option<&'a Head>,
    marks: Option<Marks<'a>>,
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
    /// How many records were deleted on purpose.
    retired: u64,
    result: Verification,
}

impl<'a> Check<'a> {
    /// A check against a head and checkpoints.
    pub(super) fn new(head: Option<&'a Head>, marks: Option<Marks<'a>>) -> Self {
        Self {
            head,
            marks,
            signed: false,
            part: Part::Current,
            line: 0,
            sequence: 0,
            prev: None,
            tree: None,
            lost: false,
            sealed: false,
            segment: None,
            retired: 0,
            result: Verification {
                log: String::new(),
                created: None,
                records: 0,
                segments: 0,
                gone: None,
                hash: String::new(),
                root: None,
                anchor: head.map_or(Anchor::None, |head| Anchor::Head(head.clone())),
                checkpoints: None,
                end: End::Open,
                problems: Vec::new(),
                problem_count: 0,
                notes: Vec::new(),
                note_count: 0,
            },
        }
    }

    /// Reads the next segment.
    pub(super) fn segment(&mut self, part: Part, mut reader: impl BufRead) -> std::io::Result<()> {
        (self.part, self.line, self.sealed) = (part, 0, false);
        self.result.segments = self.result.segments.saturating_add(1);
        let mut buffer = Vec::new();
        loop {
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

    fn header(&mut self, line: &[u8]) -> std::io::Result<()> {
        let first = self.segment.is_none();
        let Some((header, hash, computed)) = read_header(line) else {
            let reason = "the first line is not the header of an audit log".to_owned();
            self.problem(
                ProblemKind::Header,
                None,
                reason,
                "check that this is an audit log; if it is, restore it from a copy",
            );
            self.lost = true;
            (self.prev, self.tree) = (None, None);
            self.segment = Some(self.segment.map_or(0, |segment| segment.saturating_add(1)));
            return Ok(());
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
        self.signed |= !header.key.is_empty();
        if first {
            self.first_header(&header, &hash)?;
        } else {
            self.next_header(&header);
        }
        if let Part::Sealed(index) = self.part
            && index != header.segment
        {
            let reason = format!(
                "this is the segment {:06}, in the place of {index:06}",
                header.segment
            );
            self.problem(ProblemKind::OutOfPlace, None, reason, TAMPERED);
        }
        if let Some(after) = &header.after {
            // From here on the log goes on as its header says, so that one problem is one.
            self.sequence = after.records;
            self.tree = after.tree();
            if self.tree.is_none() {
                let reason =
                    "what the header says of the tree over earlier records does not fit together".to_owned();
                self.problem(ProblemKind::Altered, None, reason, TAMPERED);
            }
            self.result.hash.clone_from(&after.hash);
        } else {
            self.result.hash.clone_from(&hash);
        }
        self.lost = false;
        self.segment = Some(header.segment);
        self.prev = Some(hash);
        self.compare_with_marks()
    }

    fn first_header(&mut self, header: &Header, hash: &str) -> std::io::Result<()> {
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
        match &header.after {
            None => {
                self.tree = Some(Frontier::new());
                self.compare_with_head(hash);
            }
            Some(after) => {
                self.result.gone = Some(Gone {
                    segments: header.segment,
                    records: after.records,
                    retired: false,
                });
                self.sequence = after.records;
                self.compare_with_head(&after.hash);
            }
        }
        self.result.log.clone_from(&header.log);
        self.result.created = Some(header.created);
        let mut found = Vec::new();
        if let Some(marks) = &mut self.marks {
            marks.of(&header.log, &mut found)?;
        }
        self.mark_problems(found);
        Ok(())
    }

    /// Whether a header goes on where the segment before it ended.
    fn next_header(&mut self, header: &Header) {
        let expected = self.segment.unwrap_or(0).saturating_add(1);
        if !self.result.log.is_empty() && header.log != self.result.log {
            let reason = format!("the segment belongs to the log {}", header.log);
            self.problem(ProblemKind::OtherLog, None, reason, TAMPERED);
            return;
        }
        let (segments, records) = (header.segment, self.sequence);
        let Some(after) = &header.after else {
            let reason = "the segment begins a log, and does not go on from the one before it".to_owned();
            self.problem(ProblemKind::Unlinked, None, reason, TAMPERED);
            // What follows is compared with nothing: its numbers and its tree begin anew.
            self.sequence = 0;
            self.tree = None;
            return;
        };
        let missing = after.records > records;
        if segments != expected || missing && !self.lost {
            let kind = if segments > expected || missing {
                ProblemKind::Missing
            } else {
                ProblemKind::OutOfPlace
            };
            let reason = format!(
                "the segment has the number {segments} and begins with the record {}; segment {expected} with record \
                 {records} belongs here",
                after.records
            );
            self.problem(kind, Some(records), reason, TAMPERED);
        } else if after.records != records && !self.lost {
            let reason = format!(
                "the segment goes on after {} records, and there are {records} before it",
                after.records
            );
            self.problem(ProblemKind::OutOfPlace, Some(records), reason, TAMPERED);
        } else if !self.lost && after.hash != self.result.hash {
            let reason = format!(
                "the segment follows {}, which is not the hash of the record before it",
                after.hash
            );
            self.problem(ProblemKind::Unlinked, Some(records), reason, TAMPERED);
        } else if self.tree.as_ref().is_some_and(|tree| tree.root() != after.root) {
            let reason = format!(
                "the segment follows a tree with the root {}, which is not that of the records",
                after.root
            );
            self.problem(ProblemKind::Unlinked, Some(records), reason, TAMPERED);
        }
    }

    fn record(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let Some(line) = read_line(bytes) else {
            self.malformed();
            return Ok(());
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
            self.tree = None;
        } else if !in_place {
            let reason = format!("the record has the number {sequence}, and number {expected} belongs here");
            self.problem(ProblemKind::OutOfPlace, Some(expected), reason, TAMPERED);
            self.tree = None;
        } else if self.prev.as_ref().is_some_and(|prev| *prev != line.prev) {
            let reason = format!(
                "the record follows {}, which is not the hash of the line before it",
                line.prev
            );
            self.problem(ProblemKind::Unlinked, Some(expected), reason, TAMPERED);
        } else if self.sealed {
            let reason = "the record comes after the one that sealed the segment".to_owned();
            self.problem(ProblemKind::OutOfPlace, Some(expected), reason, TAMPERED);
        }
        self.lost = false;
        self.result.end = End::Open;
        match line.note {
            None => {}
            Some(Note::Closed { .. }) => self.result.end = End::Closed,
            Some(Note::Sealed { records, root, .. }) => self.seal(sequence, records, root),
            Some(note) => self.note(sequence, note),
        }
        self.sequence = sequence.saturating_add(1);
        self.result.records = self.result.records.saturating_add(1);
        match (&mut self.tree, TreeHash::of_record(&line.hash)) {
            (Some(tree), Some(leaf)) => tree.push(leaf),
            _ => self.tree = None,
        }
        self.compare_with_head(&line.hash);
        self.result.hash.clone_from(&line.hash);
        self.prev = Some(line.hash);
        self.compare_with_marks()
    }

    /// The record that seals a segment says what was before it.
    fn seal(&mut self, sequence: u64, records: u64, root: TreeHash) {
        self.sealed = true;
        let fits = self.tree.as_ref().is_none_or(|tree| tree.root() == root);
        if records != sequence || !fits {
            let reason = format!(
                "the segment was sealed with {records} records and the root {root}, which it has not"
            );
            self.problem(ProblemKind::Root, Some(sequence), reason, TAMPERED);
        }
    }

    fn note(&mut self, record: u64, note: Note) {
        if let Note::Retired { records, .. } = note {
            self.retired = self.retired.max(records);
        }
        self.result.note_count = self.result.note_count.saturating_add(1);
        if self.result.notes.len() < LISTED {
            self.result.notes.push(Noted {
                part: self.part,
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
        (self.prev, self.tree) = (None, None);
        self.lost = true;
    }

    fn incomplete(&mut self) {
        let record = (self.line > 1).then_some(self.sequence);
        self.problem(
            ProblemKind::Incomplete,
            record,
            "the last line has no end".to_owned(),
            UNFINISHED,
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

    fn compare_with_marks(&mut self) -> std::io::Result<()> {
        let Some(marks) = &mut self.marks else {
            return Ok(());
        };
        let mut found = Vec::new();
        let tree = self.tree.as_ref();
        marks.at(self.sequence, || tree.map(Frontier::root), &mut found)?;
        self.mark_problems(found);
        Ok(())
    }

    fn mark_problems(&mut self, found: Vec<super::marks::Found>) {
        for (line, kind, reason) in found {
            let remedy = if kind == ProblemKind::Incomplete {
                UNFINISHED
            } else {
                TAMPERED
            };
            self.problem_at(Part::Checkpoints, line, kind, None, reason, remedy);
        }
    }

    /// The result. `beside` says that there has to be a head.
    pub(super) fn finish(mut self, beside: bool) -> std::io::Result<Verification> {
        if let Some(head) = self.head.filter(|head| head.records > self.sequence) {
            let reason = format!(
                "the log ends after {} records, and it had {}: the end was cut off",
                self.sequence, head.records
            );
            self.problem(ProblemKind::Truncated, Some(self.sequence), reason, TAMPERED);
        }
        if beside && self.head.is_none() && self.sequence > 0 {
            self.problem(
                ProblemKind::HeadMissing,
                Some(self.sequence),
                "the head file beside the log is gone or blank: what may have been cut off here cannot be seen"
                    .to_owned(),
                "restore the head file, give a head that was kept elsewhere (`--head`), or accept an end that is not \
                 checked (`--no-head`)",
            );
        }
        if let Some(mut marks) = self.marks.take() {
            let mut found = Vec::new();
            marks.end(self.sequence, &mut found)?;
            self.mark_problems(found);
            let wanted = self.signed || marks.result.trusted;
            if wanted && marks.result.checked == 0 && self.result.problem_count == 0 {
                self.problem(
                    ProblemKind::CheckpointsMissing,
                    None,
                    "there is no checkpoint that the records could be compared with".to_owned(),
                    "restore the file of checkpoints, give one that was kept elsewhere (`--checkpoints`), or do without \
                     (`--no-checkpoints`)",
                );
            }
            self.result.checkpoints = (wanted || marks.result.checked > 0).then_some(marks.result);
        }
        self.gone();
        self.result.root = self.tree.as_ref().map(Frontier::root);
        Ok(self.result)
    }

    /// Whether what is gone was to go, and whether something says what it was.
    fn gone(&mut self) {
        let Some(gone) = &mut self.result.gone else {
            return;
        };
        gone.retired = self.retired >= gone.records;
        let Gone {
            segments,
            records,
            retired,
        } = *gone;
        if !retired {
            let reason = format!(
                "the segments before {segments:06}, with {records} records, are gone, and the log does not say that they \
                 were to be deleted"
            );
            self.problem(ProblemKind::SegmentMissing, Some(0), reason, TAMPERED);
        }
        let anchored = self
            .result
            .checkpoints
            .as_ref()
            .is_some_and(|found| found.checked > 0);
        if !anchored && self.result.problem_count == 0 {
            self.problem(
                ProblemKind::Unanchored,
                Some(records),
                "earlier segments are gone, and there is no checkpoint that says what was in them".to_owned(),
                "give checkpoints that were kept elsewhere (`--checkpoints`)",
            );
        }
    }
}

const UNFINISHED: &str = "if an agent is writing to the log, check again; if one crashed, start it again: it cuts off what it \
     never acknowledged and says so; otherwise the end was cut off";
