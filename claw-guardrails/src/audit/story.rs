//! One run as a story: what was observed, reasoned and decided, and why.

use std::collections::BTreeMap;
use std::fmt;
use std::io::BufRead;
use std::path::Path;

use claw_core::audit::{AuditEvent, AuditKind};
use jiff::{Timestamp, Unit};
use serde::Serialize;
use serde_json::{Value, json};

use super::entry::Entry;
use super::records::{Filter, each_record, records_in};
use super::verify::VerifyError;

/// Longest piece of text in a line of the story, in characters.
const WIDTH: usize = 200;

/// The events of one run in their order. Shown as text by `Display`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Story {
    /// The run.
    pub run: String,
    /// Sequence and event of each record of the run.
    pub events: Vec<(u64, AuditEvent)>,
    /// How many lines of the log could not be read as records. A check of the log says where and why.
    pub unreadable: u64,
}

/// Collects the events of `run` from the log at `path` and all its segments that are there. Blocks while it reads.
///
/// A run that is not in the log has a story without events. Whether the log is whole is for
/// [`verify_file`](super::verify_file) to say.
pub fn show_file(path: impl AsRef<Path>, run: &str) -> Result<Story, VerifyError> {
    let filter = Filter {
        run: Some(run.to_owned()),
        ..Filter::default()
    };
    let mut events = Vec::new();
    let unreadable = each_record(path, &filter, |record, _| {
        if let Entry::Event(event) = &record.entry {
            events.push((record.sequence, (**event).clone()));
        }
        true
    })?;
    Ok(Story {
        run: run.to_owned(),
        events,
        unreadable,
    })
}

/// Collects the events of `run` from a log of one segment.
pub fn show(mut reader: impl BufRead, run: &str) -> std::io::Result<Story> {
    let mut events = Vec::new();
    let unreadable = records_in(&mut reader, &mut true, |record, _| {
        if let Entry::Event(event) = &record.entry
            && event.run == run
        {
            events.push((record.sequence, (**event).clone()));
        }
        true
    })?;
    Ok(Story {
        run: run.to_owned(),
        events,
        unreadable,
    })
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some((_, first)), Some((_, last))) = (self.events.first(), self.events.last()) else {
            return writeln!(f, "run {}: nothing is recorded", plain(&self.run));
        };
        let count = |kind| self.events.iter().filter(|(_, event)| event.kind == kind).count();
        writeln!(
            f,
            "run {} by {}: {}, {}, {}",
            plain(&self.run),
            plain(&first.actor),
            several(count(AuditKind::Observe), "observation"),
            several(count(AuditKind::Reason), "conclusion"),
            several(count(AuditKind::Refuse), "refusal"),
        )?;
        writeln!(
            f,
            "from {} to {} ({} later)",
            first.time,
            last.time,
            later(first.time, last.time)
        )?;
        let usual = self.usual();
        if let Some(usual) = usual {
            writeln!(f, "decided, unless something else is said: {}", plain(usual))?;
        }
        let mut step = None;
        for (sequence, event) in &self.events {
            if event.step != step {
                step.clone_from(&event.step);
                if let Some(name) = &step {
                    writeln!(f, "\n{}", plain(name))?;
                }
            }
            tell(f, *sequence, event, first.time, usual)?;
        }
        if self.unreadable > 0 {
            writeln!(
                f,
                "\n{} of the log could not be read; run `audit verify`",
                several(usize::try_from(self.unreadable).unwrap_or(usize::MAX), "line")
            )?;
        }
        Ok(())
    }
}

impl Story {
    /// The decision that most observations rest on, if several rest on it: it is told once.
    fn usual(&self) -> Option<&str> {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, event) in self
            .events
            .iter()
            .filter(|(_, event)| event.kind == AuditKind::Observe)
        {
            let decided = event.decided.as_deref()?;
            let count = times.entry(decided).or_default();
            *count = count.saturating_add(1);
        }
        let (decided, count) = times.into_iter().max_by_key(|(_, count)| *count)?;
        (count > 2).then_some(decided)
    }
}

