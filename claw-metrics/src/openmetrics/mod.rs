//! Samples as text: OpenMetrics and the Prometheus format with timestamps, and results of Prometheus range queries.
//!
//! Readers take what they can: a bad line is reported with its number and the rest is read.
//!
//! ```
//! let parsed = claw_metrics::openmetrics::parse_text("# TYPE up gauge\nup{pod=\"a\"} 1 1661140280\nup{pod= 1\n# EOF\n");
//! assert_eq!(parsed.series.len(), 1);
//! assert_eq!(parsed.problems[0].line, 3);
//! ```

mod line;
mod parse;
mod query_range;
mod write;

pub use parse::{Limits, Parsed, Problem, parse_text, parse_text_with};
pub use query_range::{QueryRangeError, parse_query_range_json};
pub use write::write_text;

#[cfg(test)]
mod tests;
