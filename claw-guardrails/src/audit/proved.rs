//! Proof that one record is in a log, to be checked without the log.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::MAX_LINE;
use super::chain::{computed_hash, read_line, read_tail};
use super::checkpoint::{
    Checkpoint, NoteError, Notes, NotesError, SignedNote, VerifierKey, checkpoints_path,
};
use super::entry::{Entry, Record};
use super::lines::{Next, next_line};
use super::merkle::{Frontier, InclusionProof, InclusionProver, ProofError, TreeHash, Unprovable};
use super::snapshot::Segments;
use super::verify::{VerifyError, log_in};

/// A record, a checkpoint, and the proof that the one is in the tree of the other. As JSON it can be handed to somebody who
/// has the log's public key and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordProof {
    /// The record, as it stands in the log.
    pub record: String,
    /// That it is in the tree.
    pub proof: InclusionProof,
    /// The signed checkpoint with the root of the tree.
    pub checkpoint: String,
    /// The public key of the log, as its header has it. It proves nothing by itself: compare it with the one that was kept.
    pub key: String,
}

/// What a proof shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checked {
    /// The log that signed the checkpoint.
    pub origin: String,
    /// How many records it had then.
    pub size: u64,
    /// The key that it was signed with.
    pub key: String,
    /// Whether that key was given, rather than taken from the proof itself.
    pub trusted: bool,
    /// The record that is in the log.
    pub record: Record,
}

