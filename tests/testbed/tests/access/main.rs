//! The rights that tools declare, against real access control: they suffice, each is needed for what is said of it, and
//! everything else is denied. Whichever tools there are: the suite knows none of them by name.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

#[path = "../tools/agent_under_test.rs"]
mod agent_under_test;
mod denied;
mod inside;
#[path = "../tools/objects.rs"]
mod objects;
mod observation;
mod right;
mod rights;
mod specified;
mod world;
