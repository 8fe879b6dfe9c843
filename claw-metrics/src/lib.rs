//! Metrics and logs for agents that operate Kubernetes. Under construction.
pub mod classify;
pub mod families;
/// Log sources.
pub mod logs;
pub mod openmetrics;
pub mod prometheus;
pub mod series;
pub mod signal;
pub mod source;
pub mod stats;
pub mod tools;
