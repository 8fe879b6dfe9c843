//! Records: each has its hash, follows from the one before, and is in the tree.

use super::super::chain::read_line;
use super::super::entry::Note;
use super::super::merkle::TreeHash;
use super::super::verification::{End, Noted, ProblemKind};
use super::{Check, LISTED, TAMPERED, UNFINISHED};

impl Check<'_> {
    /// Takes a line in that has to be a record.
    pub(super) fn record(&mut self, bytes: &[u8]) -> std::io::Result<()> {
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
        self.vouched.record(line.note.is_none());
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
        self.compare_with_checkpoints()
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
            self.vouched.retire(records);
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

    /// A line that is none.
    pub(super) fn malformed(&mut self) {
        let reason = "the line is not a record in the form in which records are written".to_owned();
        self.problem(ProblemKind::Malformed, Some(self.sequence), reason, TAMPERED);
        self.sequence = self.sequence.saturating_add(1);
        (self.prev, self.tree) = (None, None);
        self.lost = true;
    }

    /// The last line has no end.
    pub(super) fn incomplete(&mut self) {
        let record = (self.line > 1).then_some(self.sequence);
        self.problem(
            ProblemKind::Incomplete,
            record,
            "the last line has no end".to_owned(),
            UNFINISHED,
        );
    }
}
