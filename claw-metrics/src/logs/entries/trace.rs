//! Stack traces of Java, Python, Go, Node.js, .NET, Ruby, Rust and PHP, folded into the entry that they belong to.

use serde::{Deserialize, Serialize};

use super::Entry;
use super::line::{Level, Line};

/// Most of a trace's text that is kept, in bytes.
const MAX_TEXT: usize = 8 * 1024;
/// Most lines over which an exception says what happened.
const MAX_WORDS: usize = 12;
/// Most characters of what an exception says on several lines.
const MAX_SAID: usize = 600;
/// Most of an error with the list beneath it, in bytes.
const MAX_LISTED: usize = 2 * 1024;

/// A stack trace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Type of the exception or kind of the panic; of a chain, the innermost cause.
    pub exception: Option<String>,
    /// What it says.
    pub said: Option<String>,
    /// The first frame that is not of a runtime or library that everybody uses, else the first one.
    pub frame: Option<String>,
    /// The lines, cut at some length.
    pub text: String,
}

/// The entry that a line begins.
pub(super) fn begin(line: Line) -> Entry {
    let mut entry = Entry {
        time: line.time,
        level: line.level,
        message: line.message,
        trace: None,
    };
    if is_head(&entry.message) {
        let mut trace = Trace::default();
        read_head(&mut trace, &entry.message);
        trace.text = entry.message.clone();
        if entry.level < Level::Error {
            entry.level = if is_panic(&entry.message) || is_unhandled(&entry.message) {
                Level::Fatal
            } else {
                Level::Error
            };
        }
        entry.trace = Some(trace);
    }
    if let Some(stack) = line.stack {
        for part in stack.lines().take(200) {
            fold(&mut entry, part);
        }
    }
    entry
}

/// Whether a line goes on with what `entry` began.
pub(super) fn continues(text: &str, entry: &Entry, structured: bool) -> bool {
    if structured {
        return false;
    }
    let trimmed = text.trim_start();
    let indented = trimmed.len() < text.len();
    if is_frame(text)
        || trimmed.starts_with("Caused by:")
        || trimmed.starts_with("... ")
        || trimmed.starts_with("Suppressed:")
    {
        return true;
    }
    match &entry.trace {
        Some(trace) => {
            indented
                || awaits_words(trace)
                || trimmed.starts_with("goroutine ")
                || trimmed.starts_with("[signal ")
                || trimmed.starts_with("During handling of")
                || trimmed.starts_with("The above exception")
                || trimmed.starts_with("Traceback ")
                || trimmed.starts_with("stack backtrace:")
                || trimmed.starts_with("note: run with")
                || trimmed.starts_with("exit status ")
                || is_end_of_node(trimmed)
                || is_go_frame(trimmed) && trace.text.contains("goroutine")
                // Python ends a traceback with the exception, flush left.
                || (trace.text.contains("Traceback (most recent") && trace.exception.is_none() && exception_of(trimmed).is_some())
        }
        None => is_head(trimmed) && entry.level >= Level::Error && !trimmed.starts_with("panic:"),
    }
}

/// The entry that an exception began which goes on behind it for some lines: these say what happened, and a frame follows.
pub(super) fn head(entries: &[Entry]) -> Option<usize> {
    let head = entries.iter().rposition(|entry| entry.trace.is_some())?;
    let trace = entries.get(head)?.trace.as_ref()?;
    let words = entries.get(head.saturating_add(1)..)?;
    // A program's own entries have a level, or a time of theirs.
    let plain = |entry: &Entry| entry.level == Level::Unknown;
    let open = trace.exception.is_some() && trace.frame.is_none();
    (open && (1..=MAX_WORDS).contains(&words.len()) && words.iter().all(plain)).then_some(head)
}

/// Adds to what an exception says the lines behind it.
pub(super) fn say(entry: &mut Entry, words: Vec<Entry>) {
    let Some(trace) = entry.trace.as_mut() else { return };
    let mut said = trace.said.take().unwrap_or_default();
    for line in words {
        if !said.is_empty() {
            said.push(' ');
        }
        said.push_str(line.message.trim());
        if trace.text.len() + line.message.len() < MAX_TEXT {
            trace.text.push('\n');
            trace.text.push_str(&line.message);
        }
    }
    trace.said = Some(said.chars().take(MAX_SAID).collect());
}

