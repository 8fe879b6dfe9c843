//! Names of calls, for the ids of their requests.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

/// Gates that this process has made: two of the same nanosecond are told apart by it.
static GATES: AtomicU64 = AtomicU64::new(0);

/// Gives each call a name of its own.
#[derive(Debug)]
pub(super) struct Naming {
    name: String,
    calls: AtomicU64,
}

impl Naming {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            calls: AtomicU64::new(0),
        }
    }

    /// Names that begin with the time.
    pub(super) fn at(now: Timestamp) -> Self {
        let gate = GATES.fetch_add(1, Ordering::Relaxed);
        Self::new(format!("claw-{:x}-{gate}", now.as_nanosecond()))
    }

    /// The name of the next call.
    pub(super) fn next(&self) -> String {
        format!("{}.{}", self.name, self.calls.fetch_add(1, Ordering::Relaxed))
    }
}
