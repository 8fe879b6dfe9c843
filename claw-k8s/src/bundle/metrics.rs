//! Recorded metrics, as text: this crate does not read them.

use super::content::Content;

/// A file of samples.
#[derive(Clone, Debug)]
pub struct MetricsFile {
    /// Its path below `metrics/`.
    pub name: String,
    /// How it is written.
    pub format: MetricsFormat,
    /// The text.
    pub content: Content,
}

/// How a file of samples is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MetricsFormat {
    /// OpenMetrics or Prometheus text with a timestamp on each sample.
    OpenMetrics,
    /// The JSON that a Prometheus range query answers.
    QueryResult,
}

/// The format that a name below `metrics/` stands for.
pub(super) fn format(name: &str) -> Option<MetricsFormat> {
    let (_, ending) = name.rsplit_once('.')?;
    match ending {
        "om" | "prom" | "txt" => Some(MetricsFormat::OpenMetrics),
        "json" => Some(MetricsFormat::QueryResult),
        _ => None,
    }
}
