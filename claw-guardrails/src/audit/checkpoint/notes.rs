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
    /// Notes may come as they were given to a sink: without the empty line that follows each in a file of ours.
    kept: bool,
    /// The first line of the next note, where that is what ended the one before.
    ahead: Option<Vec<u8>>,
    line: u64,
    done: bool,
}

impl<R: BufRead> Notes<R> {
    /// The notes in a file of ours.
    pub(in super::super) fn new(reader: R) -> Self {
        Self {
            reader,
            kept: false,
            ahead: None,
            line: 0,
            done: false,
        }
    }

    /// Notes that somebody else put down: a single one, or several, one after the other, with or without empty lines between
    /// them and an end of the last line.
    pub(in super::super) fn kept(reader: R) -> Self {
        Self {
            kept: true,
            ..Self::new(reader)
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
        let mut begin = self.line.saturating_add(1);
        let mut note = Vec::new();
        let mut signed = false;
        for _ in 0..LINES {
            let Some(mut line) = self.next_line(begin)? else {
                return match note.is_empty() {
                    true => Ok(None),
                    false if self.kept && signed => read(begin, note).map(Some),
                    false => Err(NotesError::Incomplete(begin)),
                };
            };
            if self.kept && note.is_empty() && line == b"\n" {
                begin = self.line.saturating_add(1);
                continue;
            }
            // The empty line after the signatures ends the note; the one before them is part of it.
            if signed && line == b"\n" {
                return read(begin, note).map(Some);
            }
            let signature = line.starts_with(DASH.as_bytes());
            if self.kept && signed && !signature {
                self.line = self.line.saturating_sub(1);
                self.ahead = Some(line);
                return read(begin, note).map(Some);
            }
            signed |= signature;
            note.append(&mut line);
        }
        Err(NotesError::Note(begin, NoteError::Form))
    }

    /// The next line with its end; `None` at the end of the file.
    fn next_line(&mut self, begin: u64) -> Result<Option<Vec<u8>>, NotesError> {
        let mut line = match self.ahead.take() {
            Some(line) => line,
            None => {
                let mut line = Vec::new();
                let taken = self.reader.by_ref().take(LINE).read_until(b'\n', &mut line);
                taken.map_err(NotesError::Io)?;
                line
            }
        };
        if line.is_empty() {
            return Ok(None);
        }
        if !line.ends_with(b"\n") && (line.len() as u64) < LINE {
            if !self.kept {
                return Err(NotesError::Incomplete(begin));
            }
            // Shells and editors take it away; of a signature that lacks more its check says so.
            line.push(b'\n');
        }
        self.line = self.line.saturating_add(1);
        Ok(Some(line))
    }
}

fn read(begin: u64, note: Vec<u8>) -> Result<(u64, Checkpoint, SignedNote), NotesError> {
    let unfit = |error| NotesError::Note(begin, error);
    let text = String::from_utf8(note).map_err(|_| unfit(NoteError::Form))?;
    let note = SignedNote::parse(&text).map_err(unfit)?;
    let checkpoint = Checkpoint::read(&note).map_err(unfit)?;
    Ok((begin, checkpoint, note))
}
