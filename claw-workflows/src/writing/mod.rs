//! An agent that writes: what it is set up with, the workflow that has changes done, what people ask of it over HTTP, and what goes
//! on beside its runs.
//!
//! | module | what it is |
//! |---|---|
//! | [`settings`] | the file that operators write |
//! | [`change`] | the workflow `change`: one change, proposed, judged, approved, done |
//! | [`api`] | actions and circuits over HTTP |
//! | [`Upkeep`] | hears what people have decided, watches the outer walls and the backends |
//! | [`ChannelNotices`] | tells people of what was done |
//!
//! Whether anything is written, and what, is for the guardrails to say: see [`claw_guardrails::pipeline`].

pub mod api;
pub mod change;
mod notices;
pub mod settings;
mod upkeep;

pub use notices::ChannelNotices;
pub use upkeep::Upkeep;
