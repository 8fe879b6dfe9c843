//! Going through the records of a log with all its segments.

use std::io::BufRead;
use std::path::Path;

use claw_core::audit::{AuditEvent, AuditKind};
use jiff::Timestamp;

use super::entry::{Entry, Record};
use super::lines::{Next, next_line};
use super::snapshot::Segments;
use super::verify::{VerifyError, log_in};

/// Which records are meant. What is not set is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filter {
    /// Events of this run.
    pub run: Option<String>,
    /// Events of these kinds; of all when there is none.
    pub kinds: Vec<AuditKind>,
    /// Records of this time or later.
    pub since: Option<Timestamp>,
    /// Records of a time before this one.
    pub until: Option<Timestamp>,
}

impl Filter {
    /// Whether a record is meant. What the log notes about itself is of no run and of no kind.
    pub fn takes(&self, entry: &Entry) -> bool {
        let time = match entry {
            Entry::Event(event) => event.time,
            Entry::Note(note) => note.time(),
        };
        let meant = match entry {
            Entry::Event(event) => self.takes_event(event),
            Entry::Note(_) => self.run.is_none() && self.kinds.is_empty(),
        };
        meant && self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }

    fn takes_event(&self, event: &AuditEvent) -> bool {
        self.run.as_ref().is_none_or(|run| *run == event.run)
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
    }
}

/// Hands on the records that `filter` takes, with their lines, from the log at `path` and all its segments that are there.
/// Without a run and kinds these are all, so that none of their numbers is missing. Stops when `each` says `false`.
///
/// Returns how many lines could not be read as records. Whether the log is whole is for
/// [`verify_file`](super::verify_file) to say. Blocks while it reads; takes memory for one record.
pub fn each_record(
    path: impl AsRef<Path>,
    filter: &Filter,
    mut each: impl FnMut(&Record, &str) -> bool,
) -> Result<u64, VerifyError> {
    let mut unreadable = 0;
    let mut on = true;
    Segments::open(&log_in(path.as_ref())?)?.read(|_, mut reader, _| {
        let found = records_in(&mut reader, &mut on, |record, line| {
            !filter.takes(&record.entry) || each(record, line)
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

#[cfg(test)]
mod tests {
    use super::super::entry::Note;
    use super::super::tests::{append_bytes, event, place, written};
    use super::*;

    #[test]
    fn a_filter_takes_what_all_its_parts_take() {
        let time: Timestamp = "2026-03-01T10:00:00.5Z".parse().unwrap();
        let later = time.checked_add(jiff::SignedDuration::from_nanos(1)).unwrap();
        let observed = Entry::Event(Box::new(event("run-1", "get_pods")));
        let closed = Entry::Note(Note::Closed { time });
        let (of_kind, not_of_kind) = (
            vec![AuditKind::Refuse, AuditKind::Observe],
            vec![AuditKind::Refuse],
        );
        for (run, kinds, since, until, event, note) in [
            (None, vec![], None, None, true, true),
            (Some("run-1"), vec![], None, None, true, false),
            (Some("run-2"), vec![], None, None, false, false),
            (None, of_kind.clone(), None, None, true, false),
            (None, not_of_kind.clone(), None, None, false, false),
            (Some("run-1"), of_kind.clone(), None, None, true, false),
            (Some("run-1"), not_of_kind, None, None, false, false),
            (Some("run-2"), of_kind, None, None, false, false),
            (None, vec![], Some(time), None, true, true),
            (None, vec![], Some(later), None, false, false),
            (None, vec![], None, Some(later), true, true),
            (None, vec![], None, Some(time), false, false),
            (None, vec![], Some(time), Some(later), true, true),
            (Some("run-2"), vec![], Some(time), Some(later), false, false),
            (Some("run-1"), vec![], Some(later), None, false, false),
        ] {
            let filter = Filter {
                run: run.map(str::to_owned),
                kinds,
                since,
                until,
            };
            let taken = (filter.takes(&observed), filter.takes(&closed));
            assert_eq!(taken, (event, note), "{filter:?}");
        }
    }

    #[tokio::test]
    async fn records_are_handed_on_until_enough_is_said_and_what_is_none_is_counted() {
        let place = place();
        written(&place, 3).await;
        append_bytes(&place, b"no record\n\xff\nno end");
        let read = |filter: &Filter, most: usize| {
            let mut found = Vec::new();
            let unreadable = each_record(&place.path, filter, |record, line| {
                assert_eq!(serde_json::from_str::<Record>(line).unwrap(), *record);
                found.push(record.sequence);
                found.len() < most
            });
            (found, unreadable.unwrap())
        };
        assert_eq!(read(&Filter::default(), 9), (vec![0, 1, 2, 3], 3));
        assert_eq!(read(&Filter::default(), 2), (vec![0, 1], 0));
        let of_run = Filter {
            run: Some("r".to_owned()),
            ..Filter::default()
        };
        assert_eq!(read(&of_run, 9), (vec![0, 1, 2], 3));
    }
}
