//! Raw container logs as entries: time, level, message, and stack traces folded into the entry that they belong to.
//!
//! The formats are told apart line by line, since containers mix them: the kubelet's and CRI's prefixes, JSON, logfmt,
//! klog, and the plain formats of the usual logging libraries. Nothing is dropped silently: bytes that are no UTF-8 are
//! replaced, lines over the limit are cut, and [`Log::truncated`] says so.

mod line;
mod trace;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use line::Level;
pub use trace::Trace;

/// Longest line that is looked at, in bytes; the rest of it is cut.
const MAX_LINE: usize = 16 * 1024;
/// Most bytes of one log that are looked at: the newest ones.
const MAX_LOG: usize = 16 * 1024 * 1024;
/// Most lines that are folded into one entry.
const MAX_FOLDED: usize = 400;

/// One entry of a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was written, where the line says so.
    pub time: Option<Timestamp>,
    /// How bad the writer says it is; [`Level::Unknown`] where the line does not say.
    pub level: Level,
    /// The text without time and level; of structured lines, the message and what the line calls the error.
    pub message: String,
    /// The stack trace that follows it.
    pub trace: Option<Trace>,
}

/// The entries of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// In the order in which they stand.
    pub entries: Vec<Entry>,
    /// Whether lines were cut or the oldest part was left out.
    pub truncated: bool,
}

/// Reads a container's log.
pub fn parse(raw: &[u8]) -> Log {
    let skipped = raw.len().saturating_sub(MAX_LOG);
    let raw = raw.get(skipped..).unwrap_or_default();
    let mut truncated = skipped > 0;
    let mut entries: Vec<Entry> = Vec::new();
    let mut folded = 0;
    let mut lines = raw.split(|byte| *byte == b'\n');
    if skipped > 0 {
        // The first line is likely to be a rest.
        lines.next();
    }
    for bytes in lines {
        let cut = bytes.len() > MAX_LINE;
        truncated |= cut;
        let text = String::from_utf8_lossy(bytes.get(..MAX_LINE).unwrap_or(bytes));
        let text = text.trim_end_matches(['\r', '\0']);
        if text.trim().is_empty() {
            continue;
        }
        let line = line::read(text);
        // An empty line is no entry, even where a runtime dates it.
        if line.message.trim().is_empty() && line.stack.is_none() && line.level == Level::Unknown {
            continue;
        }
        // Whatever an exception says on several lines stands between its name and its first frame.
        if trace::is_frame(&line.message)
            && !line.is_structured()
            && let Some(head) = trace::head(&entries)
        {
            let words = entries.split_off(head.saturating_add(1));
            if let Some(entry) = entries.last_mut() {
                trace::say(entry, words);
            }
        }
        match entries.last_mut() {
            Some(entry) if !line.is_structured() && trace::lists(&line.message, entry) => {
                trace::list(entry, &line.message);
            }
            Some(entry)
                if folded < MAX_FOLDED && trace::continues(&line.message, entry, line.is_structured()) =>
            {
                folded += 1;
                trace::fold(entry, &line.message);
            }
            _ => {
                folded = 0;
                entries.push(trace::begin(line));
            }
        }
    }
    Log { entries, truncated }
}

/// When a line was written, as far as it says, and the line without what a container runtime put before it.
pub fn dated(line: &str) -> (Option<Timestamp>, &str) {
    match line::runtime_prefix(line) {
        (Some(time), rest) => (Some(time), rest),
        (None, _) => (line::read(line).time, line),
    }
}

#[cfg(test)]
mod tests;
