//! Recorded logs: one file a container, and lines as a log store returns them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::content::Content;
use super::problem::Problems;
use super::{lines, time};

/// The recorded log of one container.
#[derive(Clone, Debug)]
pub struct LogFile {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Name of the container.
    pub container: String,
    /// Whether it is the log of the container that ran before the present one.
    pub previous: bool,
    /// The lines, each with or without a time before it.
    pub content: Content,
}

impl LogFile {
    /// `namespace/pod/container`, with `.previous` for the terminated container: the locator of log evidence.
    pub fn locator(&self) -> String {
        let suffix = if self.previous { ".previous" } else { "" };
        format!("{}/{}/{}{suffix}", self.namespace, self.pod, self.container)
    }
}

/// One line of `logs.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was written.
    pub time: Timestamp,
    /// The labels of its stream.
    pub labels: BTreeMap<String, String>,
    /// The text.
    pub line: String,
}

/// The container that `logs/<namespace>/<pod>/<container>[.previous].log` names.
pub(super) fn of_path(path: &str) -> Option<(&str, &str, &str, bool)> {
    let mut parts = path.strip_prefix("logs/")?.split('/');
    let (namespace, pod, file) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let container = file.strip_suffix(".log")?;
    let (container, previous) = match container.strip_suffix(".previous") {
        Some(container) => (container, true),
        None => (container, false),
    };
    (!container.is_empty()).then_some((namespace, pod, container, previous))
}

/// Reads `logs.jsonl`. Lines without a time or text become problems.
pub(super) fn read_lines(name: &str, text: &str, limit: usize, problems: &mut Problems) -> Vec<LogLine> {
    let mut found = Vec::new();
    for (number, map) in lines::values(name, text, limit, problems) {
        let time = lines::first(&map, &["time", "timestamp", "ts"]).and_then(time::parse);
        let line = lines::first(&map, &["line", "message", "msg", "log"]).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let labels = match lines::first(&map, &["labels", "stream"]) {
            Some(Value::Object(labels)) => labels
                .iter()
                .map(|(key, value)| match value {
                    Value::String(text) => (key.clone(), text.clone()),
                    other => (key.clone(), other.to_string()),
                })
                .collect(),
            _ => BTreeMap::new(),
        };
        match (time, line) {
            (Some(time), Some(line)) => found.push(LogLine { time, labels, line }),
            (None, _) => problems.add(name, Some(number), "has no `time` that can be read; left out"),
            (_, None) => problems.add(name, Some(number), "has no `line`; left out"),
        }
    }
    // Stable: lines of the same moment stay in the order of the file.
    found.sort_by_key(|line| line.time);
    found
}

/// What `kubectl cluster-info dump` wrote of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dumped {
    pub(super) container: String,
    /// The log, or why kubectl could not read it.
    pub(super) log: Result<String, String>,
}

/// Splits the `logs.txt` that `kubectl cluster-info dump` writes for a pod into its containers.
///
/// Where kubectl cannot read a log, it writes the error in its place. What it writes after a log follows on the same line
/// if the log does not end with one.
pub(super) fn split_dump(text: &str) -> Vec<Dumped> {
    const START: &str = "==== START logs for container ";
    const ERRORS: &[&str] = &["Request log error: ", "Create log request error: "];
    let mut found: Vec<(String, String)> = Vec::new();
    // The line that ends the log that is being read.
    let mut end: Option<String> = None;
    for line in text.split_inclusive('\n') {
        if let Some(last) = &end {
            let Some((_, log)) = found.last_mut() else {
                continue;
            };
            match line.trim_end().strip_suffix(last.as_str()) {
                Some(before) => {
                    log.push_str(before);
                    end = None;
                }
                None => log.push_str(line),
            }
        } else if let Some(rest) = line.strip_prefix(START) {
            let container = rest.split_whitespace().next().unwrap_or_default();
            found.push((container.to_owned(), String::new()));
            end = Some(line.trim_end().replacen("START", "END", 1));
        }
    }
    found.retain(|(container, _)| !container.is_empty());
    found
        .into_iter()
        .map(|(container, text)| {
            let error = ERRORS.iter().find_map(|error| text.strip_prefix(error));
            let log = match error {
                Some(error) => Err(error.trim_end().to_owned()),
                None => Ok(text),
            };
            Dumped { container, log }
        })
        .collect()
}

/// Whether a log could not be read because the container has written none.
pub(super) fn has_not_started(error: &str) -> bool {
    error.contains("is waiting to start")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_container_from_the_path() {
        assert_eq!(of_path("logs/a/b/c.log"), Some(("a", "b", "c", false)));
        assert_eq!(of_path("logs/a/b/c.previous.log"), Some(("a", "b", "c", true)));
        for other in [
            "logs/a/b.log",
            "logs/a/b/c/d.log",
            "logs/a/b/c.txt",
            "logs/a/b/.log",
            "x/a/b/c.log",
        ] {
            assert_eq!(of_path(other), None, "{other}");
        }
    }

    fn logs_of(text: &str) -> Vec<(String, Result<String, String>)> {
        split_dump(text)
            .into_iter()
            .map(|dumped| (dumped.container, dumped.log))
            .collect()
    }

    #[test]
    fn splits_a_dump_into_containers() {
        let text = "==== START logs for container a of pod ns/p ====\none\ntwo\n==== END logs for container a of pod ns/p ====\n==== START logs for container b of pod ns/p ====\n==== END logs for container b of pod ns/p ====\ntrailing\n";
        assert_eq!(
            logs_of(text),
            [
                ("a".to_owned(), Ok("one\ntwo\n".to_owned())),
                ("b".to_owned(), Ok(String::new()))
            ]
        );
    }

    #[test]
    fn a_dumped_log_ends_where_kubectl_says_so_on_whatever_line() {
        let text = "==== START logs for container a of pod ns/p ====\none\n==== END logs for container b of pod ns/p ====\ntwo==== END logs for container a of pod ns/p ====\n==== START logs for container b of pod ns/p ====\nthree";
        assert_eq!(
            logs_of(text),
            [
                (
                    "a".to_owned(),
                    Ok("one\n==== END logs for container b of pod ns/p ====\ntwo".to_owned())
                ),
                ("b".to_owned(), Ok("three".to_owned()))
            ]
        );
    }

    #[test]
    fn what_kubectl_could_not_read_is_not_the_log() {
        let text = "==== START logs for container a of pod ns/p ====\nRequest log error: container \"a\" in pod \"p\" is waiting to start: trying and failing to pull image\n==== END logs for container a of pod ns/p ====\n==== START logs for container b of pod ns/p ====\nRequest log error: proxy error\n==== END logs for container b of pod ns/p ====\n";
        let logs = logs_of(text);
        assert!(has_not_started(logs[0].1.as_ref().unwrap_err()));
        assert_eq!(logs[1].1, Err("proxy error".to_owned()));
    }

    #[test]
    fn reads_lines_of_a_log_store() {
        let mut problems = Problems::new(10);
        let text = "{\"time\":\"2026-03-01T10:00:01Z\",\"labels\":{\"pod\":\"a\",\"n\":1},\"line\":\"second\"}\n{\"time\":\"1772359200000000000\",\"line\":\"first\"}\n{\"line\":\"x\"}\n{\"time\":1}\n";
        let lines = read_lines("logs.jsonl", text, 10, &mut problems);
        assert_eq!(
            lines.iter().map(|l| l.line.as_str()).collect::<Vec<_>>(),
            ["first", "second"]
        );
        assert_eq!(lines[1].labels["n"], "1");
        assert_eq!(problems.finish().len(), 2);
    }
}
