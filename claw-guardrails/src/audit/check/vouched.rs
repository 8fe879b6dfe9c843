//! How far checkpoints vouch for a log, and whether what comes after the last one may be there without one.

use jiff::Timestamp;

use super::super::checkpoint::{Cadence, Checkpoint};
use super::super::verification::{Checkpoints, End};

/// What a log promises that says nothing about it: the default of the settings.
const UNSAID: u64 = super::super::settings::RECORDS.get();

/// What checkpoints vouch for, as the log is read.
///
/// Who has the files can take checkpoints away, but not make any. So each says, under its signature, after how many records
/// the next one comes at the latest, and a log with more records after its last one is not as its agent left it.
#[derive(Debug, Default)]
pub(super) struct Vouched {
    /// How many records the last checkpoint that fits is about.
    size: Option<u64>,
    time: Option<Timestamp>,
    next: Option<Cadence>,
    /// Records after it, and how many of them are events. What the log notes about itself does not count: an agent that
    /// crashes while it starts leaves notes, time and again.
    records: u64,
    events: u64,
    /// How many records there are before the last segment.
    begun: u64,
    /// How many records, from the first, were deleted as a note says that a checkpoint vouches for; and as any note says.
    retired: u64,
    claimed: u64,
}

impl Vouched {
    /// A checkpoint fits the records so far.
    pub(super) fn by(&mut self, checkpoint: &Checkpoint) {
        (self.size, self.time, self.next) = (Some(checkpoint.size), checkpoint.time, checkpoint.next);
        (self.records, self.events) = (0, 0);
        self.retired = self.claimed;
    }

    /// A record follows.
    pub(super) fn record(&mut self, is_event: bool) {
        self.records = self.records.saturating_add(1);
        self.events = self.events.saturating_add(u64::from(is_event));
    }

    /// A segment begins after so many records.
    pub(super) fn segment(&mut self, after: u64) {
        self.begun = after;
    }

    /// A note says that the first records are deleted.
    pub(super) fn retire(&mut self, records: u64) {
        self.claimed = self.claimed.max(records);
    }

    /// Whether a note that counts says that the first `records` were to be deleted. Where there is nothing to vouch for it,
    /// every note counts.
    pub(super) fn retired(&self, records: u64, vouching: bool) -> bool {
        records <= if vouching { self.retired } else { self.claimed }
    }

    /// What the last checkpoint that fits says, and what comes after it.
    pub(super) fn tell(&self, result: &mut Checkpoints) {
        (result.last, result.time, result.next) = (self.size, self.time, self.next);
        result.unsigned = self.records;
    }

    /// Why records after the last checkpoint cannot have been left so by the agent.
    pub(super) fn shortfall(&self, end: End) -> Option<String> {
        let size = self.size?;
        let bound = self.next.map_or(UNSAID, |next| next.records.get());
        if self.events > bound {
            return Some(format!(
                "{} events come after the last checkpoint, which is about {size} records and says that the next one comes \
                 after {bound} at most: checkpoints were taken away, or what comes after them was written by somebody else",
                self.events
            ));
        }
        if self.begun > size {
            return Some(format!(
                "a segment begins after {} records, and no checkpoint vouches for more than {size}: the agent makes one \
                 before it begins a segment",
                self.begun
            ));
        }
        if end == End::Closed && self.records > 0 {
            return Some(format!(
                "the log says that it was closed in order, and no checkpoint vouches for more than {size} records: the agent \
                 makes one when it closes the log"
            ));
        }
        None
    }
}
