//! How numbers, times and the words of the model are said to people.

use claw_core::change::ChangeKind;
use claw_core::evidence::Severity;
use claw_core::report::{Lane, Role, Verdict};
use jiff::Timestamp;

/// `value` as a probability: finite and between 0 and 1.
pub(crate) fn probability(value: f64) -> f64 {
    if value.is_nan() {
        0.0
    } else {
        value.clamp(0.0, 1.0)
    }
}

/// A probability in percent. Neither certainty nor impossibility is ever claimed.
pub(crate) fn percent(value: f64) -> String {
    let value = probability(value) * 100.0;
    if value > 99.0 {
        "over 99%".to_owned()
    } else if value < 1.0 {
        "under 1%".to_owned()
    } else {
        format!("{value:.0}%")
    }
}

/// From here on something is likely; below it, it is no more than possible.
const LIKELY: f64 = 0.55;
/// Below this something is unlikely.
const POSSIBLE: f64 = 0.30;
/// Below this something is very unlikely.
const REMOTE: f64 = 0.10;

/// Whether something of this probability may be called likely.
pub(crate) fn is_likely(value: f64) -> bool {
    probability(value) >= LIKELY
}

/// Whether something of this probability may be called possible.
pub(crate) fn is_possible(value: f64) -> bool {
    probability(value) >= POSSIBLE
}

/// Whether something of this probability is very unlikely.
pub(crate) fn is_remote(value: f64) -> bool {
    probability(value) < REMOTE
}

/// A probability in words.
pub(crate) fn likelihood(value: f64) -> &'static str {
    match probability(value) {
        p if p >= 0.95 => "almost certain",
        p if p >= 0.80 => "very likely",
        p if p >= LIKELY => "likely",
        p if p >= POSSIBLE => "possible",
        p if p >= REMOTE => "unlikely",
        _ => "very unlikely",
    }
}

/// A length of time in its two largest units.
pub(crate) fn duration(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    let units = |large: u64, large_name: &str, small: u64, small_name: &str| {
        if small == 0 {
            format!("{large} {large_name}")
        } else {
            format!("{large} {large_name} {small} {small_name}")
        }
    };
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if seconds < 60 {
        format!("{seconds} s")
    } else if minutes < 10 {
        units(minutes, "min", seconds % 60, "s")
    } else if minutes < 60 {
        format!("{minutes} min")
    } else if hours < 24 {
        units(hours, "h", minutes % 60, "min")
    } else {
        units(days, "d", hours % 24, "h")
    }
}

/// Where `time` lies in relation to the onset.
pub(crate) fn relative(time: Timestamp, onset: Timestamp) -> String {
    let seconds = time.as_second().saturating_sub(onset.as_second());
    match seconds {
        0 => "at onset".to_owned(),
        ..0 => format!("{} before onset", duration(seconds)),
        _ => format!("{} after onset", duration(seconds)),
    }
}

/// `1 entry`, `3 entries`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The verdict as a headline, where the first cause has this probability.
pub(crate) fn verdict(verdict: Verdict, first: Option<f64>) -> &'static str {
    match verdict {
        Verdict::Cause if first.is_some_and(|value| !is_likely(value)) => "Possible cause found",
        Verdict::Cause => "Likely root cause found",
        Verdict::Ambiguous => "Several causes are about as likely",
        Verdict::Unknown => "Cause not known",
        Verdict::Healthy => "Nothing seen to be wrong",
        _ => "No verdict",
    }
}

/// The verdict's stable key.
pub(crate) fn verdict_key(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Cause => "cause",
        Verdict::Ambiguous => "ambiguous",
        Verdict::Healthy => "healthy",
        _ => "unknown",
    }
}

/// The severity's stable key, which is also its word.
pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Critical => "critical",
        _ => "warning",
    }
}

/// The lane's stable key.
pub(crate) fn lane(lane: Lane) -> &'static str {
    match lane {
        Lane::Change => "change",
        Lane::Symptom => "symptom",
        Lane::Alert => "alert",
        _ => "event",
    }
}

/// The role's stable key.
pub(crate) fn role_key(role: Role) -> &'static str {
    match role {
        Role::Cause => "cause",
        Role::Affected => "affected",
        Role::Alerting => "alerting",
        Role::Healthy => "healthy",
        _ => "unseen",
    }
}

/// The role in words.
pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Cause => "root cause",
        Role::Affected => "affected",
        Role::Alerting => "alerting",
        Role::Healthy => "healthy",
        _ => "not seen",
    }
}

/// The kind of change in a word.
pub(crate) fn change_kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Deploy => "deploy",
        ChangeKind::Config => "config",
        ChangeKind::Commit => "commit",
        ChangeKind::Scale => "scale",
        ChangeKind::Flag => "flag",
        ChangeKind::Node => "node",
        ChangeKind::Job => "job",
        _ => "change",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_never_claims_certainty() {
        let said: Vec<_> = [
            0.0,
            0.004,
            0.5,
            0.874,
            0.99,
            0.999,
            1.0,
            f64::NAN,
            f64::INFINITY,
            -3.0,
        ]
        .map(percent)
        .into();
        assert_eq!(
            said,
            [
                "under 1%", "under 1%", "50%", "87%", "99%", "over 99%", "over 99%", "under 1%", "over 99%",
                "under 1%"
            ]
        );
    }

    #[test]
    fn what_is_no_more_than_possible_is_not_called_likely() {
        let of = |value| verdict(Verdict::Cause, Some(value));
        assert_eq!(
            [0.36, 0.549, 0.55, 0.91].map(of),
            [
                "Possible cause found",
                "Possible cause found",
                "Likely root cause found",
                "Likely root cause found"
            ]
        );
        assert_eq!(
            [0.36, 0.549, 0.55].map(likelihood),
            ["possible", "possible", "likely"]
        );
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let said: Vec<_> = [0, 59, 60, 192, 1400, 3600, 11_100, 90_000, 172_800, i64::MIN]
            .map(duration)
            .into();
        assert_eq!(
            said[..9],
            [
                "0 s",
                "59 s",
                "1 min",
                "3 min 12 s",
                "23 min",
                "1 h",
                "3 h 5 min",
                "1 d 1 h",
                "2 d"
            ]
        );
    }

    #[test]
    fn relation_to_onset() {
        let onset: Timestamp = "2026-03-01T02:14:05Z".parse().unwrap();
        assert_eq!(
            relative("2026-03-01T02:08:05Z".parse().unwrap(), onset),
            "6 min before onset"
        );
        assert_eq!(relative(onset, onset), "at onset");
        assert_eq!(
            relative("2026-03-01T02:14:45Z".parse().unwrap(), onset),
            "40 s after onset"
        );
    }
}
