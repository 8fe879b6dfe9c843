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
//! People decide, not names: a [`Group`] holds people with the accounts that carriers know them by, and votes are counted, refused and
//! excluded by person.
//!
//! A [`Board`] of carriers, each a [`Post`], shows people what is asked ([`Shown`]) and brings their votes back, each by the account that
//! the carrier vouches for. Carriers that votes are sent to keep them in an [`Inbox`].
//!
//! A request is data: it asks nobody, takes the time as an argument, and whoever keeps it compares [`Request::version`] before
//! it is written back, so that of two decisions at a time one is refused.

mod binding;
mod group;
mod inbox;
mod post;
mod pull_request;
mod request;
#[cfg(any(test, feature = "testing"))]
mod sample;
mod shown;
mod terms;
mod vote;

pub use binding::{Binding, BindingError, Looked};
pub use group::{Group, Person};
pub use inbox::{Entry, Inbox, InboxError};
pub use post::{Board, Cause, Collected, Post, PostError};
pub use pull_request::PullRequest;
pub use request::{ApprovalError, Approved, Request, State};
#[cfg(any(test, feature = "testing"))]
pub use sample::Sample;
pub use shown::{Asked, Shown, ShownError};
pub use terms::{Terms, TermsError};
pub use vote::{Carrier, Verdict, Vote};

#[cfg(test)]
mod carrier_tests;
#[cfg(test)]
mod tests;
