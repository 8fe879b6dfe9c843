//! Approvals: what people said yes to is what is done, and it is done once.
//!
//! A [`Request`] shows people an action with everything that it rests on, its [`Binding`], under one digest. Each [`Vote`] names
//! the digest that was looked at. When enough people have said yes, the request is approved; [`Request::take`] gives the leave to
//! act, once, and only if everything that was bound is still so. One no decides, and no yes after it counts.
//!
//! ```text
//! pending ──enough yes──▶ approved ──take──▶ used
//!    │  └──one no──▶ denied      │
//!    └─────── the time is over ──┴──▶ expired
//! ```
//!
//! A request is data: it asks nobody, takes the time as an argument, and whoever keeps it compares [`Request::version`] before
//! it is written back, so that of two decisions at a time one is refused.

mod binding;
mod request;
mod vote;

pub use binding::Binding;
pub use request::{ApprovalError, Approved, Group, Request, State, Terms};
pub use vote::{Carrier, Verdict, Vote};

#[cfg(test)]
mod tests;
