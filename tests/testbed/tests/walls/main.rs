//! The outer walls on a real API server: they deny what the policy forbids, and let pass what it does not; the account that writes
//! has the rights that it needs, and none of those that nobody gets; a wall that is missing or was changed is found.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)] // a failure is a panic; the suite sends what an agent never would

mod agreement;
mod asked;
mod broken;
mod cases;
mod forbidden;
mod held;
mod requests;
mod scene;
mod stored;
