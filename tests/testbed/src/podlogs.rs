//! What the simulated containers print: texts beside the code, as the files that a kubelet would have written.

use std::fs;
use std::path::Path;
use std::time::Duration;

use claw_core::clock::{Clock as _, SystemClock};
use jiff::Timestamp;

use crate::error::Error;
use crate::modules;

/// A run before the present one began this much earlier.
const BEFORE: Duration = Duration::from_secs(90);

/// Writes all texts into `folder`, as if the last line of each had just been printed.
///
/// The names of the texts say nothing about them: pods carry them in a label, where an investigation sees them.
pub fn render_all(folder: &Path) -> Result<(), Error> {
    let source = modules::data("logs");
    let entries = fs::read_dir(&source).map_err(Error::io("read", &source))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == "txt") {
            render(&path, folder, SystemClock.now())?;
        }
    }
    Ok(())
}

fn render(text: &Path, folder: &Path, now: Timestamp) -> Result<(), Error> {
    let lines = fs::read_to_string(text).map_err(Error::io("read", text))?;
    let lines = parse(&lines).map_err(|why| Error::Data {
        path: text.to_owned(),
        why,
    })?;
    let name = text.file_stem().unwrap_or_default().to_string_lossy();
    let files = [
        (format!("{name}.log"), now),
        (format!("{name}.previous.log"), back(now, BEFORE)),
    ];
    for (file, end) in files {
        let path = folder.join(file);
        fs::write(&path, kubelet_form(&lines, end)).map_err(Error::io("write", &path))?;
    }
    Ok(())
}

/// A line, and how long after the first it was printed.
#[derive(Debug, PartialEq)]
struct Line {
    at: Duration,
    stream: &'static str,
    text: String,
}

/// `SECONDS STREAM TEXT`, where the stream is `out` or `err`; `#` begins a comment.
fn parse(text: &str) -> Result<Vec<Line>, String> {
    let mut lines: Vec<Line> = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with('#'))
    {
        let wrong = |what: &str| format!("line {}: {what}", number + 1);
        let mut parts = line.splitn(3, ' ');
        let seconds: Option<f64> = parts.next().and_then(|seconds| seconds.parse().ok());
        let at = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let at = at.ok_or_else(|| wrong("begins with no number of seconds"))?;
        if lines.last().is_some_and(|last| last.at > at) {
            return Err(wrong("is earlier than the line before it"));
        }
        let stream = match parts.next() {
            Some("out") => "stdout",
            Some("err") => "stderr",
            _ => return Err(wrong("names neither out nor err")),
        };
        lines.push(Line {
            at,
            stream,
            text: parts.next().unwrap_or_default().to_owned(),
        });
    }
    Ok(lines)
}

/// The form of the container runtimes: time, stream, whether the line is whole, text.
fn kubelet_form(lines: &[Line], end: Timestamp) -> String {
    let length = lines.last().map(|line| line.at).unwrap_or_default();
    let mut file = String::new();
    for line in lines {
        let time = back(end, length.saturating_sub(line.at));
        file.push_str(&format!("{time:.9} {} F {}\n", line.stream, line.text));
    }
    file
}

fn back(from: Timestamp, by: Duration) -> Timestamp {
    from.checked_sub(by).unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_was_printed_just_now() {
        let lines = parse("# why\n0 out one\n2.5 err two  words\n").unwrap();
        let file = kubelet_form(&lines, "2026-03-01T10:00:00Z".parse().unwrap());
        assert_eq!(
            file,
            "2026-03-01T09:59:57.500000000Z stdout F one\n2026-03-01T10:00:00.000000000Z stderr F two  words\n"
        );
    }

    #[test]
    fn a_line_that_is_not_understood_is_named() {
        assert_eq!(
            parse("0 out a\nx out b").unwrap_err(),
            "line 2: begins with no number of seconds"
        );
        assert_eq!(
            parse("0 pipe a").unwrap_err(),
            "line 1: names neither out nor err"
        );
        assert_eq!(
            parse("2 out a\n1 out b").unwrap_err(),
            "line 2: is earlier than the line before it"
        );
    }

    #[test]
    fn the_texts_of_the_testbed_are_understood() {
        let folder = tempfile::tempdir().unwrap();
        render_all(folder.path()).unwrap();
        let usual = fs::read_to_string(folder.path().join("l0.log")).unwrap();
        assert!(usual.lines().count() > 3);
        assert!(folder.path().join("l1.previous.log").exists());
    }
}
