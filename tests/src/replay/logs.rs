//! The log lines of a recording, for the log store.

use std::collections::BTreeMap;

use claw_k8s::bundle::{self, Bundle};
use jiff::Timestamp;

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
