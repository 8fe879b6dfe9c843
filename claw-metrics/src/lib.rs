//! Metrics and logs for agents that operate Kubernetes.
//!
//! **What.** Clients and tools that read time series and log lines; and pure functions that make sense of them: what a metric
//! measures, which series changed during an incident and since when, what log lines have in common and what they complain of.
//!
//! **Why.** Servers, meshes and libraries name things differently, and incidents do not wait for configuration. Nothing here
//! depends on the name of a metric or service: metrics are classified by the words and units in their names, queries are built
//! for the families that a server turns out to have, and one setting of the statistics fits all.
//!
//! # The smallest program
//!
//! ```
//! use claw_core::report::Window;
//! use claw_metrics::openmetrics::parse_text;
//! use claw_metrics::signal::{DetectOptions, detect_all};
//!
//! // A quiet half hour, then five minutes of slow answers.
//! let text: String = (0..35)
//!     .map(|minute| {
//!         let latency = if minute < 30 { 0.020 + 0.001 * f64::from(minute % 3) } else { 0.4 };
//!         format!("cart_latency_p95_seconds{{service=\"cart\"}} {latency} {}\n", 1_700_000_000 + 60 * minute)
//!     })
//!     .collect();
//! let series = parse_text(&text).series;
//! let incident = Window { start: "2023-11-14T22:43:20Z".parse()?, end: "2023-11-14T22:48:20Z".parse()? };
//! let signals = detect_all(&series, &incident, None, &DetectOptions::default());
//! assert_eq!(signals[0].entity.name, "cart");
//! assert_eq!(signals[0].onset, Some(incident.start));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Against a live server, hand a [`prometheus::Prometheus`] to the [`tools`]:
//!
//! ```no_run
//! use std::sync::Arc;
//! use claw_metrics::prometheus::{Prometheus, PrometheusConfig};
//! use claw_metrics::tools::QueryPrometheus;
//!
//! let prometheus = Prometheus::new(PrometheusConfig::at("http://prometheus.monitoring:9090"))?;
//! let tool = QueryPrometheus::new(Arc::new(prometheus));
//! # Ok::<(), claw_core::http::HttpError>(())
//! ```
//!
//! # Modules
//!
//! | module | what it is |
//! |---|---|
//! | [`series`] | time series: labels and timed values |
//! | [`source`] | the port to sources of metrics, and how sources fail |
//! | [`prometheus`] | the port over Prometheus' HTTP API |
//! | [`logs`] | the port to log stores (Loki, Elasticsearch, OpenSearch); entries, templates and indicators of trouble |
//! | [`grafana`] | what annotations tell of changes, and dashboards that show what is in question |
//! | [`jaeger`] | who calls whom, as traces have it |
//! | [`tools`] | `query_prometheus`, `list_metrics`, `search_logs` |
//! | [`families`] | typed queries for meshes, HTTP and gRPC servers, containers, nodes |
//! | [`classify`] | what a metric measures, and what a series is about |
//! | [`stats`] | robust statistics |
//! | [`signal`] | series that changed during an incident |
//! | [`openmetrics`] | samples as text and as saved answers |
//! | [`promql`] | what a parser has to be told of queries |

pub mod classify;
pub mod families;
pub mod grafana;
pub mod jaeger;
pub mod logs;
pub mod openmetrics;
pub mod prometheus;
pub mod promql;
pub mod series;
pub mod signal;
pub mod source;
pub mod stats;
pub mod tools;
