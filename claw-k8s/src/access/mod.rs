//! Rights: the role that tools need, and whether the agent has it.
//!
//! Tools declare what they reach for ([`Access`](claw_core::access::Access)); everything here is derived from that, so
//! role and tools cannot drift apart.

mod manifest;
mod preflight;
mod role;

#[cfg(test)]
mod tests;

pub use manifest::{Extension, ManifestError, Manifests};
pub use preflight::{Loss, Preflight, preflight};
pub use role::{PolicyRule, rules, split};
