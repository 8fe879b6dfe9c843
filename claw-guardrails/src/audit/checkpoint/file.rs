//! The file of checkpoints beside a log.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufReader, Error, ErrorKind, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use claw_core::audit::SignedCheckpoint;

use super::note::DASH;
use super::notes::Notes;
use super::{Checkpoint, SignedNote};

/// How much of the end is read to find the last checkpoint, in bytes. Ours have some 300.
const TAIL: u64 = 64 * 1024;

/// A file to which checkpoints are added. One at a time adds to it.
#[derive(Debug)]
pub(in super::super) struct CheckpointFile {
    file: File,
    /// Length up to the end of the last whole note, in bytes.
    len: u64,
    /// An earlier try may have left part of a note after that.
    torn: bool,
}

impl CheckpointFile {
    /// Opens or creates the file, and makes it the caller's alone. Returns the last checkpoint in it. A note that a crash left
    /// without its end was not the word on anything: the next one takes its place.
    pub(in super::super) fn open(path: &Path) -> std::io::Result<(Self, Option<(Checkpoint, SignedNote)>)> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        super::super::files::private(&mut options);
        let mut file = options.open(path)?;
        // Who cuts off what another is about to write leaves a file that ends in less than was kept.
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(
                    ErrorKind::ResourceBusy,
                    "another process adds checkpoints to it; give each log a file of its own",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let tail = Tail::read(&mut file)?;
        let (last, len, size) = (tail.last()?, tail.len(), tail.size);
        if len < size {
            file.set_len(len)?;
        }
        if size == 0 {
            file.sync_all()?;
            super::super::files::sync_folder(path)?;
        }
        let torn = false;
        Ok((Self { file, len, torn }, last))
    }

    /// The last checkpoint in the file at `path`, which may be in use. `None` when there is no file, or none in it.
    pub(in super::super) fn last(path: &Path) -> std::io::Result<Option<(Checkpoint, SignedNote)>> {
        match File::open(path) {
            Ok(mut file) => Tail::read(&mut file)?.last(),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds a checkpoint, and returns when it survives a power failure. After an error the file is as before.
    pub(in super::super) fn append(&mut self, checkpoint: &SignedCheckpoint) -> std::io::Result<()> {
        let text = format!("{}\n", checkpoint.note);
        if self.torn {
            self.file.set_len(self.len)?;
        }
        // Whoever does without the lock is not written over.
        if self.file.metadata()?.len() != self.len {
            return Err(damaged("somebody else changed it"));
        }
        self.torn = true;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_data()?;
        self.len = self.len.saturating_add(text.len() as u64);
        self.torn = false;
        Ok(())
    }
}

/// The end of a file of notes.
struct Tail {
    /// Size of the file, in bytes.
    size: u64,
    /// Where the end begins.
    start: u64,
    bytes: Vec<u8>,
    /// Where the last whole note begins and ends in it.
    from: usize,
    to: usize,
}

impl Tail {
    fn read(file: &mut File) -> std::io::Result<Self> {
        let size = file.seek(SeekFrom::End(0))?;
        let start = size.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        Read::take(file, TAIL).read_to_end(&mut bytes)?;
        let (from, to) = last_note(&bytes);
        Ok(Self {
            size,
            start,
            bytes,
            from,
            to,
        })
    }

    /// The last whole note.
    fn last(&self) -> std::io::Result<Option<(Checkpoint, SignedNote)>> {
        let note = self.bytes.get(self.from..self.to).unwrap_or_default();
        let last = match Notes::new(BufReader::new(note)).next() {
            Ok(last) => last.map(|(_, checkpoint, note)| (checkpoint, note)),
            Err(_) => return Err(damaged("its last note is not a checkpoint")),
        };
        if last.is_none() && (self.start > 0 || !begins_note(&self.bytes)) {
            return Err(damaged("it does not end in checkpoints"));
        }
        Ok(last)
    }

    /// Length of the file up to the end of that note, in bytes.
    fn len(&self) -> u64 {
        self.start.saturating_add(self.to as u64)
    }
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what.to_owned())
}

/// Where the last whole note begins and ends. A note ends in an empty line after a line with a signature.
fn last_note(bytes: &[u8]) -> (usize, usize) {
    let mut ends = Vec::from([0, 0]);
    let mut at = 0_usize;
    let mut signed = false;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        at = at.saturating_add(line.len());
        if signed && line == b"\n" {
            ends.push(at);
        }
        signed = line.starts_with(DASH.as_bytes()) && line.ends_with(b"\n");
    }
    match ends.as_slice() {
        [.., from, to] => (*from, *to),
        _ => (0, 0),
    }
}

/// Whether bytes may be what a crash left of the first note. Nobody's file is overwritten that was named by mistake.
fn begins_note(bytes: &[u8]) -> bool {
    let origin = Checkpoint::origin("");
    let count = bytes.len().min(origin.len());
    bytes.get(..count) == origin.as_bytes().get(..count)
}
