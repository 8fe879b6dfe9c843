//! Rights: the role that tools need, and whether the agent has it.
//!
//! Tools declare what they reach for ([`Access`](claw_core::access::Access)); everything here is derived from that, so
//! role and tools cannot drift apart. There are two accounts: [`Manifests`] are of the one that reads, a [`WriteRole`] is of the
//! one that performs what was permitted. [`standing`] looks whether a cluster holds the latter to its role and to the admission
//! policies around it.

mod forbidden;
mod manifest;
mod preflight;
mod role;
mod standing;
mod writing;

#[cfg(test)]
mod tests;

pub use forbidden::{denied, forbidden};
pub use manifest::{Extension, ManifestError, Manifests, to_yaml};
pub use preflight::{Loss, Preflight, preflight};
pub use role::{PolicyRule, rules, split};
pub use standing::{Expected, standing};
pub use writing::{ForbiddenRight, WriteRole, stop_role};
