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
        // A sample of the very moment belongs to the trouble.
        end: back(began, lag(case, began).max(SignedDuration::from_secs(1))).max(case.window.start),
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
    let start = back(start, lag(case, start));
    Window {
        start: start.clamp(case.window.start.min(end), end),
        end,
    }
}

/// How long before the time that is named the trouble may have begun. Where little was recorded before it, most of that
/// is left to compare with.
fn lag(case: &Case, began: Timestamp) -> SignedDuration {
    // A trigger that is told the time exactly needs no allowance for the delay of an alert.
    if case.incident.times.began.is_some() && case.incident.alerts.is_empty() {
        return SignedDuration::ZERO;
    }
    let before = began.duration_since(case.window.start).max(SignedDuration::ZERO);
    ALERT_LAG.min(before / 3)
}

fn back(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::testing::{at, case};

    /// Ends of the baseline and beginnings of the incident, in seconds from the beginning that is named.
    fn settled(recorded_before: i64, exact: bool) -> (i64, i64) {
        let mut case = case();
        case.incident.times.window = Some(Window {
            start: at(-recorded_before),
            end: at(1800),
        });
        if exact {
            case.incident.times.began = Some(at(0));
        } else {
            let alert = serde_json::json!({"fingerprint": "a", "starts_at": at(0)});
            case.incident.alerts.push(serde_json::from_value(alert).unwrap());
        }
        settle(&mut case, at(1800));
        let second = |time: Timestamp| time.duration_since(at(0)).as_secs();
        (second(case.baseline.end), second(incident(&case).start))
    }

    #[test]
    fn what_was_recorded_before_the_trouble_is_compared_with() {
        assert_eq!(settled(7200, true), (-1, 0));
        assert_eq!(settled(300, true), (-1, 0));
        // An alert fires late; of five minutes before it, most are left.
        assert_eq!(settled(7200, false), (-600, -600));
        assert_eq!(settled(300, false), (-100, -100));
        assert_eq!(settled(0, false), (0, 0));
    }
}
