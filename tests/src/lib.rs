//! Under construction.

pub mod alertmanager;
pub mod api;
pub mod elasticsearch;
pub mod faults;
#[cfg(test)]
mod http_probe;
pub mod loki;
pub mod loopback;
pub mod prometheus;
pub mod replay;
pub mod scenario;
pub mod slack;
pub mod world;
