//! The ports to sources of metrics and logs, and how they fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::http::HttpError;
use claw_core::report::Window;
use claw_core::tool::{ToolContext, ToolError, ToolErrorKind};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::series::Series;

/// A range query's grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// First moment.
    pub start: Timestamp,
    /// Last moment, inclusive.
    pub end: Timestamp,
    /// Distance between moments in seconds; at least 1.
    pub step: u32,
}

/// The answer to a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The series, ordered by labels.
    pub series: Vec<Series>,
    /// What the source warned of: partial data, an operation on the wrong kind of metric.
    pub warnings: Vec<String>,
    /// How many series the source had. More than `series.len()` means that the rest was cut off.
    pub total: usize,
}

/// What a source knows of a metric besides its samples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// `counter`, `gauge`, `histogram`, `summary`, …; empty if unknown.
    pub kind: String,
    /// Base unit; empty if unknown.
    pub unit: String,
    /// Help text; empty if unknown.
    pub help: String,
}

/// Names of metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// In order.
    pub names: Vec<String>,
    /// What the source warned of.
    pub warnings: Vec<String>,
}

/// A source of time series that understands PromQL: Prometheus, Thanos, Mimir, VictoriaMetrics, or a recording.
///
/// Implementers keep to this: a call ends by the context's deadline and when the run is cancelled, changes nothing, and may
/// be repeated. Series that were cut off are counted in [`Answer::total`], never dropped silently.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait MetricSource: Send + Sync {
    /// Evaluates `query` at one moment; now if `time` is `None`.
    async fn instant(
        &self,
        cx: &ToolContext,
        query: &str,
        time: Option<Timestamp>,
    ) -> Result<Answer, SourceError>;

    /// Evaluates `query` at each moment of `range`.
    async fn range(&self, cx: &ToolContext, query: &str, range: Grid) -> Result<Answer, SourceError>;

    /// Names of the metrics that have samples in `window` in series that match `selector` (all if `None`).
    #[allow(clippy::needless_lifetimes)] // the mock needs the lifetime spelled out
    async fn names<'a>(
        &self,
        cx: &ToolContext,
        selector: Option<&'a str>,
        window: Option<Window>,
    ) -> Result<Names, SourceError>;

    /// Metadata by metric name, as far as the source has any.
    async fn metadata(&self, cx: &ToolContext) -> Result<BTreeMap<String, Metadata>, SourceError>;
}

#[async_trait]
impl<T: MetricSource + ?Sized> MetricSource for Arc<T> {
    async fn instant(
        &self,
        cx: &ToolContext,
        query: &str,
        time: Option<Timestamp>,
    ) -> Result<Answer, SourceError> {
        (**self).instant(cx, query, time).await
    }

    async fn range(&self, cx: &ToolContext, query: &str, range: Grid) -> Result<Answer, SourceError> {
        (**self).range(cx, query, range).await
    }

    async fn names<'a>(
        &self,
        cx: &ToolContext,
        selector: Option<&'a str>,
        window: Option<Window>,
    ) -> Result<Names, SourceError> {
        (**self).names(cx, selector, window).await
    }

    async fn metadata(&self, cx: &ToolContext) -> Result<BTreeMap<String, Metadata>, SourceError> {
        (**self).metadata(cx).await
    }
}

/// Why a source of metrics or logs did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The source understood the call and refused the query.
    #[error(
        "the {service} server refused the query ({error_type}); right the query: its message is in the operator's log"
    )]
    Rejected {
        /// Which service.
        service: &'static str,
        /// The source's own word for the kind of error, `bad_data`.
        error_type: &'static str,
        /// The source's message. For operators: it may quote anything.
        #[source]
        detail: Detail,
    },
    /// The source gave up on the query: too slow, too many samples.
    #[error(
        "the {service} server gave the query up ({error_type}); ask for less: fewer series, a shorter range, a longer step"
    )]
    GaveUp {
        /// Which service.
        service: &'static str,
        /// The source's own word for the kind of error, `timeout`.
        error_type: &'static str,
        /// The source's message.
        #[source]
        detail: Detail,
    },
    /// The source cannot answer any query at present: it starts, it is overloaded, or its storage fails.
    #[error(
        "the {service} server is in trouble itself ({error_type}); look after it, its log says why, or ask again later"
    )]
    Unable {
        /// Which service.
        service: &'static str,
        /// The source's own word for the kind of error, `unavailable`.
        error_type: &'static str,
        /// The source's message.
        #[source]
        detail: Detail,
    },
    /// The answer is not what the source's protocol says.
    #[error(
        "the answer of the {service} server is malformed: {what}; check that the address is that of a {service} server"
    )]
    Malformed {
        /// Which service.
        service: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The server does not know the paths of the protocol: something else answers at the address.
    #[error(
        "what answers at the address of {service} does not know {service}'s API (status {code}); check the address, with its path"
    )]
    Elsewhere {
        /// Which service.
        service: &'static str,
        /// 404 or 410.
        code: u16,
    },
    /// The call itself failed.
    #[error(transparent)]
    Call(#[from] ToolError),
}

impl SourceError {
    /// The error of an answer of `service` that is not the JSON that was expected.
    pub(crate) fn unreadable(service: &'static str, error: &serde_json::Error) -> Self {
        let (kind, line, column) = (error.classify(), error.line(), error.column());
        Self::Malformed {
            service,
            what: format!("{kind:?} error at line {line} column {column}"),
        }
    }

    /// The error of a failed call to `service`. Its API has no path that may be missing: one that is means another server.
    pub(crate) fn of_call(service: &'static str, error: HttpError) -> Self {
        match &error {
            HttpError::Status { code, .. } if matches!(code, 404 | 410) => {
                Self::Elsewhere { service, code: *code }
            }
            _ => Self::Call(error.into_tool_error(service)),
        }
    }
}

/// Text that came from a source, kept for operators.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Detail(pub String);

impl From<SourceError> for ToolError {
    fn from(error: SourceError) -> Self {
        let kind = match &error {
            SourceError::Rejected { .. } => ToolErrorKind::InvalidInput,
            SourceError::GaveUp { .. } => ToolErrorKind::Timeout,
            SourceError::Malformed { .. } => ToolErrorKind::Internal,
            SourceError::Elsewhere { .. } | SourceError::Unable { .. } => ToolErrorKind::Unavailable,
            SourceError::Call(_) => {
                return match error {
                    SourceError::Call(error) => error,
                    other => Self::new(ToolErrorKind::Internal, other.to_string()),
                };
            }
        };
        Self::new(kind, error.to_string()).with_source(error)
    }
}
