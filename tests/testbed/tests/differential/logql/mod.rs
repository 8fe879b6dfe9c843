//! Loki: the same lines are in both, and the same queries go to both.

mod both;
mod client;
mod forms;
mod known;
mod lines;
