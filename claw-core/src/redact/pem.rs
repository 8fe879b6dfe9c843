//! Private keys that extend over several texts: the lines of a log, one a string.
//!
//! Only the lines that begin and end a key can be told by themselves. What is between them is found from there, in
//! either direction: logs are cut at both ends, and some sources give the latest line first.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Match, Regex};
use serde_json::Value;

use super::marker;

/// How many lines of others may come in between, where several threads write one log.
const MAX_STRAY: usize = 8;
/// What is this long and looks like base64 may be a line of a key, wherever it stands in a text.
const LONG: usize = 40;
/// Strings are looked for so far inside of the items of an array.
const MAX_DEPTH: usize = 4;

static MARKS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("-----(?:BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY").ok());

/// Takes the lines of keys out of texts that follow each other, but not the lines that begin and end them: those are
/// known by their form. Returns whether something was changed.
pub(super) fn redact_series<S: Text>(texts: &mut [S]) -> bool {
    let marks: Vec<Mark> = texts.iter().map(|text| Mark::of(text.get())).collect();
    if !marks.iter().any(|mark| mark.is_some()) {
        return false;
    }
    let mut changed = false;
    for (at, ranges) in bodies(texts, &marks) {
        if let Some(text) = texts.get_mut(at) {
            let without = without(text.get(), &ranges);
            text.set(without);
            changed = true;
        }
    }
    changed
}

/// The lines of a text that is cut off before its key begins.
pub(super) fn redact_text(text: &str) -> Option<String> {
    let separator = ["\n", "\\n"].into_iter().find(|end| text.contains(end))?;
    if !Mark::of(text).is_some() {
        return None;
    }
    let mut lines: Vec<String> = text.split(separator).map(str::to_owned).collect();
    redact_series(&mut lines).then(|| lines.join(separator))
}

/// The items of each array: strings, or what has strings in the same places.
pub(super) fn redact_json(value: &mut Value) -> bool {
    has_mark(value) && redact_arrays(value)
}

fn has_mark(value: &Value) -> bool {
    match value {
        Value::String(text) => Mark::of(text).is_some(),
        Value::Array(items) => items.iter().any(has_mark),
        Value::Object(map) => map.values().any(has_mark),
        _ => false,
    }
}

fn redact_arrays(value: &mut Value) -> bool {
    match value {
        Value::Array(items) => {
            let mut columns = BTreeMap::new();
            for item in items.iter_mut() {
                collect(item, "", 0, &mut columns);
            }
            let mut changed = false;
            for texts in columns.values_mut() {
                changed |= redact_series(texts);
            }
            for item in items {
                changed |= redact_arrays(item);
            }
            changed
        }
        Value::Object(map) => {
            let mut changed = false;
            for item in map.values_mut() {
                changed |= redact_arrays(item);
            }
            changed
        }
        _ => false,
    }
}

/// The strings of an item by their place in it.
fn collect<'a>(
    value: &'a mut Value,
    place: &str,
    depth: usize,
    columns: &mut BTreeMap<String, Vec<&'a mut String>>,
) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::String(text) => columns.entry(place.to_owned()).or_default().push(text),
        Value::Object(map) => {
            for (key, item) in map {
                collect(item, &format!("{place}.{key}"), depth + 1, columns);
            }
        }
        // A time and a line, as log stores give them.
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                collect(item, &format!("{place}[{at}]"), depth + 1, columns);
            }
        }
        _ => {}
    }
}

/// A text that can be replaced.
pub(super) trait Text {
    fn get(&self) -> &str;
    fn set(&mut self, text: String);
}

impl Text for String {
    fn get(&self) -> &str {
        self
    }

    fn set(&mut self, text: String) {
        *self = text;
    }
}

impl Text for &mut String {
    fn get(&self) -> &str {
        self
    }

    fn set(&mut self, text: String) {
        **self = text;
    }
}

/// What a text says about those around it. Numbers are of the words before: the lines of a log begin alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    /// It ends a key that began before.
    closes: Option<usize>,
    /// It begins a key that does not end in it.
    opens: Option<usize>,
}

