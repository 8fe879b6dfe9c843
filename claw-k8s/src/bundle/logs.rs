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

/// Splits the `logs.txt` that `kubectl cluster-info dump` writes for a pod into its containers.
pub(super) fn split_dump(text: &str) -> Vec<(String, String)> {
    const START: &str = "==== START logs for container ";
    const END: &str = "==== END logs for container ";
    let mut found: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for line in text.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix(START) {
            let container = rest.split_whitespace().next().unwrap_or_default();
            found.push((container.to_owned(), String::new()));
            open = true;
        } else if line.starts_with(END) {
            open = false;
        } else if open && let Some((_, log)) = found.last_mut() {
            log.push_str(line);
        }
    }
    found.retain(|(container, _)| !container.is_empty());
    found
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

    #[test]
    fn splits_a_dump_into_containers() {
        let text = "==== START logs for container a of pod ns/p ====\none\ntwo\n==== END logs for container a of pod ns/p ====\n==== START logs for container b of pod ns/p ====\n==== END logs for container b of pod ns/p ====\ntrailing\n";
        assert_eq!(
            split_dump(text),
            [
                ("a".to_owned(), "one\ntwo\n".to_owned()),
                ("b".to_owned(), String::new())
            ]
        );
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
