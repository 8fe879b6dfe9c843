//! Faults of the network between the agent and the real components.
//!
//! Each test breaks one thing, asks the real `claw-agent`, and holds it to four promises: it ends in time, it names what it
//! could not see and what to do, it asks a bounded number of times, and it sends the API server nothing but reads, although
//! it has every right.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

mod connections;
mod credentials;
mod failures;
mod investigated;
mod lists;
mod outages;
mod scene;
mod stops;
mod storms;
