//! The log lines of a recording, behind the port to log stores.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::tool::ToolContext;
use claw_k8s::bundle::{self, Bundle};
use claw_metrics::logs::{LogAnswer, LogLine, LogQuery, LogSource};
use claw_metrics::source::SourceError;
use jiff::Timestamp;

/// Recorded log lines: those of `logs.jsonl`, and those of containers whose lines begin with a time.
///
/// An empty namespace in a query means all.
#[derive(Clone, Debug)]
pub struct RecordedLogs(Arc<[LogLine]>);

impl RecordedLogs {
    /// The lines of `bundle`. A container's log that cannot be read any more is left out.
    pub fn of(bundle: &Bundle) -> Self {
        let lines = lines(bundle).into_iter().map(|line| LogLine {
            time: line.time,
            labels: line.labels,
            line: line.line,
        });
        Self(lines.collect())
    }
}

/// All recorded lines that have a time, in the order of time.
pub(super) fn lines(bundle: &Bundle) -> Vec<bundle::LogLine> {
    let mut lines = bundle.log_lines.clone();
    for log in bundle.logs.iter().filter(|log| !log.previous) {
        let labels: BTreeMap<String, String> = [
            ("namespace", &log.namespace),
            ("pod", &log.pod),
            ("container", &log.container),
        ]
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .into();
        let Ok(text) = log.content.read() else {
            continue;
        };
        lines.extend(text.lines().filter_map(|line| {
            let (time, line) = line.split_once(' ')?;
            Some(bundle::LogLine {
                time: time.parse::<Timestamp>().ok()?,
                labels: labels.clone(),
                line: line.to_owned(),
            })
        }));
    }
    // Stable: lines of one moment stay in the order in which they were recorded.
    lines.sort_by_key(|line| line.time);
    lines
}

#[async_trait]
impl LogSource for RecordedLogs {
    async fn search(&self, _cx: &ToolContext, query: &LogQuery) -> Result<LogAnswer, SourceError> {
        let label = |line: &LogLine, names: &[&str], wanted: &str| {
            names
                .iter()
                .any(|name| line.labels.get(*name).is_some_and(|value| value == wanted))
        };
        let wanted = |line: &&LogLine| {
            (query.namespace.is_empty()
                || label(line, &["namespace", "k8s_namespace_name"], &query.namespace))
                && query
                    .pod
                    .as_ref()
                    .is_none_or(|pod| label(line, &["pod", "k8s_pod_name"], pod))
                && query
                    .container
                    .as_ref()
                    .is_none_or(|name| label(line, &["container", "k8s_container_name"], name))
                && query
                    .labels
                    .iter()
                    .all(|(name, value)| line.labels.get(name) == Some(value))
                && query
                    .contains
                    .as_ref()
                    .is_none_or(|text| line.line.contains(text.as_str()))
                && (query.window.start..=query.window.end).contains(&line.time)
        };
        let mut lines: Vec<LogLine> = self.0.iter().filter(wanted).cloned().collect();
        let most = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let truncated = lines.len() > most;
        lines.drain(..lines.len().saturating_sub(most));
        Ok(LogAnswer {
            lines,
            truncated,
            warnings: Vec::new(),
        })
    }
}
