//! Under construction.
pub mod bundle;
