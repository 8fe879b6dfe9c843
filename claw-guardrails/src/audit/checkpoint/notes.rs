//! Reading a file of notes, one after the other.

use std::io::{BufRead, Read as _};

use super::note::{DASH, SignedNote};
use super::{Checkpoint, NoteError};

/// Longest line of a note, and most lines, in a file of ours.
const LINE: u64 = 4096;
const LINES: usize = 64;

/// A file of notes could not be read on.
#[derive(Debug)]
pub(in super::super) enum NotesError {
    /// The disk failed.
    Io(std::io::Error),
    /// What stands at this line, from 1, is not a checkpoint. What comes after it cannot be told apart.
    Note(u64, NoteError),
    /// The last note, which begins at this line, has no end: it is being written, or a crash left it so.
    Incomplete(u64),
}

/// The checkpoints in a file, in memory for one.
#[derive(Debug)]
pub(in super::super) struct Notes<R> {
    reader: R,
    line: u64,
    done: bool,
}

impl<R: BufRead> Notes<R> {
    pub(in super::super) fn new(reader: R) -> Self {
        Self {
            reader,
            line: 0,
            done: false,
        }
    }

    /// The next checkpoint with its note and the line where it begins. `None` at the end, and after an error.
    pub(in super::super) fn next(&mut self) -> Result<Option<(u64, Checkpoint, SignedNote)>, NotesError> {
        if self.done {
            return Ok(None);
        }
        let read = self.read();
        self.done = !matches!(read, Ok(Some(_)));
        read
    }

    fn read(&mut self) -> Result<Option<(u64, Checkpoint, SignedNote)>, NotesError> {
        let begin = self.line.saturating_add(1);
        let mut note = Vec::new();
        let mut signed = false;
        for _ in 0..LINES {
            let mut line = Vec::new();
            let taken = self.reader.by_ref().take(LINE).read_until(b'\n', &mut line);
            match taken.map_err(NotesError::Io)? {
                0 if note.is_empty() => return Ok(None),
                0 => return Err(NotesError::Incomplete(begin)),
                _ if !line.ends_with(b"\n") && (line.len() as u64) < LINE => {
                    return Err(NotesError::Incomplete(begin));
                }
                _ => self.line = self.line.saturating_add(1),
            }
            // The empty line after the signatures ends the note; the one before them is part of it.
            if signed && line == b"\n" {
                let unfit = |error| NotesError::Note(begin, error);
                let text = String::from_utf8(note).map_err(|_| unfit(NoteError::Form))?;
                let note = SignedNote::parse(&text).map_err(unfit)?;
                let checkpoint = Checkpoint::read(&note).map_err(unfit)?;
                return Ok(Some((begin, checkpoint, note)));
            }
            signed |= line.starts_with(DASH.as_bytes());
            note.append(&mut line);
        }
        Err(NotesError::Note(begin, NoteError::Form))
    }
}
