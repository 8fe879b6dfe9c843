//! Fault switches for every server of the simulated world.
//!
//! A server is built as a plain [`axum::Router`] and wrapped by [`Faults::layer`]. The handle is shared: a test
//! keeps a clone, adds rules while the server runs, and reads the log of what was asked.
//!
//! ```
//! use std::time::Duration;
//! use claw_testkit::faults::{Fault, Faults, Rule};
//!
//! let faults = Faults::new();
//! // The first two range queries are throttled, everything is a little slow.
//! faults.add(Rule::new("/api/v1/query_range", Fault::too_many_requests(Duration::from_secs(1))).times(2));
//! faults.add(Rule::new("**", Fault::Latency(Duration::from_millis(5))));
//! ```

mod apply;
mod log;
mod rule;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};

pub use log::Exchange;
pub use rule::{Fault, Rule, Switches};

use log::Log;
use rule::{Armed, Plan};

/// How a server words an error that a [`Fault::Status`] produces.
pub type ErrorBody = fn(StatusCode) -> Response;

/// The faults of one server, and the log of the requests it got. Clones share both.
#[derive(Clone, Debug)]
pub struct Faults(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: Mutex<Vec<Armed>>,
    log: Log,
    error_body: ErrorBody,
}

impl Default for Faults {
    fn default() -> Self {
        Self::new()
    }
}

impl Faults {
    /// No faults. Errors that a rule produces have a short text body.
    pub fn new() -> Self {
        Self::with_error_body(plain_error)
    }

    /// No faults. Errors that a rule produces are worded by `error_body`, in the shape of the server it stands for.
    pub fn with_error_body(error_body: ErrorBody) -> Self {
        Self(Arc::new(Inner {
            rules: Mutex::new(Vec::new()),
            log: Log::default(),
            error_body,
        }))
    }

    /// Adds a rule. It holds from the next request on.
    ///
    /// All matching latencies and switches add up. Of the other faults, the first matching rule that was added wins.
    pub fn add(&self, rule: Rule) {
        self.rules().push(Armed::new(rule));
    }

    /// Removes all rules. The log stays.
    pub fn clear(&self) {
        self.rules().clear();
    }

    /// Wraps all routes of `router`, the fallback included.
    pub fn layer(&self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(self.clone(), apply::answer))
    }

    /// All requests so far, in the order in which they arrived.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.0.log.all()
    }

    /// The number of requests so far.
    pub fn count(&self) -> usize {
        self.0.log.len()
    }

    /// The largest number of requests that were being answered at one time.
    pub fn peak_concurrency(&self) -> usize {
        self.0.log.peak()
    }

    /// Forgets all requests so far.
    pub fn clear_log(&self) {
        self.0.log.clear();
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Armed>> {
        self.0.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to happen to one request. Counts the request against every rule that it matches.
    fn plan(&self, method: &Method, path: &str, query: &str) -> Plan {
        let mut plan = Plan::default();
        for armed in self.rules().iter_mut() {
            if armed.matches(method, path, query) {
                plan.consider(armed);
            }
        }
        plan
    }
}

fn plain_error(status: StatusCode) -> Response {
    (status, status.canonical_reason().unwrap_or("error").to_owned()).into_response()
}

#[cfg(test)]
mod tests;
