//! The present, by a clock that may jump.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How far from one reading to the next a clock is believed.
pub(crate) const BELIEVED: SignedDuration = SignedDuration::from_hours(1);

/// The latest time that was told.
///
/// Time that runs backwards is none: the latest time is the present until the clock has caught up. Where a reading is more than
/// an hour off, in either direction, the clock has jumped, or nobody has asked for long; no more than that hour counts as
/// passed then, and whoever remembers times moves them along by what [`tell`](Self::tell) answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Present(Option<Timestamp>);

impl Present {
    /// The present, by what was told before and is believed of `now`.
    pub(crate) fn latest(self, now: Timestamp) -> Timestamp {
        let Some(seen) = self.0 else { return now };
        now.clamp(seen, shifted(seen, BELIEVED))
    }

    /// Takes `now` for the present. Also answers by how much everything that is remembered moves along.
    pub(crate) fn tell(&mut self, now: Timestamp) -> (Timestamp, SignedDuration) {
        let latest = self.latest(now);
        let jump = now.duration_since(latest);
        let (present, by) = match jump.is_negative() {
            true if -jump <= BELIEVED => (latest, SignedDuration::ZERO),
            _ => (now, jump),
        };
        self.0 = Some(present);
        (present, by)
    }

    /// How much time has passed since it was last told, or by how much the clock was set back. A little back is no time at all.
    pub(crate) fn since(self, now: Timestamp) -> SignedDuration {
        let Some(seen) = self.0 else {
            return SignedDuration::MAX;
        };
        let since = now.duration_since(seen);
        match since.is_negative() && -since <= BELIEVED {
            true => SignedDuration::ZERO,
            false => since.abs(),
        }
    }
}

/// A time, so much later. At the end of time where there is no such time.
pub(crate) fn shifted(at: Timestamp, by: SignedDuration) -> Timestamp {
    let end = match by.is_negative() {
        true => Timestamp::MIN,
        false => Timestamp::MAX,
    };
    at.checked_add(by).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        shifted(Timestamp::UNIX_EPOCH, SignedDuration::from_mins(minutes))
    }

    #[test]
    fn time_goes_on_as_far_as_it_is_believed() {
        let mut present = Present::default();
        assert_eq!(present.tell(at(0)), (at(0), SignedDuration::ZERO));
        assert_eq!(present.tell(at(30)), (at(30), SignedDuration::ZERO));
        // A little back is no time at all.
        assert_eq!(present.tell(at(10)), (at(30), SignedDuration::ZERO));
        assert_eq!(present.latest(at(10)), at(30));
        // A jump of a day is an hour, and what is remembered moves by the rest.
        assert_eq!(
            present.tell(at(30 + 24 * 60)),
            (at(30 + 24 * 60), SignedDuration::from_hours(23))
        );
        // So is one back, of which nothing counts as passed.
        assert_eq!(
            present.tell(at(0)),
            (at(0), SignedDuration::from_mins(-(30 + 24 * 60)))
        );
        assert_eq!(present.since(at(5)), SignedDuration::from_mins(5));
        assert_eq!(present.since(at(-5)), SignedDuration::ZERO);
        assert_eq!(present.since(at(-90)), SignedDuration::from_mins(90));
    }

    #[test]
    fn time_ends_rather_than_overflows() {
        assert_eq!(
            shifted(Timestamp::MAX, SignedDuration::from_mins(1)),
            Timestamp::MAX
        );
        assert_eq!(
            shifted(Timestamp::MIN, SignedDuration::from_mins(-1)),
            Timestamp::MIN
        );
    }
}
