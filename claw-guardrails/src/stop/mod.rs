//! The emergency stop.
//!
//! [`Stop`] is the state: the engine asks it before every call, and before every write a second time. [`Switch`] engages and
//! releases it so that it lasts: a mark beside the journal survives restarts, and the audit log says who did it and why.
//! [`Watch`] looks at the places from which people ask for it ([`StopSource`](claw_core::stop::StopSource)), such as a file
//! ([`StopFile`]).
//!
//! - It is sticky: that a file or a key is gone again releases nothing. A person releases it, and cannot while a place still asks
//!   for it.
//! - A place that cannot be looked at engages nothing. It is reported, and when it has lasted, nothing is written until it can
//!   be looked at again. Nothing is written either before each place was looked at once, and after the watch has ended.
//! - A mark that cannot be understood counts as one.
//!
//! ```
//! use claw_guardrails::stop::Stop;
//!
//! let stop = Stop::new();
//! assert!(stop.check_write().is_ok());
//! stop.engage("the new release misbehaves");
//! assert_eq!(stop.check_write().unwrap_err().rule, "stop.engaged");
//! ```

mod file;
mod mark;
mod state;
mod switch;
mod watch;

#[cfg(test)]
mod tests;

pub use file::StopFile;
pub use mark::{Mark, MarkError, MarkFile, Order};
pub use state::Stop;
pub use switch::{Status, Switch, SwitchError};
pub use watch::{Watch, WatchSettings};
