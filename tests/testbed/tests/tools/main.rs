//! Every tool against the real components, called as an agent calls it: by name, through the gate, with the rights that the
//! tools declare and no more.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

mod agent_under_test;
mod answers;
mod dependencies;
mod events;
mod gitops;
mod history;
mod log_store;
mod logs;
mod metrics;
mod nodes;
mod objects;
mod paging;
mod parameters;
mod pods;
mod workloads;
