//! Going through the records of a log with all its segments.

use std::io::BufRead;
use std::path::Path;

use claw_core::audit::{AuditEvent, AuditKind};
use jiff::Timestamp;

use super::chain::{Entry, Record};
use super::lines::{Next, next_line};
use super::verify::{Segments, VerifyError, log_in};

/// Which events are meant. What is not set is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filter {
    /// Events of this run.
    pub run: Option<String>,
    /// Events of these kinds; of all when there is none.
    pub kinds: Vec<AuditKind>,
    /// Events at this time or later.
    pub since: Option<Timestamp>,
    /// Events before this time.
    pub until: Option<Timestamp>,
}

impl Filter {
    /// Whether an event is meant.
    pub fn takes(&self, event: &AuditEvent) -> bool {
        self.run.as_ref().is_none_or(|run| *run == event.run)
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time < until)
    }
}

/// Hands on the records of events that `filter` takes, with their lines, from the log at `path` and all its segments that are
/// there. Stops when `each` says `false`.
///
/// Returns how many lines could not be read as records. Whether the log is whole is for
/// [`verify_file`](super::verify_file) to say. Blocks while it reads; takes memory for one record.
pub fn each_record(
    path: impl AsRef<Path>,
    filter: &Filter,
    mut each: impl FnMut(&Record, &AuditEvent, &str) -> bool,
) -> Result<u64, VerifyError> {
    let mut unreadable = 0;
    let mut on = true;
    Segments::open(&log_in(path.as_ref())?)?.read(|_, mut reader| {
        let found = records_in(&mut reader, &mut on, |record, line| match &record.entry {
            Entry::Event(event) if filter.takes(event) => each(record, event, line),
            _ => true,
        })?;
        unreadable += found;
        Ok(())
    })?;
    Ok(unreadable)
}

/// The records in one segment. Returns how many lines are none.
pub(super) fn records_in(
    reader: &mut impl BufRead,
    on: &mut bool,
    mut each: impl FnMut(&Record, &str) -> bool,
) -> std::io::Result<u64> {
    let mut unreadable = 0_u64;
    let mut buffer = Vec::new();
    let mut header = true;
    while *on {
        match next_line(reader, &mut buffer)? {
            Next::End => break,
            _ if std::mem::take(&mut header) => {}
            Next::Line => match std::str::from_utf8(&buffer)
                .ok()
                .map(|line| (serde_json::from_str(line), line))
            {
                Some((Ok(record), line)) => *on = each(&record, line),
                _ => unreadable = unreadable.saturating_add(1),
            },
            Next::Incomplete | Next::TooLong => unreadable = unreadable.saturating_add(1),
        }
    }
    Ok(unreadable)
}
