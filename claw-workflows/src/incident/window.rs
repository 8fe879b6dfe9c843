//! Which times are looked at.

use claw_core::report::Window;
use jiff::{SignedDuration, Timestamp};

use super::case::Case;

/// How far before the trouble began it is looked, where nobody says: changes count for two hours.
const BEFORE: SignedDuration = SignedDuration::from_hours(2);
/// How long a time is compared, where nobody says when the trouble began.
const RECENT: SignedDuration = SignedDuration::from_mins(30);
/// An alert fires some time after the trouble begins: rate windows and `for` clauses.
const ALERT_LAG: SignedDuration = SignedDuration::from_mins(10);

/// Fills in window, baseline and beginning from what the trigger knows.
pub(super) fn settle(case: &mut Case, now: Timestamp) {
    let times = case.incident.times;
    case.began = times
        .began
        .or_else(|| case.incident.alerts.iter().map(|alert| alert.starts_at).min());
    let end = times.window.map_or(now, |window| window.end);
    let began = case.began.unwrap_or_else(|| back(end, RECENT));
    let start = times
        .window
        .map_or_else(|| back(began.min(end), BEFORE), |window| window.start);
    case.window = Window {
        start: start.min(end),
        end,
    };
    let baseline = Window {
        start: case.window.start,
        end: back(began, ALERT_LAG).max(case.window.start),
    };
    case.baseline = times.baseline.unwrap_or(baseline);
}

/// The time in which series are compared with the baseline.
pub(super) fn incident(case: &Case) -> Window {
    let end = case
        .incident
        .times
        .ended
        .unwrap_or(case.window.end)
        .min(case.window.end);
    let start = case.began.unwrap_or_else(|| back(end, RECENT));
    // A trigger that is told the time exactly needs no allowance for the delay of an alert.
    let exact = case.incident.times.began.is_some() && case.incident.alerts.is_empty();
    let start = if exact { start } else { back(start, ALERT_LAG) };
    Window {
        start: start.clamp(case.window.start.min(end), end),
        end,
    }
}

fn back(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}
