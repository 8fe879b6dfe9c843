//! Prometheus' HTTP API, as Prometheus, Thanos, Mimir, Cortex and VictoriaMetrics serve it.

mod answer;
mod client;

pub(crate) use answer::Envelope;
pub use client::{Prometheus, PrometheusConfig};

/// What this service is called in errors.
const SERVICE: &str = "prometheus";

#[cfg(test)]
mod tests;
