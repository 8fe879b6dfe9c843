//! From time to pixels, and the times that an axis shows.

use jiff::Timestamp;

/// Most ticks on the axis.
const TICKS: i64 = 10;
/// Distances between ticks that people can count in, in seconds.
const STEPS: [i64; 19] = [
    1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
    2_592_000,
];
const DAY: i64 = 86_400;

/// A linear scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    start: i64,
    end: i64,
    left: f64,
    right: f64,
}

impl Scale {
    /// A scale over the window, or that part of it in which something happened: a lone hour of a quiet day would leave
    /// no room for the minutes that matter.
    pub(super) fn new(start: i64, end: i64, seconds: &[i64], left: f64, right: f64) -> Self {
        let (start, end) = (start.min(end), start.max(end));
        let inside = seconds
            .iter()
            .copied()
            .filter(|second| (start..=end).contains(second));
        let first = inside.clone().min().unwrap_or(start);
        let last = inside.max().unwrap_or(end);
        let margin = (last.saturating_sub(first) / 8)
            .max(end.saturating_sub(start) / 40)
            .max(60);
        let from = first.saturating_sub(margin).max(start);
        let to = last.saturating_add(margin).min(end);
        let (from, to) = if to.saturating_sub(from) < 60 {
            (from.saturating_sub(30), to.saturating_add(30))
        } else {
            (from, to)
        };
        Self {
            start: from,
            end: to,
            left,
            right,
        }
    }

    pub(super) fn start(&self) -> i64 {
        self.start
    }

    /// Where `second` lies; `None` outside of the picture.
    pub(super) fn x(&self, second: i64) -> Option<f64> {
        (self.start..=self.end).contains(&second).then(|| {
            let part = second.saturating_sub(self.start) as f64 / self.span() as f64;
            self.left + part * (self.right - self.left)
        })
    }

    /// The edge of the picture behind which `second` lies.
    pub(super) fn edge(&self, second: i64) -> f64 {
        if second < self.start {
            self.left
        } else {
            self.right
        }
    }

    /// Positions and labels of the ticks, at whole multiples of a countable step.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let rough = self.span() / TICKS;
        let step = STEPS.into_iter().find(|step| *step >= rough).unwrap_or_else(|| {
            let years = rough / (365 * DAY);
            years.saturating_add(1).saturating_mul(365 * DAY)
        });
        let first = self.start.div_euclid(step).saturating_mul(step);
        let mut ticks = Vec::new();
        let mut second = if first < self.start {
            first.saturating_add(step)
        } else {
            first
        };
        let mut day = None;
        while let Some(x) = self.x(second) {
            let new_day = day
                .replace(second.div_euclid(DAY))
                .is_some_and(|day| day != second.div_euclid(DAY));
            ticks.push((x, label(second, step, new_day)));
            second = second.saturating_add(step);
            if ticks.len() > 24 {
                break;
            }
        }
        ticks
    }

    fn span(&self) -> i64 {
        self.end.saturating_sub(self.start).max(1)
    }
}

fn label(second: i64, step: i64, new_day: bool) -> String {
    let Ok(time) = Timestamp::from_second(second) else {
        return String::new();
    };
    let format = match step {
        _ if step >= 365 * DAY => "%Y",
        _ if step >= DAY => "%b %-d",
        _ if new_day => "%b %-d %H:%M",
        60.. => "%H:%M",
        _ => "%H:%M:%S",
    };
    time.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn second(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    fn labels(start: &str, end: &str) -> Vec<String> {
        let (start, end) = (second(start), second(end));
        let scale = Scale::new(start, end, &[start, end], 0.0, 1000.0);
        scale.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_at_times_that_people_count_in() {
        assert_eq!(
            labels("2026-03-01T02:07:30Z", "2026-03-01T02:22:00Z"),
            [
                "02:08", "02:10", "02:12", "02:14", "02:16", "02:18", "02:20", "02:22"
            ]
        );
        assert_eq!(
            labels("2026-03-01T02:07:30Z", "2026-03-01T02:08:40Z"),
            [
                "02:07:30", "02:07:40", "02:07:50", "02:08:00", "02:08:10", "02:08:20", "02:08:30",
                "02:08:40"
            ]
        );
    }

    #[test]
    fn a_new_day_is_named() {
        assert_eq!(
            labels("2026-02-28T20:00:00Z", "2026-03-01T04:00:00Z"),
            [
                "20:00",
                "21:00",
                "22:00",
                "23:00",
                "Mar 1 00:00",
                "01:00",
                "02:00",
                "03:00",
                "04:00"
            ]
        );
        assert_eq!(
            labels("2026-02-01T00:00:00Z", "2026-02-04T00:00:00Z")
                .first()
                .unwrap(),
            "00:00"
        );
    }

    #[test]
    fn a_quiet_window_is_cut_to_what_happened() {
        let scale = Scale::new(0, 7200, &[7000, 7100], 0.0, 1000.0);
        assert_eq!((scale.start, scale.end), (6820, 7200));
    }

    proptest! {
        #[test]
        fn any_span_has_a_few_ticks_in_order(start in -300_000_000_000_i64..250_000_000_000, span in 0..500_000_000_000_i64) {
            let scale = Scale::new(start, start + span, &[start, start + span], 0.0, 1000.0);
            let ticks = scale.ticks();
            prop_assert!(ticks.len() <= 25);
            prop_assert!(ticks.is_sorted_by(|a, b| a.0 < b.0));
        }
    }
}
