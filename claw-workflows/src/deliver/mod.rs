//! Renders reports and delivers them to people and services.

pub mod sink;

pub use sink::{DeliverError, Sink};
