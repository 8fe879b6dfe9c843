//! The cluster: typed reading, the entity graph, and tools over both.
pub mod address;
pub mod cluster;
pub mod model;
pub mod quantity;
pub mod tools;
