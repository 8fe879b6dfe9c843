//! Long texts: those of several lines are compared line by line, and of others the part is shown that differs.

use std::ops::Range;

use claw_core::digest::{sha256, short};
use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::NONE;
use super::text::{bare_or_quoted, quoted, visible};

/// Longest value that is shown as it is to whoever approves, in characters.
pub(super) const MAX_VALUE: usize = 1000;
/// What is shown before and after a part that differs, in characters.
const AROUND: usize = 24;
/// Most lines of both texts, without those that both begin and end with, that are compared line by line. More are one change.
const MAX_LINES: usize = 2000;
/// Digits of a digest: enough that nobody finds two texts with the same.
const DIGITS: usize = 32;

/// A value that is shown as a whole.
#[derive(Debug)]
pub(in crate::tools) struct Whole {
    /// What is compared, and shown in part where it is long.
    text: String,
    /// How it is written where it is short.
    short: String,
}

impl Whole {
    /// A text.
    pub(super) fn text(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            short: bare_or_quoted(text),
        }
    }

    /// A text among others of which it is known that they are texts: quotes are for what cannot be seen.
    pub(in crate::tools) fn seen(text: String) -> Self {
        let short = if text.is_empty() {
            "(empty)".to_owned()
        } else {
            visible(&text)
        };
        Self { text, short }
    }

    /// What is written as it is.
    pub(super) fn of(text: String) -> Self {
        Self {
            short: text.clone(),
            text,
        }
    }

    /// Lines that follow each other. Nothing if there are none.
    fn lines(lines: &[&str]) -> Option<Self> {
        let text = lines.concat();
        let short = match text.strip_suffix('\n') {
            _ if text.is_empty() => return None,
            Some(inner) => bare_or_quoted(inner),
            None => format!("{} (no line end)", quoted(&text)),
        };
        Some(Self { text, short })
    }

    fn is_within(&self, limit: usize) -> bool {
        self.short.chars().nth(limit).is_none()
    }
}

/// Two values as a line shows them. Where either is longer than `limit` characters, what differs is shown of both, and of that
/// no more.
pub(in crate::tools) fn sides(old: Option<&Whole>, new: Option<&Whole>, limit: usize) -> (String, String) {
    let none = || NONE.to_owned();
    let is_short = |side: Option<&Whole>| side.is_none_or(|whole| whole.is_within(limit));
    if is_short(old) && is_short(new) {
        let short = |side: Option<&Whole>| side.map_or_else(none, |whole| whole.short.clone());
        return (short(old), short(new));
    }
    let chars = |side: Option<&Whole>| side.map_or_else(Vec::new, |whole| whole.text.chars().collect());
    let (was, is): (Vec<char>, Vec<char>) = (chars(old), chars(new));
    let (before, after) = common(&was, &is);
    (
        old.map_or_else(none, |_| window(&was, before, after, limit)),
        new.map_or_else(none, |_| window(&is, before, after, limit)),
    )
}

/// How much two sequences have in common at their beginning and, without that, at their end.
fn common<T: PartialEq>(old: &[T], new: &[T]) -> (usize, usize) {
    let before = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let rest = |all: &[T]| all.len().saturating_sub(before);
    let most = rest(old).min(rest(new));
    let ends = old.iter().rev().zip(new.iter().rev());
    let after = ends.take(most).take_while(|(a, b)| a == b).count();
    (before, after)
}

/// Of a text, what lies between what it has in common with the other, with the length and the digest of all of it.
fn window(all: &[char], before: usize, after: usize, limit: usize) -> String {
    let from = before.saturating_sub(AROUND);
    let to = all.len().saturating_sub(after.saturating_sub(AROUND));
    let middle = all.get(from..to).unwrap_or_default();
    let text = |part: &[char]| quoted(&part.iter().collect::<String>());
    let shown = if middle.len() <= limit {
        text(middle)
    } else {
        let end = limit / 3;
        let (head, tail) = (limit.saturating_sub(end), middle.len().saturating_sub(end));
        let (head, tail) = (middle.get(..head), middle.get(tail..));
        let [head, tail] = [head, tail].map(|part| text(part.unwrap_or_default()));
        format!("{head}…{tail}")
    };
    let (begin, end) = (
        if from > 0 { "…" } else { "" },
        if to < all.len() { "…" } else { "" },
    );
    let digest = sha256(all.iter().collect::<String>());
    format!(
        "{begin}{shown}{end} ({} characters, sha256 {})",
        all.len(),
        short(&digest, DIGITS)
    )
}

/// The runs of lines that differ between two texts: the number of the line in the old one where each begins, from 1 on, and
/// the run in both.
pub(super) fn hunks(old: &str, new: &str) -> Vec<(usize, String, String)> {
    fn part<'a, 'b>(lines: &'b [&'a str], range: &Range<usize>) -> &'b [&'a str] {
        lines.get(range.clone()).unwrap_or_default()
    }
    let (was, is): (Vec<&str>, Vec<&str>) = (
        old.split_inclusive('\n').collect(),
        new.split_inclusive('\n').collect(),
    );
    let (before, after) = common(&was, &is);
    let (was, is) = (
        part(&was, &(before..was.len().saturating_sub(after))),
        part(&is, &(before..is.len().saturating_sub(after))),
    );
    let ranges: Vec<_> = if was.len().saturating_add(is.len()) > MAX_LINES {
        vec![(0..was.len(), 0..is.len())]
    } else {
        let ops = capture_diff_slices(Algorithm::Myers, was, is);
        let changed = ops.iter().filter(|op| op.tag() != DiffTag::Equal);
        changed.map(|op| (op.old_range(), op.new_range())).collect()
    };
    let hunk = |(old, new): (Range<usize>, Range<usize>)| {
        let (run, other) = (Whole::lines(part(was, &old)), Whole::lines(part(is, &new)));
        let (run, other) = sides(run.as_ref(), other.as_ref(), MAX_VALUE);
        (before.saturating_add(old.start).saturating_add(1), run, other)
    };
    ranges.into_iter().map(hunk).collect()
}
