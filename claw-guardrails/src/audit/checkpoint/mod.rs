//! Signed checkpoints: how far a log goes, and the root of the tree over its records, signed.
//!
//! The text is that of C2SP `tlog-checkpoint` in a C2SP `signed-note`, which the tools of transparency logs read:
//!
//! ```text
//! claw-audit/1f2e3d4c5b6a7988
//! 1024
//! qINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=
//! time 2026-03-01T10:00:00Z
//! next 1000 60
//!
//! — claw-audit/1f2e3d4c5b6a7988 Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
//! ```
//!
//! The lines are: which log, how many records, the root of their tree ([`merkle`](super::merkle)), when the checkpoint was made,
//! after how many events and seconds the next one comes at the latest, an empty line, and a line for each signature. The two
//! lines after the root are extensions, which other tools pass over. The second is what makes it of no use to take checkpoints
//! away: a log that has more records after its last checkpoint than that one allows is not as its agent left it. Beside the log `audit.jsonl` lies the key `audit.jsonl.key`, with which they are signed, and
//! `audit.jsonl.checkpoints`, in which they are kept, one after the other, each followed by an empty line.
//!
//! Who can read the key can sign anything. What makes a checkpoint worth something is that it, or the public key, is kept
//! where the log's machine cannot change it: give the log a [`CheckpointSink`](claw_core::audit::CheckpointSink), and keep
//! the [`VerifierKey`].

mod file;
mod key;
mod note;
mod notes;
mod sink;

#[cfg(test)]
mod tests;

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use claw_core::audit::SignedCheckpoint;
use jiff::Timestamp;
use serde::Serialize;

use super::merkle::TreeHash;

pub(super) use file::CheckpointFile;
pub use key::{KeyError, ParseKeyError, Signer, VerifierKey};
pub use note::{NoteError, SignedNote};
pub(super) use notes::{Notes, NotesError};
pub use sink::{FileSink, StdoutSink};

/// What our extension lines begin with.
const TIME: &str = "time ";
const NEXT: &str = "next ";

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many records.
    pub size: u64,
    /// Root of the tree over them.
    pub root: TreeHash,
    /// When it was made, where it says so.
    pub time: Option<Timestamp>,
    /// When the next one comes at the latest, where it says so.
    pub next: Option<Cadence>,
}

/// How often a log has a checkpoint made. Of what comes after a checkpoint, there is never more before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cadence {
    /// Events. What the log notes about itself does not count.
    pub records: NonZeroU64,
    /// Seconds from one checkpoint to the first moment at which new records make the next one due.
    pub seconds: NonZeroU64,
}

impl Checkpoint {
    /// The origin of the checkpoints of a log, which is the name of their key as well.
    pub fn origin(log: &str) -> String {
        format!("claw-audit/{log}")
    }

    /// Signs it.
    pub fn sign(&self, signer: &Signer) -> SignedCheckpoint {
        let mut text = format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            BASE64.encode(self.root.as_bytes())
        );
        if let Some(time) = self.time {
            text.push_str(&format!("{TIME}{time}\n"));
        }
        if let Some(Cadence { records, seconds }) = self.next {
            text.push_str(&format!("{NEXT}{records} {seconds}\n"));
        }
        SignedCheckpoint {
            origin: self.origin.clone(),
            size: self.size,
            note: SignedNote::sign(text, signer).to_string(),
        }
    }

    /// Reads the text of a note, without looking at its signatures. Lines that follow the root are extensions; those that are
    /// not ours are passed over.
    pub fn read(note: &SignedNote) -> Result<Self, NoteError> {
        let unfit = NoteError::NoCheckpoint;
        let mut lines = note.text().split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(unfit);
        };
        let canonical =
            size == "0" || !size.starts_with('0') && size.bytes().all(|byte| byte.is_ascii_digit());
        if origin.is_empty() || !canonical {
            return Err(unfit);
        }
        let root = BASE64.decode(root).ok().and_then(|bytes| bytes.try_into().ok());
        let (mut time, mut next) = (None, None);
        for line in lines {
            if let Some(text) = line.strip_prefix(TIME) {
                time = Some(text.parse().map_err(|_| unfit)?);
            } else if let Some(text) = line.strip_prefix(NEXT) {
                next = Some(cadence(text).ok_or(unfit)?);
            }
        }
        match (size.parse(), root) {
            (Ok(size), Some(root)) => Ok(Self {
                origin: origin.to_owned(),
                size,
                root: TreeHash::new(root),
                time,
                next,
            }),
            _ => Err(unfit),
        }
    }
}

/// What `RECORDS SECONDS` says.
fn cadence(text: &str) -> Option<Cadence> {
    let (records, seconds) = text.split_once(' ')?;
    Some(Cadence {
        records: records.parse().ok()?,
        seconds: seconds.parse().ok()?,
    })
}

/// Where the key of the log at `log` lies: `audit.jsonl` → `audit.jsonl.key`.
pub fn key_path(log: &Path) -> PathBuf {
    super::beside(log, ".key")
}

/// Where the checkpoints of the log at `log` lie: `audit.jsonl` → `audit.jsonl.checkpoints`.
pub fn checkpoints_path(log: &Path) -> PathBuf {
    super::beside(log, ".checkpoints")
}
