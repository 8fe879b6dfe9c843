//! The rights that tools declare, against real access control: they suffice, each is needed for what is said of it, and
//! everything else is denied. Whichever tools there are: the suite knows none of them by name.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

mod denied;
#[allow(dead_code)] // made for the suite of the tools, of which this one needs a part
#[path = "../tools/hands.rs"]
mod hands;
mod inside;
mod look;
mod right;
mod rights;
mod specified;
mod world;
