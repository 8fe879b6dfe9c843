//! The tools that let an agent read metrics and logs.

mod list_metrics;
mod promql;
mod query_prometheus;
mod search_logs;

pub use list_metrics::{ListMetrics, ListMetricsInput, ListMetricsOutput, MetricDescription};
pub use query_prometheus::{QueryPrometheus, QueryPrometheusInput, QueryPrometheusOutput};
pub use search_logs::{SearchLogs, SearchLogsInput, SearchLogsOutput};

#[cfg(test)]
pub(crate) use promql::check as check_promql;

#[cfg(test)]
mod tests;
