//! The file of checkpoints beside a log.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use claw_core::audit::SignedCheckpoint;

use super::note::DASH;
use super::notes::Notes;
use super::{Checkpoint, SignedNote};

/// How much of the end is read to find the last checkpoint, in bytes. Ours have some 300.
const TAIL: u64 = 64 * 1024;

/// A file to which checkpoints are added.
#[derive(Debug)]
pub(in super::super) struct CheckpointFile {
    file: File,
    /// Length up to the end of the last whole note, in bytes.
    len: u64,
}

impl CheckpointFile {
    /// Opens or creates the file. Returns the last checkpoint in it. A note that a crash left without its end was not the
    /// word on anything: the next one takes its place.
    pub(in super::super) fn open(path: &Path) -> std::io::Result<(Self, Option<(Checkpoint, SignedNote)>)> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        super::super::open::private(&mut options);
        let mut file = options.open(path)?;
        let size = file.seek(SeekFrom::End(0))?;
        let start = size.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        Read::take(&file, TAIL).read_to_end(&mut tail)?;
        let (from, to) = last_note(&tail);
        let last = Notes::new(BufReader::new(tail.get(from..to).unwrap_or_default())).next();
        let last = match last {
            Ok(last) => last.map(|(_, checkpoint, note)| (checkpoint, note)),
            Err(_) => return Err(damaged("its last note is not a checkpoint")),
        };
        if last.is_none() && (start > 0 || !begins_note(&tail)) {
            return Err(damaged("it does not end in checkpoints"));
        }
        let len = start.saturating_add(to as u64);
        file.set_len(len)?;
        if size == 0 {
            file.sync_all()?;
            super::super::open::sync_folder(path)?;
        }
        Ok((Self { file, len }, last))
    }

    /// Adds a checkpoint, and returns when it survives a power failure. After an error the file is as before.
    pub(in super::super) fn append(&mut self, checkpoint: &SignedCheckpoint) -> std::io::Result<()> {
        let text = format!("{}\n", checkpoint.note);
        // Whatever an earlier try left behind.
        self.file.set_len(self.len)?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_data()?;
        self.len = self.len.saturating_add(text.len() as u64);
        Ok(())
    }
}

fn damaged(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned())
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