/// There is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] VerifyError),
    /// No tree has the record, or not enough of the log is there.
    #[error("the record cannot be proved: {0}")]
    Unprovable(#[from] Unprovable),
    /// The record is younger than the last checkpoint.
    #[error(
        "no checkpoint is about the record {sequence} yet: the last one has {size} records; checkpoints are made while the \
         agent runs, and when it ends"
    )]
    Uncovered {
        /// The record.
        sequence: u64,
        /// How many records the last checkpoint has.
        size: u64,
    },
    /// The log is not as it was.
    #[error("the log is not intact at line {line} of a segment; run `audit verify`")]
    Damaged {
        /// The line.
        line: u64,
    },
    /// The file of checkpoints is not as it was.
    #[error("the checkpoints are damaged at line {line}; run `audit verify`")]
    Checkpoints {
        /// The line.
        line: u64,
    },
    /// What was given is not a proof.
    #[error("this is not a proof as `audit prove` prints it")]
    Format(#[source] serde_json::Error),
    /// The record is not in the form in which records are written, or was altered.
    #[error(
        "the record was altered: its content does not have its hash, or it is not the record that the proof is of"
    )]
    Record,
    /// The checkpoint.
    #[error("the checkpoint does not hold: {0}")]
    Note(#[from] NoteError),
    /// The proof.
    #[error("the record is not shown to be in the log: {0}")]
    Proof(#[from] ProofError),
    /// The key in the proof.
    #[error("the proof names no public key; give the one that was kept (`--key`)")]
    Key,
}

impl RecordProof {
    /// Reads a proof from JSON.
    pub fn parse(text: &str) -> Result<Self, ProveError> {
        serde_json::from_str(text).map_err(ProveError::Format)
    }

    /// Checks the record's hash, the signature of the checkpoint, and that the one is in the tree of the other. Without
    /// `keys`, the signature is checked against the key that the proof itself names.
    pub fn check(&self, keys: &[VerifierKey]) -> Result<Checked, ProveError> {
        let own: Vec<VerifierKey> = match keys {
            [] => vec![self.key.parse().map_err(|_| ProveError::Key)?],
            keys => keys.to_vec(),
        };
        let line = read_line(self.record.as_bytes()).ok_or(ProveError::Record)?;
        let record: Record = serde_json::from_str(&self.record).map_err(|_| ProveError::Record)?;
        let leaf = TreeHash::of_record(&line.computed).ok_or(ProveError::Record)?;
        if line.hash != line.computed || line.sequence != self.proof.index {
            return Err(ProveError::Record);
        }
        let note = SignedNote::parse(&self.checkpoint)?;
        let key = note.verify(&own)?;
        let checkpoint = Checkpoint::read(&note)?;
        if checkpoint.size != self.proof.size || checkpoint.origin != key.name() {
            return Err(ProofError::Shape.into());
        }
        self.proof.verify(&leaf, &checkpoint.root)?;
        Ok(Checked {
            origin: checkpoint.origin,
            size: checkpoint.size,
            key: key.to_string(),
            trusted: !keys.is_empty(),
            record,
        })
    }
}

/// Makes the proof that the record `sequence` is in the log at `path`, against the first checkpoint that is about it, or, with
/// `newest`, against the last. `checkpoints` is a file that was kept elsewhere; `None` is the one beside the log.
///
/// Blocks while it reads the log up to that checkpoint. Takes memory for one record.
pub fn prove(
    path: impl AsRef<Path>,
    sequence: u64,
    checkpoints: Option<&Path>,
    newest: bool,
) -> Result<RecordProof, ProveError> {
    let path = log_in(path.as_ref())?;
    let (checkpoint, note) = match checkpoints {
        Some(kept) => covering(kept, Notes::kept, sequence, newest)?,
        None => covering(&checkpoints_path(&path), Notes::new, sequence, newest)?,
    };
    let log = Segments::open(&path)?;
    let keys = log.keys();
    let key = note.verify(&keys).map(ToString::to_string)?;
    let start = match log.first().and_then(|header| header.after.as_ref()) {
        Some(after) => after.tree().ok_or(ProveError::Damaged { line: 1 })?,
        None => Frontier::new(),
    };
    let mut leaves = Leaves {
        next: start.size(),
        size: checkpoint.size,
        wanted: sequence,
        prover: InclusionProver::new(sequence, checkpoint.size, &start)?,
        record: None,
        damaged: None,
    };
    log.read(|_, mut reader, _| leaves.read(&mut reader))?;
    if let Some(line) = leaves.damaged {
        return Err(ProveError::Damaged { line });
    }
    let proof = RecordProof {
        record: leaves.record.unwrap_or_default(),
        proof: leaves.prover.finish()?,
        checkpoint: note.to_string(),
        key,
    };
    // What does not check is not handed out.
    proof.check(&keys)?;
    Ok(proof)
}

/// The first checkpoint, or the last, that is about the record.
fn covering(
    path: &Path,
    read: fn(BufReader<File>) -> Notes<BufReader<File>>,
    sequence: u64,
    newest: bool,
) -> Result<(Checkpoint, SignedNote), ProveError> {
    let failed = |source| {
        ProveError::Log(VerifyError::Checkpoints {
            path: path.display().to_string(),
            source,
        })
    };
    let mut notes = read(BufReader::new(File::open(path).map_err(failed)?));
    let (mut found, mut size) = (None, 0);
    loop {
        match notes.next() {
            Ok(Some((_, checkpoint, note))) => {
                size = checkpoint.size;
                if size > sequence {
                    found = Some((checkpoint, note));
                    if !newest {
                        break;
                    }
                }
            }
            // One that is being written is not there yet.
            Ok(None) | Err(NotesError::Incomplete(_)) => break,
            Err(NotesError::Io(error)) => return Err(failed(error)),
            Err(NotesError::Note(line, _)) => return Err(ProveError::Checkpoints { line }),
        }
    }
    found.ok_or(ProveError::Uncovered { sequence, size })
}

/// The leaves of the tree, as they are read.
struct Leaves {
    next: u64,
    size: u64,
    wanted: u64,
    prover: InclusionProver,
    record: Option<String>,
    damaged: Option<u64>,
}

impl Leaves {
    fn read(&mut self, reader: &mut BufReader<&File>) -> std::io::Result<()> {
        let mut buffer = Vec::with_capacity(4096.min(MAX_LINE));
        let mut line = 0_u64;
        while self.next < self.size && self.damaged.is_none() {
            let next = next_line(reader, &mut buffer)?;
            line = line.saturating_add(1);
            match next {
                Next::End | Next::Incomplete => break,
                // The header.
                _ if line == 1 => {}
                Next::Line if self.leaf(&buffer) => {}
                Next::Line | Next::TooLong => self.damaged = Some(line),
            }
        }
        Ok(())
    }

    fn leaf(&mut self, line: &[u8]) -> bool {
        let leaf = read_tail(line)
            .filter(|tail| tail.sequence == self.next)
            .and_then(|_| TreeHash::of_record(&computed_hash(line)?));
        let Some(leaf) = leaf else {
            return false;
        };
        if self.next == self.wanted {
            self.record = std::str::from_utf8(line).ok().map(ToOwned::to_owned);
        }
        self.prover.push(leaf);
        self.next = self.next.saturating_add(1);
        true
    }
}

impl Checked {
    /// The event that the record holds; `None` when the log noted something about itself.
    pub fn event(&self) -> Option<&claw_core::audit::AuditEvent> {
        match &self.record.entry {
            Entry::Event(event) => Some(event),
            Entry::Note(_) => None,
        }
    }
}
