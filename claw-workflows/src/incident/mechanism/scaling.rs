//! What changes say of numbers of replicas.

use claw_core::change::{Change, ChangeKind};

/// Whether a line of a difference, `path: old → new`, is about the number of replicas.
pub(super) fn about_replicas(line: &str) -> bool {
    let path = line.split_once(':').map_or(line, |(path, _)| path);
    path.to_lowercase().contains("replica")
}

/// Whether a line of a difference is about the most replicas that an autoscaler may have.
pub(super) fn about_maximum(line: &str) -> bool {
    let path = line.split_once(':').map_or(line, |(path, _)| path);
    let path = path.to_lowercase().replace(['_', '-'], "");
    path.contains("maxreplica")
}

/// The number before and the number after in the lines that `about` accepts. A summary such as "scaled from 2 to 10" speaks
/// of replicas where the change is nothing but a scaling.
pub(super) fn counts(change: &Change, about: impl Fn(&str) -> bool) -> Option<(i64, i64)> {
    let lines = change.detail.iter().filter(|line| about(line));
    let summary = Some(&change.summary)
        .filter(|line| change.kind == ChangeKind::Scale || line.to_lowercase().contains("replica"));
    lines.chain(summary).find_map(|line| numbers(line))
}

/// The number before and the number after, where a line tells both.
fn numbers(line: &str) -> Option<(i64, i64)> {
    let (old, new) = line
        .split_once('→')
        .or_else(|| line.split_once("->"))
        .or_else(|| line.split_once(" to "))?;
    let number = |text: &str, last: bool| -> Option<i64> {
        let mut parts = text
            .split(|c: char| !c.is_ascii_digit())
            .filter(|part| !part.is_empty());
        if last { parts.next_back() } else { parts.next() }?.parse().ok()
    };
    Some((number(old, true)?, number(new, false)?))
}
