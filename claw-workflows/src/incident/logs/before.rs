//! What a log tells of the time before the trouble: which entries are as usual, which are new, and of which nobody knows.

use claw_metrics::logs::entries::Entry;
use jiff::{SignedDuration, Timestamp};

use super::Pattern;

/// Of entries at random times with a mean distance, one in twenty has a distance of more than three times that.
const USUAL: f64 = 3.0;

/// Of those, one in a hundred and fifty has a distance of more than five times that: of dozens of logs that are read, some
/// pass the lower bound by chance.
const RARE: f64 = 5.0;

/// Of entries of a kind that were written again and again since the trouble began, or at all where it is not known when that
/// was: whether there were any before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recurrence {
    /// None, in a log that goes back for a while.
    New,
    /// The log does not go back far enough to tell.
    Unknown,
}

impl Recurrence {
    /// `None` for a few entries, which are nothing that goes on, and for such as were written before.
    pub(super) fn of(start: Option<Timestamp>, began: Option<Timestamp>, pattern: &Pattern) -> Option<Self> {
        const FEW: u64 = 5;
        let (start, first) = (start?, pattern.first?);
        if pattern.count < FEW || began.is_some_and(|began| began.duration_since(first) > Usual::LAG) {
            return None;
        }
        let before = first.duration_since(start);
        if before >= Usual::LEAST {
            // A rare one may as well not have come about yet.
            let rare = before.as_secs_f64() <= RARE * apart(first, pattern.last, pattern.count);
            return Some(if rare { Self::Unknown } else { Self::New });
        }
        let tells = began.is_some_and(|began| began.duration_since(start) >= Usual::LEAST);
        (!tells).then_some(Self::Unknown)
    }
}

/// Whether entries of these times may have come about before `cut`, where the log was cut, too: the first one follows it
/// about as closely as they follow each other. When they began is not known then.
pub(super) fn goes_on(cut: Timestamp, times: &[Timestamp]) -> bool {
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else {
        return false;
    };
    let apart = apart(*first, Some(*last), times.len() as u64);
    times.len() > 1 && first.duration_since(cut).as_secs_f64() <= USUAL * apart
}

/// Seconds from one of so many entries to the next, on average.
fn apart(first: Timestamp, last: Option<Timestamp>, count: u64) -> f64 {
    let whole = last.map_or(0.0, |last| last.duration_since(first).as_secs_f64());
    whole / count.saturating_sub(1).max(1) as f64
}

/// The time before the trouble that a log covers, to tell what it says on any day.
pub(super) struct Usual {
    from: Timestamp,
    to: Timestamp,
    end: Timestamp,
}

impl Usual {
    /// An alert fires some time after the trouble begins: so much before it counts as part of the trouble.
    const LAG: SignedDuration = SignedDuration::from_mins(15);
    /// A shorter time says nothing about what is usual.
    const LEAST: SignedDuration = SignedDuration::from_mins(15);
    /// Fewer entries say nothing, either.
    const FEW: usize = 3;
    /// So many times as often as before is not as usual any more.
    const MORE: f64 = 2.0;

    pub(super) fn of(entries: &[&Entry], began: Timestamp) -> Option<Self> {
        let to = began.checked_sub(Self::LAG).ok()?;
        let from = entries.iter().filter_map(|entry| entry.time).min()?;
        let end = entries.iter().filter_map(|entry| entry.time).max()?;
        (to.duration_since(from) >= Self::LEAST && end > to).then_some(Self { from, to, end })
    }

    /// Whether entries of these times came about as often before the trouble as since.
    pub(super) fn covers(&self, times: &[Timestamp]) -> bool {
        let before = times.iter().filter(|time| **time < self.to).count();
        let rate = |count: usize, start: Timestamp, end: Timestamp| {
            count as f64 / end.duration_since(start).as_secs_f64().max(1.0)
        };
        let since = times.len().saturating_sub(before);
        before >= Self::FEW && rate(since, self.to, self.end) <= Self::MORE * rate(before, self.from, self.to)
    }
}
