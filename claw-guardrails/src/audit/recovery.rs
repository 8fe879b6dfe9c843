//! Reading the current segment of a log that is to go on: its chain, its tree, its end.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};

use claw_core::digest::hex;
use sha2::{Digest as _, Sha256};

use super::chain::{Chain, FORMAT, begins_header, computed_hash, read_header, read_line, read_tail};
use super::checkpoint::Checkpoint;
use super::entry::{Header, Note};
use super::head::Head;
use super::lines::{Next, next_line};
use super::writer::LONGEST_APPEND;

/// What is known of a log from outside its segments.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known<'a> {
    /// Its head file.
    pub(super) head: Option<&'a Head>,
    /// Checkpoints of it: the last one beside it, and those that were kept elsewhere.
    pub(super) checkpoints: &'a [Checkpoint],
}

/// Where a log ends.
pub(super) struct State {
    /// Header of the current segment.
    pub(super) header: Header,
    pub(super) chain: Chain,
    /// Length up to the end of the last whole line, in bytes.
    pub(super) len: u64,
    /// Length and digest of what comes after it.
    pub(super) torn: Option<(u64, String)>,
    /// The last record says that the segment takes no more.
    pub(super) sealed: bool,
    /// The last of the checkpoints that fits the records.
    pub(super) vouched: Option<Checkpoint>,
    /// How many events come after it.
    pub(super) unsigned: u64,
}

/// Why a log does not go on.
pub(super) enum Unfit {
    /// It cannot be read.
    Disk(std::io::Error),
    /// It cannot be trusted, for this reason.
    Log(String),
}

impl From<std::io::Error> for Unfit {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<String> for Unfit {
    fn from(reason: String) -> Self {
        Self::Log(reason)
    }
}

/// Checks the current segment of a log. `None` when nothing was ever recorded in it.
pub(super) fn recover(file: &File, known: Known<'_>) -> Result<Option<State>, Unfit> {
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let mut line = Vec::new();
    let first = next_line(&mut reader, &mut line)?;
    let header = match first {
        Next::End | Next::Incomplete => {
            unbegun(&line, known)?;
            return Ok(None);
        }
        Next::TooLong => None,
        Next::Line => read_header(&line),
    };
    let (header, hash) = match header {
        Some((header, ..)) if header.format > FORMAT => {
            return Err(Unfit::Log(format!(
                "the log has format {}, written by a newer version; this one writes format {FORMAT}",
                header.format
            )));
        }
        Some((header, hash, computed)) if hash == computed => (header, hash),
        _ => return Err(Unfit::Log("line 1 is not the header of an audit log".to_owned())),
    };
    let Some(chain) = Chain::at_header(&header, &hash) else {
        return Err(Unfit::Log(
            "what line 1 says of earlier segments does not fit together".to_owned(),
        ));
    };
    let mut scan = Scan {
        chain,
        known,
        vouched: None,
        unsigned: 0,
        len: line.len() as u64 + 1,
        sealed: false,
        line: 1,
    };
    let torn = match scan.read(&mut reader, &mut line)? {
        None => None,
        Some(Torn) => Some(rest(file, scan.len)?.ok_or_else(|| scan.damaged())?),
    };
    scan.reaches()?;
    Ok(Some(State {
        header,
        chain: scan.chain,
        len: scan.len,
        torn,
        sealed: scan.sealed,
        vouched: scan.vouched.cloned(),
        unsigned: scan.unsigned,
    }))
}

/// Whether a file without a whole header may be begun as a log.
fn unbegun(line: &[u8], known: Known<'_>) -> Result<(), String> {
    let records = known.head.map_or(0, |head| head.records);
    let signed = known.checkpoints.iter().map(|checkpoint| checkpoint.size).max();
    match records.max(signed.unwrap_or(0)) {
        // Nobody's file is overwritten that was named by mistake.
        _ if !begins_header(line) => Err("the file is not an audit log".to_owned()),
        0 if signed.is_some() => Err("the log is empty, but there are checkpoints of one".to_owned()),
        // Empty, or a crash while the log was being begun.
        0 => Ok(()),
        records => Err(format!("the log is empty, but it had {records} records")),
    }
}

/// Length and digest of what comes after the first `len` bytes; `None` where that is more than one write.
fn rest(mut file: &File, len: u64) -> std::io::Result<Option<(u64, String)>> {
    file.seek(SeekFrom::Start(len))?;
    let mut reader = file.take(LONGEST_APPEND.saturating_add(1));
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0_u64;
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        bytes = bytes.saturating_add(count as u64);
        digest.update(buffer.get(..count).unwrap_or_default());
    }
    Ok((bytes <= LONGEST_APPEND).then(|| (bytes, hex(&digest.finalize()))))
}

