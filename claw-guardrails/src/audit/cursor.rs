//! Comparing a log with its checkpoints while it is read.

use std::fmt;
use std::io::BufRead;

use super::checkpoint::{Checkpoint, NoteError, Notes, NotesError, SignedNote, VerifierKey};
use super::merkle::TreeHash;
use super::verification::{Checkpoints, Part, ProblemKind};

/// A problem with a checkpoint: where, and what is wrong.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) part: Part,
    pub(super) line: u64,
    pub(super) kind: ProblemKind,
    pub(super) reason: String,
}

/// The checkpoints of a file, in the order of their sizes, as a log is read beside them. Takes memory for one.
pub(super) struct Cursor<'a> {
    notes: Notes<Box<dyn BufRead + 'a>>,
    part: Part,
    next: Option<(u64, Checkpoint, SignedNote)>,
    keys: Vec<VerifierKey>,
    origin: String,
    /// Size and root of the last one that was read.
    last: Option<(u64, TreeHash)>,
    pub(super) result: Checkpoints,
}

impl fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor")
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

impl<'a> Cursor<'a> {
    /// The checkpoints beside a log, which have to be signed by one of `keys`. `trusted` says that these did not come with
    /// the log.
    pub(super) fn beside(reader: Box<dyn BufRead + 'a>, keys: Vec<VerifierKey>, trusted: bool) -> Self {
        Self::new(Notes::new(reader), Part::Checkpoints, keys, trusted)
    }

    /// Checkpoints that were kept elsewhere.
    pub(super) fn kept(reader: Box<dyn BufRead + 'a>, keys: Vec<VerifierKey>, trusted: bool) -> Self {
        Self::new(Notes::kept(reader), Part::KeptCheckpoints, keys, trusted)
    }

    fn new(notes: Notes<Box<dyn BufRead + 'a>>, part: Part, keys: Vec<VerifierKey>, trusted: bool) -> Self {
        let result = Checkpoints {
            keys: keys.iter().map(ToString::to_string).collect(),
            trusted,
            ..Checkpoints::default()
        };
        Self {
            notes,
            part,
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

    /// Whether there are checkpoints of more records than were read so far.
    pub(super) fn is_ahead(&self) -> bool {
        self.next.is_some()
    }

    /// Compares with the tree of the first `size` records; without a root, only signatures are looked at. Returns the
    /// checkpoint that vouches for them, if one does.
    pub(super) fn at(
        &mut self,
        size: u64,
        root: impl Fn() -> Option<TreeHash>,
        found: &mut Vec<Found>,
    ) -> std::io::Result<Option<Checkpoint>> {
        let mut vouching = None;
        while let Some((line, checkpoint, note)) = self.next.take_if(|(_, next, _)| next.size <= size) {
            let signed = self.signed(line, &checkpoint, &note, found);
            let root = if checkpoint.size == size { root() } else { None };
            match root {
                Some(root) if root != checkpoint.root => {
                    let reason = format!(
                        "the checkpoint was signed for other records: the tree of the first {size} has the root {root} \
                         now, and had {}",
                        checkpoint.root
                    );
                    self.report(line, ProblemKind::Root, reason, found);
                }
                Some(_) if signed => {
                    // One that is about no record says that the key is the log's, and nothing else.
                    let counts = u64::from(size > 0);
                    self.result.checked = self.result.checked.saturating_add(counts);
                    if self.part == Part::KeptCheckpoints {
                        self.result.kept = self.result.kept.saturating_add(counts);
                    }
                    vouching = Some(checkpoint);
                }
                Some(_) => {}
                None => self.result.unmatched = self.result.unmatched.saturating_add(1),
            }
            self.advance(found)?;
        }
        Ok(vouching)
    }

    /// The log ends here: what is left was signed for records that are not there.
    pub(super) fn end(&mut self, size: u64, found: &mut Vec<Found>) -> std::io::Result<()> {
        while let Some((line, checkpoint, note)) = self.next.take() {
            if self.signed(line, &checkpoint, &note, found) {
                let reason = format!(
                    "the log ends after {size} records, and this checkpoint was signed for {}: the end was cut off",
                    checkpoint.size
                );
                self.report(line, ProblemKind::Truncated, reason, found);
            }
            self.advance(found)?;
        }
        Ok(())
    }

    fn report(&self, line: u64, kind: ProblemKind, reason: String, found: &mut Vec<Found>) {
        let part = self.part;
        found.push(Found {
            part,
            line,
            kind,
            reason,
        });
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
        self.report(line, ProblemKind::Checkpoint, problem, found);
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
                    self.report(*line, ProblemKind::Checkpoint, reason, found);
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
                self.report(line, ProblemKind::Checkpoint, reason, found);
            }
            Err(NotesError::Incomplete(line)) => {
                let reason = "the last checkpoint has no end".to_owned();
                self.report(line, ProblemKind::Incomplete, reason, found);
            }
        }
        Ok(())
    }
}
