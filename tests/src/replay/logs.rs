//! The log lines of a recording, for the log store.

use claw_core::report::Gap;
use claw_k8s::bundle::{Bundle, Limits, LogFile};
use claw_metrics::logs::entries;
use jiff::{SignedDuration, Timestamp};

use crate::loki;
use crate::prometheus::Labels;

/// Lines that are kept of one log: so many of its end, and so many around the beginning of the incident. A search gives a
/// tenth of that.
const KEPT: usize = 50_000;
/// Distance that is put between lines of one moment, so that each is kept, in its order.
const APART: SignedDuration = SignedDuration::from_nanos(1);

/// Adds the lines of recorded container logs to the store. What was not read, or not as it stands, is a gap.
///
/// A line without a time has the time of the one before it, as the lines of a stack trace do. Lines before the first time
/// have that; where no line has one, all count as written at the end of the recorded window, by when they had been.
pub(super) fn fill(store: &mut loki::Store, bundle: &Bundle) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for log in bundle.logs.iter().filter(|log| !log.previous) {
        let mut gap = |reason: String, remedy: &str| {
            gaps.push(Gap {
                source: "bundle".to_owned(),
                reason: format!("logs/{}: {reason}", name(log)),
                remedy: remedy.to_owned(),
            });
        };
        let text = match log.content.read() {
            Ok(text) => text,
            Err(error) => {
                gap(
                    format!("it cannot be read ({error})"),
                    "right the file, or collect the bundle again",
                );
                continue;
            }
        };
        let size = log.content.bytes().unwrap_or_default();
        let end = bundle.manifest.window.end;
        let dated = dated(&text, end);
        if dated.timeless {
            gap(
                format!("no line has a time; all count as written at {end}"),
                "record logs with times: `kubectl logs --timestamps`, or `claw-agent collect`",
            );
        }
        let onset = bundle.manifest.incident.map(|incident| incident.start);
        let (kept, cut) = keep(&dated.lines, onset, KEPT);
        if cut > 0 {
            gap(
                format!(
                    "{cut} of {} lines were left out: those neither at the end nor around the incident",
                    dated.lines.len()
                ),
                "record a shorter window",
            );
        }
        let limit = Limits::default().log_bytes;
        if size > limit && size > u64::try_from(text.len()).unwrap_or(u64::MAX) {
            gap(
                format!(
                    "only the newest {} of {} MiB were read",
                    text.len() >> 20,
                    size >> 20
                ),
                "record a shorter window",
            );
        }
        let labels = Labels::new([
            ("namespace", log.namespace.as_str()),
            ("pod", &log.pod),
            ("container", &log.container),
        ]);
        for (time, line) in kept {
            store.put(labels.clone(), loki::nanoseconds(*time), (*line).into());
        }
    }
    gaps
}

fn name(log: &LogFile) -> String {
    format!("{}/{}/{}", log.namespace, log.pod, log.container)
}

/// Lines with their times, in the order of time.
struct Dated<'t> {
    lines: Vec<(Timestamp, &'t str)>,
    /// Whether no line says when it was written.
    timeless: bool,
}

fn dated(text: &str, otherwise: Timestamp) -> Dated<'_> {
    let mut lines: Vec<(Timestamp, &str)> = Vec::new();
    // So that all of them lie before the end, each at a moment of its own.
    let count = i64::try_from(text.lines().count()).unwrap_or(i64::MAX);
    let otherwise = otherwise
        .checked_sub(SignedDuration::from_nanos(count))
        .unwrap_or(otherwise);
    let mut last: Option<Timestamp> = None;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (time, rest) = entries::dated(line);
        if let (Some(first), None) = (time, last) {
            lines.iter_mut().for_each(|(known, _)| *known = first);
        }
        last = time.or(last);
        lines.push((last.unwrap_or(otherwise), rest));
    }
    let timeless = last.is_none() && !lines.is_empty();
    // Stable: lines of one moment stay in the order in which they stand.
    lines.sort_by_key(|(time, _)| *time);
    let mut before: Option<Timestamp> = None;
    for (time, _) in &mut lines {
        if let Some(next) = before.and_then(|before| before.checked_add(APART).ok()) {
            *time = next.max(*time);
        }
        before = Some(*time);
    }
    Dated { lines, timeless }
}

/// The lines that are kept, and how many are not: the last ones, and as many around `onset`.
fn keep<'a, 't>(
    lines: &'a [(Timestamp, &'t str)],
    onset: Option<Timestamp>,
    most: usize,
) -> (Vec<&'a (Timestamp, &'t str)>, usize) {
    let tail = lines.len().saturating_sub(most);
    let at = onset.map_or(tail, |onset| lines.partition_point(|(time, _)| *time < onset));
    let from = at.saturating_sub(most / 2).min(tail);
    let to = from.saturating_add(most).min(tail);
    let from = from.min(to.saturating_sub(most));
    let around = if onset.is_some() {
        lines.get(from..to).unwrap_or_default()
    } else {
        &[]
    };
    let kept: Vec<_> = around
        .iter()
        .chain(lines.get(tail..).unwrap_or_default())
        .collect();
    let cut = lines.len().saturating_sub(kept.len());
    (kept, cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_359_200 + second).unwrap()
    }

    fn lines(text: &str) -> Vec<(i64, &str)> {
        let whole = |time: Timestamp| time.as_second() - at(0).as_second();
        dated(text, at(99))
            .lines
            .into_iter()
            .map(|(time, line)| (whole(time), line))
            .collect()
    }

    #[test]
    fn times_of_runtimes_and_of_writers_are_read_and_others_follow_the_line_before() {
        let text =
            "starting\n2026-03-01T10:00:05Z stdout F boom\n\tat x.Y\n2026-03-01 10:00:07,123 ERROR no\n";
        assert_eq!(
            lines(text),
            [
                (5, "starting"),
                (5, "boom"),
                (5, "\tat x.Y"),
                (7, "2026-03-01 10:00:07,123 ERROR no")
            ]
        );
        assert!(!dated(text, at(99)).timeless);
    }

    #[test]
    fn a_log_without_times_counts_as_written_at_the_end() {
        assert_eq!(lines("one\ntwo\ntwo\n"), [(98, "one"), (98, "two"), (98, "two")]);
        let dated = dated("one\ntwo\ntwo\n", at(99));
        assert!(dated.timeless);
        assert!(
            dated.lines.is_sorted_by(|a, b| a.0 < b.0),
            "each has a moment of its own"
        );
    }

    #[test]
    fn of_a_long_log_the_end_and_the_onset_are_kept() {
        let lines: Vec<(Timestamp, &str)> = (0..100).map(|n| (at(n), "x")).collect();
        let (kept, cut) = keep(&lines, Some(at(20)), 10);
        let seconds: Vec<i64> = kept
            .iter()
            .map(|(time, _)| time.as_second() - at(0).as_second())
            .collect();
        assert_eq!(
            (seconds.first(), seconds.get(9), seconds.last(), cut),
            (Some(&15), Some(&24), Some(&99), 80)
        );
        assert_eq!(keep(&lines, None, 10).1, 90);
        assert_eq!(
            keep(&lines, Some(at(97)), 10).0.len(),
            20,
            "both parts without overlap"
        );
        assert_eq!(keep(&lines, Some(at(20)), 200).1, 0);
    }
}
