//! Logs: where they are read, how lines become entries, and how entries become templates.

pub mod elasticsearch;
pub mod entries;
pub mod indicators;
mod keys;
pub mod loki;
pub mod templates;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::report::Window;
use claw_core::tool::ToolContext;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::source::SourceError;

/// Which lines to look for. All parts that are given must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogQuery {
    /// Namespace of the pods; `None` for all, and for lines that name none.
    pub namespace: Option<String>,
    /// Name of one pod.
    pub pod: Option<String>,
    /// Name of one container.
    pub container: Option<String>,
    /// Labels that the stream carries, by the source's own names.
    pub labels: BTreeMap<String, String>,
    /// Text that a line holds, exactly as given.
    pub contains: Option<String>,
    /// From when to when.
    pub window: Window,
    /// At most this many lines: the newest ones of the window.
    pub limit: u32,
}

/// One line as a source returns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogLine {
    /// When it was written.
    pub time: Timestamp,
    /// What the source knows of where it came from: `namespace`, `pod`, `container`, `node` and labels.
    pub labels: BTreeMap<String, String>,
    /// The line.
    pub line: String,
}

/// Lines that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogAnswer {
    /// In order of time.
    pub lines: Vec<LogLine>,
    /// Whether there were more than the limit.
    pub truncated: bool,
    /// What the source warned of: shards or replicas that did not answer.
    pub warnings: Vec<String>,
}

/// A source of log lines: Loki, Elasticsearch, OpenSearch, or a recording.
///
/// Implementers keep to this: a call ends by the context's deadline and when the run is cancelled, changes nothing, and may
/// be repeated; values of a query are data, never parts of a query language.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait LogSource: Send + Sync {
    /// The lines that fit `query`.
    async fn search(&self, cx: &ToolContext, query: &LogQuery) -> Result<LogAnswer, SourceError>;
}

#[async_trait]
impl<T: LogSource + ?Sized> LogSource for Arc<T> {
    async fn search(&self, cx: &ToolContext, query: &LogQuery) -> Result<LogAnswer, SourceError> {
        (**self).search(cx, query).await
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
