//! Prometheus: the same samples are in both, and the same queries go to both.
//!
//! The real one is the test's own and holds nothing else, so that answers about everything can be compared.

mod both;
mod compare;
mod forms;
mod known;
mod lists;
mod random;
mod recorded;
mod refusals;
mod samples;
mod typed;
