//! One run as a story: what was observed, reasoned and decided, and why.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use claw_core::audit::{AuditEvent, AuditKind};
use serde::Serialize;

use super::chain::{Entry, Record};
use super::lines::{Next, next_line};

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

/// Collects the events of `run` from the log at `path`. Blocks while it reads.
///
/// A run that is not in the log has a story without events. Whether the log is whole is for
/// [`verify_file`](super::verify_file) to say.
pub fn show_file(path: impl AsRef<Path>, run: &str) -> std::io::Result<Story> {
    show(BufReader::with_capacity(256 * 1024, File::open(path)?), run)
}

/// Collects the events of `run` from a log.
pub fn show(mut reader: impl BufRead, run: &str) -> std::io::Result<Story> {
    let mut story = Story {
        run: run.to_owned(),
        events: Vec::new(),
        unreadable: 0,
    };
    let mut buffer = Vec::new();
    let mut header = true;
    loop {
        match next_line(&mut reader, &mut buffer)? {
            Next::End => return Ok(story),
            _ if std::mem::take(&mut header) => {}
            Next::Line => match serde_json::from_slice::<Record>(&buffer) {
                Ok(Record {
                    sequence,
                    entry: Entry::Event(event),
                    ..
                }) if event.run == run => story.events.push((sequence, *event)),
                Ok(_) => {}
                Err(_) => story.unreadable = story.unreadable.saturating_add(1),
            },
            Next::Incomplete | Next::TooLong => story.unreadable = story.unreadable.saturating_add(1),
        }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((_, first)) = self.events.first() else {
            return writeln!(f, "run {}: nothing is recorded", plain(&self.run));
        };
        let count = |kind| self.events.iter().filter(|(_, event)| event.kind == kind).count();
        writeln!(
            f,
            "run {} by {}: {} observations, {} conclusions, {} refusals",
            plain(&self.run),
            plain(&first.actor),
            count(AuditKind::Observe),
            count(AuditKind::Reason),
            count(AuditKind::Refuse),
        )?;
        let mut step = None;
        for (sequence, event) in &self.events {
            if event.step != step {
                step.clone_from(&event.step);
                if let Some(name) = &step {
                    writeln!(f, "\n{}", plain(name))?;
                }
            }
            tell(f, *sequence, event)?;
        }
        if self.unreadable > 0 {
            writeln!(
                f,
                "\n{} lines of the log could not be read; run `audit verify`",
                self.unreadable
            )?;
        }
        Ok(())
    }
}

fn tell(f: &mut fmt::Formatter<'_>, sequence: u64, event: &AuditEvent) -> fmt::Result {
    let what = match event.kind {
        AuditKind::RunStarted => "started",
        AuditKind::Observe => "observed",
        AuditKind::Reason => "reasoned",
        AuditKind::Refuse => "refused",
        AuditKind::Permit => "permitted",
        AuditKind::Deliver => "delivered",
        AuditKind::RunFinished => "finished",
        _ => "recorded",
    };
    write!(f, "  {} #{sequence} {what} {}", event.time, plain(&event.subject))?;
    if !event.input.is_null() {
        write!(f, " {}", plain(&event.input.to_string()))?;
    }
    writeln!(f)?;
    let mut line = |label: &str, text: &str| writeln!(f, "      {label}: {}", plain(text));
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
    if let Some(decided) = &event.decided {
        line("decided", decided)?;
    }
    if let Some(error) = &event.error {
        line("failed", error)?;
    }
    if !event.why.is_empty() {
        line("why", &event.why)?;
    }
    Ok(())
}

/// Text on one line, without control characters, which might come from a cluster and move a terminal's cursor.
fn plain(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(WIDTH)
        .map(|c| {
            if c.is_control() || is_directional(c) {
                ' '
            } else {
                c
            }
        })
        .collect();
    if text.chars().nth(WIDTH).is_some() {
        out.push('…');
    }
    out
}

/// Characters that change the direction of text, and so what a reader sees.
fn is_directional(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
