//! Reading the current segment of a log that is to go on: its chain, its tree, its end.

use std::fs::File;
use std::io::{BufReader, Seek as _, SeekFrom};

use claw_core::digest::sha256;

use super::chain::{
    Chain, FORMAT, Header, Note, begins_header, computed_hash, read_header, read_line, read_tail,
};
use super::checkpoint::Checkpoint;
use super::head::Head;
use super::lines::{Next, next_line};
use super::open::agree;

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
}

/// Checks the current segment of a log. `None` when nothing was ever recorded in it; the inner error says why the log cannot
/// be trusted.
pub(super) fn take_up(
    file: &File,
    kept: Option<&Head>,
    signed: Option<&Checkpoint>,
) -> std::io::Result<Result<Option<State>, String>> {
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let mut line = Vec::new();
    let first = next_line(&mut reader, &mut line)?;
    let header = match first {
        Next::End | Next::Incomplete => return Ok(unbegun(&line, kept, signed).map(|()| None)),
        Next::TooLong => None,
        Next::Line => read_header(&line),
    };
    let (header, hash) = match header {
        Some((header, ..)) if header.format > FORMAT => {
            return Ok(Err(format!(
                "the log has format {}, written by a newer version; this one writes format {FORMAT}",
                header.format
            )));
        }
        Some((header, hash, computed)) if hash == computed => (header, hash),
        _ => return Ok(Err("line 1 is not the header of an audit log".to_owned())),
    };
    let Some(chain) = Chain::at_header(&header, &hash) else {
        return Ok(Err(
            "what line 1 says of earlier segments does not fit together".to_owned()
        ));
    };
    let mut scan = Scan {
        chain,
        signed,
        len: line.len() as u64 + 1,
        sealed: false,
        line: 1,
    };
    let torn = match scan.read(&mut reader, &mut line)? {
        Ok(torn) => torn,
        Err(reason) => return Ok(Err(reason)),
    };
    if let Err(reason) = agree(kept, &scan.chain.head()).and_then(|()| scan.covers()) {
        return Ok(Err(reason));
    }
    Ok(Ok(Some(State {
        header,
        chain: scan.chain,
        len: scan.len,
        torn,
        sealed: scan.sealed,
    })))
}

/// Whether a file without a whole header may be begun as a log.
fn unbegun(line: &[u8], kept: Option<&Head>, signed: Option<&Checkpoint>) -> Result<(), String> {
    let records = kept.map_or(0, |head| head.records);
    let signed = signed.map(|checkpoint| checkpoint.size);
    match records.max(signed.unwrap_or(0)) {
        // Nobody's file is overwritten that was named by mistake.
        _ if !begins_header(line) => Err("the file is not an audit log".to_owned()),
        0 if signed.is_some() => Err("the log is empty, but there are checkpoints of one".to_owned()),
        // Empty, or a crash while the log was being begun.
        0 => Ok(()),
        records => Err(format!("the log is empty, but it had {records} records")),
    }
}

struct Scan<'a> {
    chain: Chain,
    signed: Option<&'a Checkpoint>,
    len: u64,
    sealed: bool,
    line: u64,
}

impl Scan<'_> {
    /// Reads all records. Returns what comes after the last one.
    #[allow(clippy::type_complexity)] // two kinds of failure: the disk's, and the log's
    fn read(
        &mut self,
        reader: &mut BufReader<&File>,
        line: &mut Vec<u8>,
    ) -> std::io::Result<Result<Option<(u64, String)>, String>> {
        loop {
            if let Err(reason) = self.compare() {
                return Ok(Err(reason));
            }
            let next = next_line(reader, line)?;
            self.line = self.line.saturating_add(1);
            match next {
                Next::End => return Ok(Ok(None)),
                Next::Incomplete => return Ok(Ok(Some((line.len() as u64, sha256(&*line))))),
                Next::Line if self.record(line) => {
                    self.len = self.len.saturating_add(line.len() as u64 + 1);
                }
                Next::Line | Next::TooLong => {
                    return Ok(Err(format!(
                        "line {} is damaged, or does not follow from the one before it",
                        self.line
                    )));
                }
            }
        }
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
        }
        self.chain.accept(&computed);
        true
    }

    /// Where the last checkpoint was made, the tree has to have its root.
    fn compare(&self) -> Result<(), String> {
        match self.signed {
            Some(signed) if signed.origin != Checkpoint::origin(&self.chain.log) => {
                Err("the checkpoints belong to another log".to_owned())
            }
            Some(signed) if signed.size == self.chain.records() && signed.root != self.chain.tree.root() => {
                Err(format!(
                    "the first {} records are not those that the last checkpoint was signed for",
                    signed.size
                ))
            }
            _ => Ok(()),
        }
    }

    /// Whether the log goes as far as the last checkpoint.
    fn covers(&self) -> Result<(), String> {
        match self.signed {
            Some(signed) if signed.size > self.chain.records() => Err(format!(
                "the log has {} records, but a checkpoint was signed for {}",
                self.chain.records(),
                signed.size
            )),
            _ => Ok(()),
        }
    }
}
