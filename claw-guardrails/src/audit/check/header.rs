//! Headers of segments: which log, and whether it goes on where the segment before ended.

use std::cmp::Ordering;

use super::super::chain::{FORMAT, read_header};
use super::super::entry::Header;
use super::super::merkle::Frontier;
use super::super::verification::{Gone, Part, ProblemKind};
use super::{Check, TAMPERED};

impl Check<'_> {
    /// Takes the first line of a segment in.
    pub(super) fn header(&mut self, line: &[u8]) -> std::io::Result<()> {
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
            self.vouched.segment(after.records);
            self.result.hash.clone_from(&after.hash);
        } else {
            self.result.hash.clone_from(&hash);
        }
        self.lost = false;
        self.segment = Some(header.segment);
        self.prev = Some(hash);
        self.compare_with_checkpoints()
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
        for cursor in &mut self.checkpoints {
            cursor.of(&header.log, &mut found)?;
        }
        self.checkpoint_problems(found);
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
            let kind = match segments.cmp(&expected) {
                Ordering::Less if !missing => ProblemKind::OutOfPlace,
                _ => ProblemKind::Missing,
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
}
