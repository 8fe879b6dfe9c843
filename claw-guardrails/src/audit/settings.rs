//! What of a log can be set.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checkpoint::{self, Cadence, VerifierKey};

/// Settings of a [`FileAuditLog`](super::FileAuditLog). Every one has a default that fits an agent of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AuditSettings {
    /// The key that checkpoints are signed with: a PKCS#8 file with an Ed25519 key, its owner's alone. It is made where there
    /// is none. Default: beside the log, `audit.jsonl.key`.
    pub key_file: Option<PathBuf>,
    /// A checkpoint is made after so many records at the latest. Default: 1,000. So many are never vouched for by a signature,
    /// which somebody who can write the files could change unseen: the checkpoints say so, and a check shows more of them as a
    /// problem.
    pub checkpoint_records: NonZeroU64,
    /// A checkpoint is made of new records after so many seconds. Default: 60.
    pub checkpoint_seconds: NonZeroU64,
    /// A segment is sealed, and the next one begun, when it has so many bytes. Default: 64 MiB, which are read when the
    /// log is opened.
    pub segment_bytes: NonZeroU64,
    /// A segment is also sealed when it is so many seconds old. Never for its age unless set.
    pub segment_seconds: Option<NonZeroU64>,
    /// So many sealed segments are kept, and older ones deleted. All unless set.
    pub keep_segments: Option<u32>,
    /// Sealed segments are deleted so many seconds after they were sealed, to within `checkpoint_seconds`. Never for their age
    /// unless set. What is not sealed is not deleted: `segment_seconds` bounds how old that gets.
    pub keep_seconds: Option<NonZeroU64>,
    /// Public keys, as `audit verify` prints them, that checkpoints of the log were signed with before its key was changed. A
    /// log whose last checkpoint is signed with neither its key nor one of these is not opened. Default: none.
    pub previous_keys: Vec<String>,
    /// Opens a log although no checkpoint vouches for it: one of the first format, or one whose checkpoints are lost. Its records
    /// are signed from then on, whoever wrote them, and a note on record says so. Set it for one start, after a look at the
    /// log. Default: `false`.
    pub adopt_unsigned: bool,
}

/// Default of [`AuditSettings::checkpoint_records`].
pub(super) const RECORDS: NonZeroU64 = NonZeroU64::MIN.saturating_add(999);
const SECONDS: NonZeroU64 = NonZeroU64::MIN.saturating_add(59);
const BYTES: NonZeroU64 = NonZeroU64::MIN.saturating_add(64 * 1024 * 1024 - 1);

impl Default for AuditSettings {
    fn default() -> Self {
        Self {
            key_file: None,
            checkpoint_records: RECORDS,
            checkpoint_seconds: SECONDS,
            segment_bytes: BYTES,
            segment_seconds: None,
            keep_segments: None,
            keep_seconds: None,
            previous_keys: Vec::new(),
            adopt_unsigned: false,
        }
    }
}

impl AuditSettings {
    /// Sets [`key_file`](Self::key_file).
    #[must_use]
    pub fn with_key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.key_file = Some(path.into());
        self
    }

    /// Sets [`checkpoint_records`](Self::checkpoint_records) and [`checkpoint_seconds`](Self::checkpoint_seconds).
    #[must_use]
    pub fn with_checkpoint_every(mut self, records: NonZeroU64, seconds: NonZeroU64) -> Self {
        (self.checkpoint_records, self.checkpoint_seconds) = (records, seconds);
        self
    }

    /// Sets [`segment_bytes`](Self::segment_bytes).
    #[must_use]
    pub fn with_segment_bytes(mut self, bytes: NonZeroU64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// Sets [`segment_seconds`](Self::segment_seconds).
    #[must_use]
    pub fn with_segment_seconds(mut self, seconds: NonZeroU64) -> Self {
        self.segment_seconds = Some(seconds);
        self
    }

    /// Sets [`keep_segments`](Self::keep_segments).
    #[must_use]
    pub fn with_keep_segments(mut self, count: u32) -> Self {
        self.keep_segments = Some(count);
        self
    }

    /// Sets [`keep_seconds`](Self::keep_seconds).
    #[must_use]
    pub fn with_keep_seconds(mut self, seconds: NonZeroU64) -> Self {
        self.keep_seconds = Some(seconds);
        self
    }

    /// Adds to [`previous_keys`](Self::previous_keys).
    #[must_use]
    pub fn with_previous_key(mut self, key: &VerifierKey) -> Self {
        self.previous_keys.push(key.to_string());
        self
    }

    /// Sets [`adopt_unsigned`](Self::adopt_unsigned).
    #[must_use]
    pub fn with_adopt_unsigned(mut self, adopt: bool) -> Self {
        self.adopt_unsigned = adopt;
        self
    }

    /// Where the key of the log at `log` is.
    pub(super) fn key_path(&self, log: &Path) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| checkpoint::key_path(log))
    }

    /// How often checkpoints are made.
    pub(super) fn cadence(&self) -> Cadence {
        Cadence {
            records: self.checkpoint_records,
            seconds: self.checkpoint_seconds,
        }
    }

    pub(super) fn checkpoint_period(&self) -> Duration {
        Duration::from_secs(self.checkpoint_seconds.get())
    }
}