/// Whether a line is an item of a list that an error announces: `[2] checks failed`, and beneath it `[1]: …` and `[2]: …`.
pub(super) fn lists(text: &str, entry: &Entry) -> bool {
    let announced = entry.message.lines().next().unwrap_or_default();
    let numbered = |text: &str| {
        let number = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        number
            .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let counted = numbered(announced.trim_start()) && numbered(text.trim_start());
    let dashed = announced.trim_end().ends_with(':') && text.trim_start().starts_with("- ");
    entry.level >= Level::Error
        && entry.trace.is_none()
        && (counted || dashed)
        && entry.message.len() + text.len() < MAX_LISTED
}

/// Adds an item to the error that announces it.
pub(super) fn list(entry: &mut Entry, text: &str) {
    entry.message.push('\n');
    entry.message.push_str(text.trim());
}

/// Adds a line to an entry's trace.
pub(super) fn fold(entry: &mut Entry, text: &str) {
    let said = &entry.message;
    let trace = entry.trace.get_or_insert_with(|| Trace {
        said: Some(said.chars().take(300).collect()),
        ..Trace::default()
    });
    if entry.level < Level::Error {
        entry.level = Level::Error;
    }
    let trimmed = text.trim();
    if is_end_of_node(trimmed) {
        entry.level = Level::Fatal;
    } else if awaits_words(trace) {
        trace.said = Some(trimmed.chars().take(300).collect());
    } else if let Some(cause) = trimmed.strip_prefix("Caused by:") {
        // The innermost cause is what went wrong; the frame that matters is its own.
        let outer = trace.said.take();
        read_head(trace, cause.trim());
        trace.said = longer(trace.said.take(), outer);
        trace.frame = None;
    } else if is_frame(text) || is_go_frame(trimmed) {
        let frame = trimmed.trim_start_matches("at ").trim();
        let better = trace
            .frame
            .as_deref()
            .is_none_or(|known| is_library(known) && !is_library(frame));
        // Python's last frame is the innermost one.
        let python = trimmed.starts_with("File \"");
        if better || (python && !is_library(frame)) {
            trace.frame = Some(frame.chars().take(200).collect());
        }
    } else if trace.exception.is_none() || trace.text.contains("Traceback (most recent") {
        read_head(trace, trimmed);
    }
    if trace.text.len() + text.len() < MAX_TEXT {
        if !trace.text.is_empty() {
            trace.text.push('\n');
        }
        trace.text.push_str(text);
    }
}

/// What a cause says, or the same with what follows it, where the exception around it repeats it at greater length.
fn longer(cause: Option<String>, outer: Option<String>) -> Option<String> {
    let (Some(cause), Some(outer)) = (&cause, &outer) else {
        return cause.or(outer);
    };
    let repeated = outer.split_once(cause.as_str()).filter(|_| !cause.is_empty());
    Some(match repeated {
        Some((_, more)) => format!("{cause}{more}"),
        None => cause.clone(),
    })
}

/// Whether a trace is the first line of a Rust panic, `thread 'main' panicked at src/main.rs:4:5:`: what it says is on the
/// next one, which may end like that too.
fn awaits_words(trace: &Trace) -> bool {
    let text = trace.text.as_str();
    text.starts_with("thread '")
        && text.contains("panicked at")
        && text.ends_with(':')
        && !text.contains('\n')
}

fn read_head(trace: &mut Trace, text: &str) {
    let text = text.trim();
    if let Some(said) = text
        .strip_prefix("panic:")
        .or_else(|| text.strip_prefix("fatal error:"))
    {
        trace.exception = Some("panic".to_owned());
        trace.said = Some(said.trim().chars().take(300).collect());
    } else if text.starts_with("thread '") && text.contains("panicked at") {
        trace.exception = Some("panic".to_owned());
        trace.said = text
            .split_once("panicked at")
            .map(|(_, said)| said.trim().chars().take(300).collect());
    } else if let Some((exception, said)) = exception_of(text) {
        trace.exception = Some(exception);
        trace.said = (!said.is_empty()).then(|| said.chars().take(300).collect());
    }
}

fn is_panic(text: &str) -> bool {
    text.starts_with("panic:")
        || text.starts_with("fatal error:")
        || text.starts_with("thread '") && text.contains("panicked at")
}

/// Whether nobody handled the exception, so that the program ends over it.
fn is_unhandled(text: &str) -> bool {
    ["Unhandled exception", "Uncaught ", "Exception in thread \"main\""]
        .iter()
        .any(|lead| text.starts_with(lead))
}

/// The line with which Node.js ends over an exception that nobody handled: its version.
fn is_end_of_node(text: &str) -> bool {
    let version = text.strip_prefix("Node.js v");
    version.is_some_and(|version| version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

/// Whether a line is the head of a trace: a panic, `Traceback`, `Exception in thread`, or an exception's type and text.
fn is_head(text: &str) -> bool {
    let text = text.trim_start();
    is_panic(text)
        || text.starts_with("Traceback (most recent call last)")
        || text.starts_with("Exception in thread")
        || text.starts_with("Unhandled exception")
        || text.starts_with("Uncaught ")
        || exception_of(text).is_some_and(|(name, _)| {
            name.contains('.') || name.ends_with("Error") || name.ends_with("Exception")
        }) && text
            .split_whitespace()
            .next()
            .is_some_and(|word| word.ends_with(':') || word == text)
}

/// The exception type with which a text begins, and what follows it: `java.lang.NullPointerException: x`, `KeyError: 'a'`.
fn exception_of(text: &str) -> Option<(String, &str)> {
    let mut text = text.trim();
    for lead in [
        "Exception in thread",
        "Unhandled exception.",
        "Unhandled exception:",
        "Uncaught exception:",
        "Uncaught ",
    ] {
        if let Some(rest) = text.strip_prefix(lead) {
            text = rest.trim_start();
            if lead == "Exception in thread" {
                // The thread's name is quoted.
                text = text.rsplit_once('"').map_or(text, |(_, rest)| rest.trim_start());
            }
        }
    }
    let (name, said) = match text.split_once(':') {
        Some((name, said)) => (name, said.trim()),
        None => (text, ""),
    };
    let name = name.trim();
    let shaped = (4..=160).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._$:".contains(&byte))
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let last = name.rsplit(['.', '$']).next().unwrap_or(name);
    let named = ["Error", "Exception", "Fault", "Failure", "Interrupt", "Panic"]
        .iter()
        .any(|end| last.ends_with(end) && last != *end || last == "Error");
    let capital = last.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase());
    (shaped && named && capital).then(|| (name.to_owned(), said))
}

/// Whether a line is a frame of Java, Node.js, .NET, Python, Ruby or Rust.
pub(super) fn is_frame(text: &str) -> bool {
    let trimmed = text.trim_start();
    let indented = trimmed.len() < text.len();
    (indented && trimmed.starts_with("at ") && trimmed.len() > 5)
        || (indented && trimmed.starts_with("File \"") && trimmed.contains(", line "))
        || (indented && trimmed.starts_with("from ") && trimmed.contains(":in "))
        || (trimmed.starts_with('#')
            && trimmed
                .get(1..2)
                .is_some_and(|digit| digit.bytes().all(|b| b.is_ascii_digit()))
            && trimmed.contains('('))
        || (indented
            && trimmed
                .split_once(": ")
                .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
            && trimmed.contains("::"))
}

/// `main.handler(0xc000…)` and, after a tab, `/app/main.go:42 +0x1d`.
fn is_go_frame(trimmed: &str) -> bool {
    trimmed.contains(".go:")
        || (trimmed.ends_with(')')
            && trimmed.contains('(')
            && !trimmed.contains(' ')
            && trimmed.contains('.'))
        || trimmed.starts_with("created by ")
}

/// Whether a frame belongs to a runtime or to a library that everybody uses.
fn is_library(frame: &str) -> bool {
    const LIBRARIES: &[&str] = &[
        "java.",
        "javax.",
        "jdk.",
        "sun.",
        "com.sun.",
        "kotlin.",
        "scala.",
        "org.springframework.",
        "org.apache.",
        "io.netty.",
        "org.hibernate.",
        "reactor.",
        "com.zaxxer.",
        "org.postgresql.",
        "com.mysql.",
        "node:",
        "internal/",
        "node_modules",
        "site-packages",
        "/usr/lib/python",
        "/usr/local/lib/python",
        "runtime.",
        "runtime/",
        "net/http",
        "/usr/local/go/",
        "System.",
        "Microsoft.",
        "std::",
        "core::",
        "panic(",
        "goroutine",
        "/gems/",
        "tokio::",
    ];
    LIBRARIES.iter().any(|library| {
        frame.starts_with(library)
            || frame.contains(&format!("({library}"))
            || (library.starts_with('/') || library.contains("modules") || library.contains("site-"))
                && frame.contains(library)
    })
}
