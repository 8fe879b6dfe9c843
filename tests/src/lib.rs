//! Under construction.

pub mod faults;
pub mod loopback;
pub mod prometheus;
pub mod replay;
pub mod scenario;
