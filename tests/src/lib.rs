//! Under construction.

pub mod faults;
pub mod loopback;
