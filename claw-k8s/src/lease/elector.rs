//! Who holds a lease, by own observations alone.

use std::time::Duration;

use claw_core::fence::Lost;
use jiff::Timestamp;

use super::record::Record;

/// A moment, by the clock that only goes on, and by the time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) elapsed: Duration,
    pub(super) day: Timestamp,
}

/// What to do about the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// There is none: create it.
    Create,
    /// Nobody holds it, or whoever did has not renewed it for as long as a term lasts: take it, as it was read.
    Take(Record),
    /// It is ours: renew it, as it was read.
    Renew(Record),
    /// Somebody holds it: look again after this long at the latest.
    Wait(Duration),
}

/// The state of one process that would hold a lease.
///
/// Nobody's clock is compared with anybody else's: a term of somebody else is over when its record has not changed for as long
/// as a term lasts, counted from when it was first read; one of our own, when that long has passed since the request was begun that
/// renewed it. That both count at the same pace is all that is relied on, and the margin is for where they do not.
#[derive(Debug)]
pub(super) struct Elector {
    lease: String,
    me: String,
    duration: Duration,
    margin: Duration,
    /// The record, and when it was first read as it is.
    seen: Option<(Record, Duration)>,
    term: Option<Term>,
    /// The highest epoch that was seen: a lease that is deleted and made anew begins after it.
    highest: u64,
}

/// A term of our own.
#[derive(Debug)]
struct Term {
    record: Record,
    /// When the request was begun that renewed it last.
    renewed: Moment,
}

impl Elector {
    pub(super) fn new(lease: String, me: String, duration: Duration, margin: Duration) -> Self {
        Self {
            lease,
            me,
            duration,
            margin,
            seen: None,
            term: None,
            highest: 0,
        }
    }

    /// The record of our own term, so that it can be renewed without reading it first.
    pub(super) fn own(&self) -> Option<&Record> {
        self.term.as_ref().map(|term| &term.record)
    }

    /// The epoch of a term that begins now.
    pub(super) fn next_epoch(&self) -> u64 {
        self.highest.saturating_add(1)
    }

    /// Takes note of what was read: the record, or that there is none.
    pub(super) fn observe(&mut self, record: Option<Record>, now: Duration) {
        // An earlier request of ours may have come through without an answer: then the version is another, and the term the same.
        let ours = |term: &Term| {
            record.as_ref().is_some_and(|record| {
                let same = record.uid == term.record.uid && record.transitions == term.record.transitions;
                same && record.holder.as_ref() == Some(&self.me)
            })
        };
        self.term = self.term.take().filter(ours);
        if let (Some(term), Some(record)) = (&mut self.term, &record) {
            term.record = record.clone();
        }
        let epoch = record.as_ref().map(|record| record.transitions);
        self.highest = self.highest.max(epoch.unwrap_or_default());
        match (record, &self.seen) {
            (Some(record), Some((known, _))) if record == *known => {}
            (Some(record), _) => self.seen = Some((record, now)),
            (None, _) => self.seen = None,
        }
    }

    /// What to do, by what was read last.
    pub(super) fn next(&self, now: Duration) -> Move {
        let Some((record, since)) = &self.seen else {
            return Move::Create;
        };
        if let Some(term) = &self.term {
            return Move::Renew(term.record.clone());
        }
        if record.holder.is_none() {
            return Move::Take(record.clone());
        }
        // One of our own name that we do not know to hold may be of another process of that name.
        let unchanged = now.saturating_sub(*since);
        let left = record.duration.saturating_sub(unchanged);
        match left.is_zero() {
            true => Move::Take(record.clone()),
            false => Move::Wait(left),
        }
    }

    /// Our write was answered: this is the record now. `begun` is when the request was begun.
    pub(super) fn written(&mut self, record: Record, begun: Moment) {
        self.highest = self.highest.max(record.transitions);
        self.seen = Some((record.clone(), begun.elapsed));
        self.term = Some(Term {
            record,
            renewed: begun,
        });
    }

    /// Gives up our term.
    pub(super) fn resign(&mut self) -> Option<Record> {
        self.term.take().map(|term| term.record)
    }

    /// The epoch of our term, while it safely lasts.
    ///
    /// The time of day is looked at as well: the other clock may have stood still while the machine slept. If it is set back
    /// that says nothing.
    pub(super) fn check(&self, now: Moment) -> Result<u64, Lost> {
        let lease = || self.lease.clone();
        let Some(term) = &self.term else {
            let holder = self.seen.as_ref().and_then(|(record, _)| record.holder.clone());
            return Err(match holder.filter(|holder| *holder != self.me) {
                Some(holder) => Lost::HeldByAnother {
                    lease: lease(),
                    holder,
                },
                None => Lost::NotHeld { lease: lease() },
            });
        };
        let by_day = now.day.duration_since(term.renewed.day);
        let by_day = Duration::try_from(by_day).unwrap_or_default();
        let passed = now.elapsed.saturating_sub(term.renewed.elapsed).max(by_day);
        if passed < self.duration.saturating_sub(self.margin) {
            Ok(term.record.transitions)
        } else {
            Err(Lost::Late { lease: lease() })
        }
    }
}
