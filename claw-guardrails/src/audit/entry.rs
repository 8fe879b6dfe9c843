//! What the lines of a log hold: the header of a segment, and records of events and of what the log notes about itself.

use claw_core::audit::AuditEvent;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::merkle::{Frontier, TreeHash};

/// The first line of a segment. Its hash is what the first record of the segment follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// What came before this segment; `None` for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// When the segment was begun.
    pub created: Timestamp,
    /// Version of the format.
    pub format: u32,
    /// The public key of the log's checkpoints; empty when it has none.
    #[serde(default)]
    pub key: String,
    /// Tells this log from others. All its segments have the same.
    pub log: String,
    /// Which segment of the log this is, from 0.
    #[serde(default)]
    pub segment: u64,
}

/// All that is needed of earlier segments to go on after them, and to check what follows without them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// Hash of the last record before.
    pub hash: String,
    /// Roots of the perfect subtrees of the tree over the records before, from left to right.
    pub peaks: Vec<TreeHash>,
    /// How many records there are before.
    pub records: u64,
    /// Root of the tree over them.
    pub root: TreeHash,
}

impl After {
    /// The tree over the records before; `None` when what is said of it does not fit together.
    pub(super) fn tree(&self) -> Option<Frontier> {
        Frontier::from_peaks(self.records, self.peaks.clone()).filter(|tree| tree.root() == self.root)
    }
}

/// Something that the log records about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum Note {
    /// The log was opened again and ended in what a crash in the middle of a write left: a line without its end, or, where
    /// the disk does not store in order, lines with holes. Nobody had been told that these records were safe. They were cut
    /// off.
    Recovered {
        /// When the log was opened again.
        time: Timestamp,
        /// Length of what was cut off, in bytes.
        bytes: u64,
        /// SHA-256 of it, hexadecimal.
        digest: String,
    },
    /// The log was opened again and its head file was gone: what was cut off before this moment cannot be seen.
    HeadMissing {
        /// When the log was opened again.
        time: Timestamp,
    },
    /// The log was opened again, by an agent that had not been closed in order, and no checkpoint vouched for its last
    /// records. The next checkpoint does, and so says no more than that they were there then.
    Unsigned {
        /// When the log was opened again.
        time: Timestamp,
        /// How many records the last checkpoint is about.
        after: u64,
        /// How many records there were.
        records: u64,
    },
    /// Checkpoints are signed with another key from here on, as the settings allow.
    KeyChanged {
        /// When.
        time: Timestamp,
        /// The public key before; empty where there was none.
        from: String,
        /// The public key from here on.
        to: String,
    },
    /// The log was closed in order.
    Closed {
        /// When.
        time: Timestamp,
    },
    /// This record is the last of its segment. The header of the next one follows it.
    Sealed {
        /// When.
        time: Timestamp,
        /// How many records there are before this one.
        records: u64,
        /// Root of the tree over them.
        root: TreeHash,
    },
    /// Sealed segments are deleted, as the settings of the log ask.
    Retired {
        /// When.
        time: Timestamp,
        /// How many segments are gone then, from the first.
        segments: u64,
        /// How many records are gone then, from the first.
        records: u64,
    },
}

impl Note {
    /// When it was noted.
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Recovered { time, .. }
            | Self::HeadMissing { time }
            | Self::Unsigned { time, .. }
            | Self::KeyChanged { time, .. }
            | Self::Closed { time }
            | Self::Sealed { time, .. }
            | Self::Retired { time, .. } => *time,
        }
    }
}

/// What a record holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Entry {
    /// An event that was handed to the log.
    Event(Box<AuditEvent>),
    /// Something that the log records about itself.
    Note(Note),
}

/// One record of a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Position in the log, from 0.
    pub sequence: u64,
    /// Hash of the record before, or of the header.
    pub prev: String,
    /// The event or the note.
    #[serde(flatten)]
    pub entry: Entry,
    /// Hash of this record.
    pub hash: String,
}