impl Mark {
    fn of(text: &str) -> Self {
        let Some(regex) = MARKS.as_ref().filter(|_| text.contains("PRIVATE KEY")) else {
            return Self::default();
        };
        let begins = |found: &Match<'_>| found.as_str().starts_with("-----BEGIN");
        let words = |found: Match<'_>| {
            text.get(..found.start())
                .map(|before| before.split_whitespace().count())
        };
        Self {
            closes: regex.find(text).filter(|first| !begins(first)).and_then(words),
            opens: regex.find_iter(text).last().filter(begins).and_then(words),
        }
    }

    fn is_some(self) -> bool {
        self != Self::default()
    }
}

/// Where lines of keys are, by text.
fn bodies<S: Text>(texts: &[S], marks: &[Mark]) -> BTreeMap<usize, Vec<Range<usize>>> {
    let mut found = BTreeMap::new();
    let plain = |at: &usize| marks.get(*at).is_some_and(|mark| !mark.is_some());
    for (at, mark) in marks.iter().enumerate() {
        let before = || (0..at).rev().take_while(plain);
        let after = || (at.saturating_add(1)..texts.len()).take_while(plain);
        if let Some(words) = mark.opens {
            follow(texts, after(), words, &mut found);
            follow_backwards(texts, before(), words, &mut found);
        }
        if let Some(words) = mark.closes {
            follow(texts, before(), words, &mut found);
            follow_backwards(texts, after(), words, &mut found);
        }
    }
    found
}

/// From one end of a key towards where the other has to be.
fn follow<S: Text>(
    texts: &[S],
    places: impl Iterator<Item = usize>,
    words: usize,
    found: &mut BTreeMap<usize, Vec<Range<usize>>>,
) {
    let mut stray = 0_usize;
    for at in places {
        let text = texts.get(at).map(Text::get).unwrap_or_default();
        let body = line(text, words).map_or_else(|| long_parts(text), |line| vec![line]);
        if !body.is_empty() {
            stray = 0;
            found.insert(at, body);
        } else if !text.trim().is_empty() {
            stray = stray.saturating_add(1);
            if stray > MAX_STRAY {
                return;
            }
        }
    }
}

/// The same where the latest line comes first. Ordinary texts are as likely there: there has to be a long line.
fn follow_backwards<S: Text>(
    texts: &[S],
    places: impl Iterator<Item = usize>,
    words: usize,
    found: &mut BTreeMap<usize, Vec<Range<usize>>>,
) {
    let next = places.map_while(|at| line(texts.get(at)?.get(), words).map(|line| (at, line)));
    let lines: Vec<_> = next.collect();
    if lines.iter().any(|(_, line)| line.len() >= LONG) {
        found.extend(lines.into_iter().map(|(at, line)| (at, vec![line])));
    }
}

/// The line of a key that a text is, alone or after so many words.
fn line(text: &str, words: usize) -> Option<Range<usize>> {
    let last = text.split_whitespace().next_back()?;
    let count = text.split_whitespace().count();
    let end = text.trim_end().len();
    let fits = (count == 1 || count == words.saturating_add(1)) && is_base64(last);
    fits.then(|| end.saturating_sub(last.len())..end)
}

/// What is long enough to be a line of a key, in a text of another form.
fn long_parts(text: &str) -> Vec<Range<usize>> {
    let mut long = Vec::new();
    let mut start = 0_usize;
    for part in text.split_inclusive(|c: char| !is_digit(c)) {
        let run = part.trim_end_matches(|c: char| !is_digit(c));
        if run.len() >= LONG && is_base64(run) {
            long.push(start..start.saturating_add(run.len()));
        }
        start = start.saturating_add(part.len());
    }
    long
}

fn is_digit(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

/// Times and other numbers are not.
fn is_base64(word: &str) -> bool {
    word.chars().all(is_digit) && !word.bytes().all(|byte| byte.is_ascii_digit())
}

fn without(text: &str, ranges: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for range in ranges {
        out.push_str(text.get(done..range.start).unwrap_or_default());
        out.push_str(&marker("private-key"));
        done = range.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

#[cfg(test)]
pub(super) fn compiles() -> bool {
    MARKS.is_some()
}