/// One event: why first, then what was done, seen, concluded and decided.
fn tell(
    f: &mut fmt::Formatter<'_>,
    sequence: u64,
    event: &AuditEvent,
    start: Timestamp,
    usual: Option<&str>,
) -> fmt::Result {
    let what = match event.kind {
        AuditKind::RunStarted => "started",
        AuditKind::Observe if event.error.is_some() => "tried to observe",
        AuditKind::Observe => "observed",
        AuditKind::Reason => "reasoned",
        AuditKind::Refuse => "refused",
        AuditKind::Intend => "intended",
        AuditKind::Vote => "heard a vote on",
        AuditKind::Permit => "permitted",
        AuditKind::Outcome => "saw the outcome of",
        AuditKind::Watch => "watched",
        AuditKind::Guard => "guarded by",
        AuditKind::Requests => "sent requests for",
        AuditKind::Deliver => "delivered",
        AuditKind::RunFinished => "finished",
        AuditKind::Stop => "stopped",
        AuditKind::Release => "released",
        _ => "recorded",
    };
    write!(
        f,
        "  +{} #{sequence} {what} {}",
        later(start, event.time),
        plain(&event.subject)
    )?;
    let given = given(&told(event));
    if !given.is_empty() {
        write!(f, " {}", plain(&given))?;
    }
    writeln!(f)?;
    let mut line = |label: &str, text: &str| writeln!(f, "      {label}: {}", plain(text));
    if !event.why.is_empty() {
        line("why", &event.why)?;
    }
    if let Some(observed) = &event.observed {
        let digest = observed.digest.get(..12).unwrap_or(&observed.digest);
        line(
            "saw",
            &format!("{} bytes, sha256 {digest}…: {}", observed.bytes, observed.excerpt),
        )?;
    }
    if let Some(reasoned) = &event.reasoned {
        line("concluded", reasoned)?;
    }
    if let Some(decided) = event.decided.as_deref().filter(|decided| usual != Some(decided)) {
        line("decided", decided)?;
    }
    if let Some(error) = &event.error {
        line("failed", error)?;
    }
    Ok(())
}

/// What of the input is told. Records of writes hold all that they were judged by, for `audit replay`; people are told what
/// would be done.
fn told(event: &AuditEvent) -> Value {
    let action = match event.kind {
        AuditKind::Intend | AuditKind::Refuse => event.input.get("action"),
        AuditKind::Permit => Some(&event.input),
        _ => None,
    };
    match action {
        Some(action) => json!({
            "intent": event.input.get("intent"),
            "patch": action.get("patch"),
            "expected": action.get("expected"),
        }),
        None => event.input.clone(),
    }
}

/// Arguments without those that are not set: `namespace=shop limit=10`.
fn given(input: &Value) -> String {
    let Value::Object(arguments) = input else {
        return if input.is_null() {
            String::new()
        } else {
            input.to_string()
        };
    };
    let set = arguments.iter().filter(|(_, value)| !value.is_null());
    let words = set.map(|(name, value)| match value {
        Value::String(text) if !text.contains(char::is_whitespace) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// How much later, to the millisecond.
fn later(start: Timestamp, time: Timestamp) -> String {
    let span = time.duration_since(start).round(Unit::Millisecond);
    let millis = span.unwrap_or_default().as_millis().max(0);
    match millis / 1000 {
        seconds @ 0..60 => format!("{seconds}.{:03} s", millis % 1000),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

fn several(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// Text on one line, without characters that a terminal acts on or does not show: it might come from a cluster.
fn plain(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(WIDTH)
        .map(|c| if c.is_control() || is_unseen(c) { ' ' } else { c })
        .collect();
    if text.chars().nth(WIDTH).is_some() {
        out.push('…');
    }
    out
}

/// Characters that a reader does not see: they change the direction of text, end a line, take no room, or are left out.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests;
