//! Under construction.
pub mod deliver;
pub mod trigger;
