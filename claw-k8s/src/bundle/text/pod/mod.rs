//! Pods.

mod described;
mod listed;

pub(super) use described::{container, described};
pub(super) use listed::listed;
