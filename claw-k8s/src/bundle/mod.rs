//! Recorded worlds on disk: the interchange format for replay, tests, tickets and demos.

mod recorded;

pub use recorded::{RecordedChanges, RecordedTopology};
