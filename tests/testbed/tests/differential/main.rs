//! The simulated servers answer as the real ones do.
//!
//! The same requests go to both. Where their answers differ, either the simulated server is wrong, or the difference is
//! listed beside the comparison with its reason.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

mod api;
mod ask;
mod logql;
mod promql;

use claw_testbed::suite::Testbed;

async fn testbed() -> Testbed {
    Testbed::for_test().await
}
