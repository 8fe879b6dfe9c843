//! Comparing a log with its checkpoints while it is read.

use std::fmt;
use std::io::BufRead;

use super::checkpoint::{Checkpoint, NoteError, Notes, NotesError, SignedNote, VerifierKey};
use super::merkle::TreeHash;
use super::verification::{Checkpoints, ProblemKind};

/// A problem with a checkpoint: its line, and what is wrong.
pub(super) type Found = (u64, ProblemKind, String);

/// The checkpoints of a log, in the order of their sizes. Takes memory for one.
pub(super) struct Marks<'a> {
    notes: Notes<Box<dyn BufRead + 'a>>,
    next: Option<(u64, Checkpoint, SignedNote)>,
    keys: Vec<VerifierKey>,
    origin: String,
    /// Size and root of the last one.
    last: Option<(u64, TreeHash)>,
    pub(super) result: Checkpoints,
}

impl fmt::Debug for Marks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Marks").finish_non_exhaustive()
    }
}

impl<'a> Marks<'a> {
    /// Checkpoints that have to be signed by one of `keys`. `trusted` says that these did not come with the log.
    pub(super) fn new(reader: Box<dyn BufRead + 'a>, keys: Vec<VerifierKey>, trusted: bool) -> Self {
        let result = Checkpoints {
            keys: keys.iter().map(ToString::to_string).collect(),
            trusted,
            ..Checkpoints::default()
        };
        Self {
            notes: Notes::new(reader),
            next: None,
            keys,
            origin: String::new(),
            last: None,
            result,
        }
    }

    /// The checkpoints are to be those of that log. Reads the first.
    pub(super) fn of(&mut self, log: &str, found: &mut Vec<Found>) -> std::io::Result<()> {
        self.origin = Checkpoint::origin(log);
        self.advance(found)
    }

    /// Compares with the tree of the first `size` records; without a root, only signatures are looked at.
    pub(super) fn at(
        &mut self,
        size: u64,
        root: impl Fn() -> Option<TreeHash>,
        found: &mut Vec<Found>,
    ) -> std::io::Result<()> {
        while let Some((line, checkpoint, note)) = self.next.take_if(|(_, next, _)| next.size <= size) {
            let signed = self.signed(line, &checkpoint, &note, found);
            let root = if checkpoint.size == size { root() } else { None };
            match root {
                Some(root) if root != checkpoint.root => found.push((
                    line,
                    ProblemKind::Root,
                    format!(
                        "the checkpoint was signed for other records: the tree of the first {size} has the root {root} \
                         now, and had {}",
                        checkpoint.root
                    ),
                )),
                Some(_) if signed => {
                    self.result.checked = self.result.checked.saturating_add(1);
                    self.result.last = Some(size);
                }
                Some(_) => {}
                None => self.result.unmatched = self.result.unmatched.saturating_add(1),
            }
            self.advance(found)?;
        }
        Ok(())
    }

    /// The log ends here: what is left was signed for records that are not there.
    pub(super) fn end(&mut self, size: u64, found: &mut Vec<Found>) -> std::io::Result<()> {
        while let Some((line, checkpoint, note)) = self.next.take() {
            if self.signed(line, &checkpoint, &note, found) {
                let reason = format!(
                    "the log ends after {size} records, and this checkpoint was signed for {}: the end was cut off",
                    checkpoint.size
                );
                found.push((line, ProblemKind::Truncated, reason));
            }
            self.advance(found)?;
        }
        Ok(())
    }

    fn signed(&self, line: u64, checkpoint: &Checkpoint, note: &SignedNote, found: &mut Vec<Found>) -> bool {
        let problem = match note.verify(&self.keys) {
            Ok(_) if checkpoint.origin == self.origin => return true,
            Ok(_) => format!(
                "the checkpoint is that of {}, and the log's are those of {}",
                checkpoint.origin, self.origin
            ),
            Err(error) => format!("the checkpoint does not verify: {error}"),
        };
        found.push((line, ProblemKind::Checkpoint, problem));
        false
    }

    fn advance(&mut self, found: &mut Vec<Found>) -> std::io::Result<()> {
        match self.notes.next() {
            Ok(next) => {
                if let (Some((line, next, _)), Some((size, root))) = (&next, self.last)
                    && (next.size < size || next.size == size && next.root != root)
                {
                    let reason = format!(
                        "the checkpoint is for {} records, and does not go on from the one before it, for {size}",
                        next.size
                    );
                    found.push((*line, ProblemKind::Checkpoint, reason));
                }
                self.last = next
                    .as_ref()
                    .map(|(_, next, _)| (next.size, next.root))
                    .or(self.last);
                self.next = next;
            }
            Err(NotesError::Io(error)) => return Err(error),
            Err(NotesError::Note(line, error)) => {
                let reason = match error {
                    NoteError::Form => {
                        format!("this is not a checkpoint, and none after it could be read: {error}")
                    }
                    _ => format!("this cannot be read as a checkpoint: {error}"),
                };
                found.push((line, ProblemKind::Checkpoint, reason));
            }
            Err(NotesError::Incomplete(line)) => {
                let reason = "the last checkpoint has no end".to_owned();
                found.push((line, ProblemKind::Incomplete, reason));
            }
        }
        Ok(())
    }
}
