//! The end of a check: whether anything was cut off, and how far checkpoints vouch for what is there.

use super::super::merkle::Frontier;
use super::super::verification::{Anchor, Checkpoints, Gone, ProblemKind, Verification};
use super::{Check, TAMPERED};

const UNVOUCHED: &str = "if an agent is closing the log, check again; if one crashed just now, start it again and check once \
     more; otherwise compare with checkpoints that were kept elsewhere (`--checkpoints`), and trust nothing after the last one";

impl Check<'_> {
    /// The result. `beside` says that there has to be a head.
    pub(in super::super) fn finish(mut self, beside: bool) -> std::io::Result<Verification> {
        self.end_of_head(beside);
        self.end_of_checkpoints()?;
        self.gone();
        self.result.root = self.tree.as_ref().map(Frontier::root);
        Ok(self.result)
    }

    /// Whether the log goes as far as the head says.
    fn end_of_head(&mut self, beside: bool) {
        if let Some(head) = self.head {
            self.result.anchor = if self.met || head.records > self.sequence {
                Anchor::Head(head.clone())
            } else {
                Anchor::Passed(head.clone())
            };
        }
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
    }

    /// Whether checkpoints vouch for as much of the log as they have to.
    fn end_of_checkpoints(&mut self) -> std::io::Result<()> {
        if self.checkpoints.is_empty() {
            return Ok(());
        }
        let mut found = Vec::new();
        let mut result = Checkpoints::default();
        for mut cursor in std::mem::take(&mut self.checkpoints) {
            cursor.end(self.sequence, &mut found)?;
            result.checked = result.checked.saturating_add(cursor.result.checked);
            result.kept = result.kept.saturating_add(cursor.result.kept);
            result.unmatched = result.unmatched.saturating_add(cursor.result.unmatched);
            (result.keys, result.trusted) = (cursor.result.keys, cursor.result.trusted);
        }
        self.checkpoint_problems(found);
        self.vouched.tell(&mut result);
        // A log of the first format has neither key nor checkpoints, and asks for none.
        let wanted = self.signed || result.trusted;
        // What is wrong with the records leaves checkpoints without anything to be compared with.
        if wanted && self.result.problem_count == 0 {
            if result.last.is_none() {
                self.problem(
                    ProblemKind::CheckpointsMissing,
                    None,
                    "there is no checkpoint that the records could be compared with".to_owned(),
                    "restore the file of checkpoints, give one that was kept elsewhere (`--checkpoints`), or do without \
                     (`--no-checkpoints`)",
                );
            } else if let Some(reason) = self.vouched.shortfall(self.result.end) {
                self.problem(ProblemKind::Unsigned, result.last, reason, UNVOUCHED);
            }
        }
        self.result.checkpoints = wanted.then_some(result);
        Ok(())
    }

    /// Whether what is gone was to go, and whether something says what it was.
    fn gone(&mut self) {
        let vouching = self.result.checkpoints.is_some();
        let Some(gone) = &mut self.result.gone else {
            return;
        };
        gone.retired = self.vouched.retired(gone.records, vouching);
        let Gone {
            segments,
            records,
            retired,
        } = *gone;
        if !retired {
            let why = if self.vouched.retired(records, false) {
                "no checkpoint vouches for the note that says that they were to be deleted"
            } else {
                "the log does not say that they were to be deleted"
            };
            let reason =
                format!("the segments before {segments:06}, with {records} records, are gone, and {why}");
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
