//! The rights that tools declare, against real access control: they suffice, each is needed for what is said of it, and
//! everything else is denied. Whichever tools there are: the suite knows none of them by name.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

mod denied;
#[path = "../tools/hands.rs"]
mod hands;
mod inside;
mod look;
#[path = "../tools/objects.rs"]
mod objects;
mod right;
mod rights;
mod specified;
mod world;