/// The log ends in what a crash left of a write.
struct Torn;

struct Scan<'a> {
    chain: Chain,
    known: Known<'a>,
    vouched: Option<&'a Checkpoint>,
    unsigned: u64,
    len: u64,
    sealed: bool,
    line: u64,
}

impl Scan<'_> {
    /// Reads all records. Returns whether something else comes after the last one.
    fn read(&mut self, reader: &mut BufReader<&File>, line: &mut Vec<u8>) -> Result<Option<Torn>, Unfit> {
        loop {
            self.compare()?;
            let next = next_line(reader, line)?;
            self.line = self.line.saturating_add(1);
            match next {
                Next::End => return Ok(None),
                Next::Incomplete => return Ok(Some(Torn)),
                Next::Line if self.record(line) => {
                    self.len = self.len.saturating_add(line.len() as u64 + 1);
                }
                // A disk need not store a write in order: a power failure leaves holes in it, before lines that are whole.
                Next::Line | Next::TooLong if self.is_unacknowledged() => return Ok(Some(Torn)),
                Next::Line | Next::TooLong => return Err(Unfit::Log(self.damaged())),
            }
        }
    }

    fn damaged(&self) -> String {
        format!(
            "line {} is damaged, or does not follow from the one before it",
            self.line
        )
    }

    /// Whether nothing says that the record that belongs here was ever acknowledged. Without a head that cannot be said.
    fn is_unacknowledged(&self) -> bool {
        let records = self.chain.records();
        let reached = |checkpoint: &Checkpoint| checkpoint.size <= records;
        self.known.head.is_some_and(|head| head.records <= records)
            && self.known.checkpoints.iter().all(reached)
    }

    /// Takes a record in; `false` when it is not the next of its chain.
    fn record(&mut self, line: &[u8]) -> bool {
        let (Some(tail), Some(computed)) = (read_tail(line), computed_hash(line)) else {
            return false;
        };
        if self.sealed
            || tail.hash != computed
            || tail.prev != self.chain.link
            || tail.sequence != self.chain.records()
        {
            return false;
        }
        // Only notes are looked into.
        if line.starts_with(br#"{"note":"#) {
            let note = read_line(line).and_then(|line| line.note);
            self.sealed = matches!(note, Some(Note::Sealed { .. }));
        } else {
            self.unsigned = self.unsigned.saturating_add(1);
        }
        self.chain.accept(&computed);
        true
    }

    /// Where the head was taken, the chain has to have its hash, and where a checkpoint was made, the tree its root.
    fn compare(&mut self) -> Result<(), String> {
        let records = self.chain.records();
        let taken_here = |head: &&Head| head.log == self.chain.log && head.records == records;
        if self
            .known
            .head
            .filter(taken_here)
            .is_some_and(|head| head.hash != self.chain.last)
        {
            return Err("the last record is not the one that the head file names".to_owned());
        }
        for signed in self.known.checkpoints {
            if signed.origin != Checkpoint::origin(&self.chain.log) {
                return Err("the checkpoints belong to another log".to_owned());
            }
            if signed.size != records {
                continue;
            }
            if signed.root != self.chain.tree.root() {
                return Err(format!(
                    "the first {} records are not those that a checkpoint was signed for",
                    signed.size
                ));
            }
            self.vouched = Some(signed);
            self.unsigned = 0;
        }
        Ok(())
    }

    /// Whether the log goes as far as its head and its checkpoints.
    fn reaches(&self) -> Result<(), String> {
        let found = self.chain.head();
        match self.known.head {
            Some(kept) if kept.log != found.log => {
                return Err("the head file belongs to another log".to_owned());
            }
            Some(kept) if kept.records > found.records => {
                return Err(format!(
                    "the log has {} records, but it had {}",
                    found.records, kept.records
                ));
            }
            _ => {}
        }
        match self
            .known
            .checkpoints
            .iter()
            .find(|signed| signed.size > found.records)
        {
            Some(signed) => Err(format!(
                "the log has {} records, but a checkpoint was signed for {}",
                found.records, signed.size
            )),
            None => Ok(()),
        }
    }
}
