//! The times at which an expression is evaluated.

/// Evenly spaced times in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    start: i64,
    end: i64,
    interval: i64,
    count: usize,
}

impl Steps {
    pub(super) fn at(time: i64) -> Self {
        Self {
            start: time,
            end: time,
            interval: 1,
            count: 1,
        }
    }

    /// From `start` to `end` inclusive. No steps if `end` lies before `start`.
    pub(super) fn range(start: i64, end: i64, interval: i64) -> Self {
        let interval = interval.max(1);
        let count = match end.checked_sub(start) {
            Some(span) if span >= 0 => usize::try_from(span / interval)
                .unwrap_or(usize::MAX)
                .saturating_add(1),
            Some(_) => 0,
            None => usize::MAX,
        };
        Self {
            start,
            end,
            interval,
            count,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether it is one moment, and not a range whose step is too wide for a second one.
    pub(super) fn is_instant(&self) -> bool {
        self.start >= self.end
    }

    pub(super) fn start(&self) -> i64 {
        self.start
    }

    /// The end as it was asked for, which may lie behind the last step.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    pub(super) fn time(&self, step: usize) -> i64 {
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        self.start.saturating_add(self.interval.saturating_mul(step))
    }

    pub(super) fn times(&self) -> impl Iterator<Item = i64> + use<> {
        let steps = *self;
        (0..self.count).map(move |step| steps.time(step))
    }
}

/// Milliseconds as the seconds that PromQL calculates with.
#[allow(clippy::cast_precision_loss)] // times that matter fit into 53 bits
pub(super) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
